//! How far a source's spool was replayed, across restarts.
//!
//! It is not flushed to the disk: after a power loss it may be older than it was, and what was
//! replayed since is replayed again.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

const NAME: &str = "progress";
/// Two numbers of eight bytes and the CRC-32 of both.
const BYTES: usize = 20;

/// A place in a source's spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Number of a segment.
    pub(super) segment: u64,
    /// Bytes from its beginning.
    pub(super) offset: u64,
}

/// The file that tells up to which place everything is in the log.
pub(super) struct Progress(File);

impl Progress {
    /// Opens the file of a source's folder; what it tells, if it tells anything.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Option<Place>)> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(folder.join(NAME))?;
        let mut bytes = [0; BYTES];
        let told = file.read_exact_at(&mut bytes, 0).is_ok().then(|| decoded(&bytes)).flatten();
        Ok((Self(file), told))
    }

    /// Everything up to this place is in the log.
    pub(super) fn note(&self, place: Place) -> io::Result<()> {
        self.0.write_all_at(&encoded(place), 0)
    }
}

fn encoded(place: Place) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&place.segment.to_le_bytes());
    bytes[8..16].copy_from_slice(&place.offset.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decoded(bytes: &[u8; BYTES]) -> Option<Place> {
    let number = |at: usize| Some(u64::from_le_bytes(bytes[at..at + 8].try_into().ok()?));
    let place = Place { segment: number(0)?, offset: number(8)? };
    (encoded(place) == *bytes).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_noted_is_told_and_one_half_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (progress, told) = Progress::open(folder.path()).unwrap();
        assert_eq!(told, None);
        let places = [Place { segment: 3, offset: 900 }, Place { segment: 4, offset: 8 }];
        for place in places {
            progress.note(place).unwrap();
            assert_eq!(Progress::open(folder.path()).unwrap().1, Some(place));
        }
        progress.0.write_all_at(&[9], 8).unwrap();
        assert_eq!(Progress::open(folder.path()).unwrap().1, None);
    }
}
