//! A file in memory that nobody else can change.
//!
//! Mapped rather than read: a database is a hundred megabytes of which few pages are asked for. Mapped,
//! it is the kernel's to keep or to give back, and the two that are there while a new one takes the old
//! one's place do not stay in a heap.

use std::{fs::File, io, path::Path};

use memmap2::Mmap;

/// The bytes of a file, mapped from a copy of it in `folder` that has no name.
pub(crate) fn copied(file: &Path, folder: &Path) -> io::Result<Mmap> {
    let mut source = File::open(file)?;
    let mut copy = tempfile::tempfile_in(folder)?;
    io::copy(&mut source, &mut copy)?;
    map(&copy)
}

#[allow(unsafe_code, reason = "the one mapping, of a file that only we can reach")]
fn map(copy: &File) -> io::Result<Mmap> {
    // SAFETY: a mapping is sound as long as nobody writes to the file or cuts it. This one has no name,
    // its only descriptor is ours and is closed on return, and all of it was written before.
    unsafe { Mmap::map(copy) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_copy_stays_as_it_was_whatever_becomes_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.mmdb");
        let bytes = vec![7; 100_000];
        fs::write(&file, &bytes).unwrap();
        let copy = copied(&file, folder.path()).unwrap();
        fs::write(&file, b"short").unwrap();
        assert!(copy[..] == bytes[..], "the file was cut in place");
        fs::remove_file(&file).unwrap();
        assert!(copy[..] == bytes[..], "the file was removed");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the copy has no name");
    }

    #[test]
    fn an_empty_file_and_none_at_all_are_no_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.mmdb");
        assert_eq!(copied(&file, folder.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&file, b"").unwrap();
        assert!(copied(&file, folder.path()).unwrap().is_empty());
    }
}
