//! One file of entries.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use event::Millis;
use kafka_runtime::Outgoing;

use super::entry::{self, Found};

/// How every segment begins.
pub(super) const MAGIC: [u8; 8] = *b"wbspool1";

/// Where the first entry of a segment begins.
pub(super) const FIRST: u64 = MAGIC.len() as u64;

/// The end of a segment's name.
pub(super) const KIND: &str = "spool";

/// The end of the name of a segment that was set aside.
pub(super) const CORRUPT: &str = "corrupt";

/// Most records that are replayed at once.
const BATCH_RECORDS: usize = 1000;

/// A segment of which all that is known is sound and on the disk.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// How far it is sound. Nothing behind that was acknowledged.
    pub(super) bytes: u64,
    /// Entries that are to be replayed.
    pub(super) events: u64,
    /// When the first of them was kept, or the one before it.
    pub(super) oldest: Millis,
}

/// Records that follow each other.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) records: Vec<Outgoing>,
    /// When the first was kept.
    pub(super) first: Millis,
    /// When the last was kept.
    pub(super) last: Millis,
    /// Their bytes.
    pub(super) bytes: u64,
}

/// What the bytes of a segment hold.
#[derive(Debug, PartialEq, Eq)]
struct Scan {
    /// The sound entries.
    whole: Vec<Range<usize>>,
    oldest: Option<Millis>,
    fault: Option<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Its end was not written: nobody was told that it was.
    Torn,
    /// Bytes are not what was written.
    Changed,
}

/// What became of a segment as it was opened.
pub(super) struct Opened {
    /// None if there is nothing in it.
    pub(super) segment: Option<Segment>,
    /// Whether a copy with changed bytes was set aside.
    pub(super) set_aside: bool,
}

fn scan(bytes: &[u8], from: usize) -> Scan {
    let mut scan = Scan { whole: Vec::new(), oldest: None, fault: None };
    if !bytes.starts_with(&MAGIC) {
        let begun = MAGIC.starts_with(bytes) || bytes.iter().all(|byte| *byte == 0);
        scan.fault = Some(if begun { Fault::Torn } else { Fault::Changed });
        return scan;
    }
    let mut at = from;
    loop {
        match entry::read(bytes.get(at..).unwrap_or_default()) {
            Found::Nothing => return scan,
            Found::Whole(entry, length) => {
                scan.oldest.get_or_insert(entry.kept_at);
                scan.whole.push(at..at + length);
                at += length;
            }
            Found::Changed(length) => {
                scan.fault = Some(Fault::Changed);
                at += length;
            }
            Found::Torn => {
                scan.fault.get_or_insert(Fault::Torn);
                return scan;
            }
            Found::Unknown => {
                scan.fault = Some(Fault::Changed);
                return scan;
            }
        }
    }
}

impl Segment {
    /// Begins a segment in a folder. Its name is on the disk; its bytes are not yet.
    pub(super) fn create(folder: &Path, number: u64, now: Millis) -> io::Result<(Self, File)> {
        let path = folder.join(format!("{number:020}.{KIND}"));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        if let Err(error) = file.write_all(&MAGIC).and_then(|()| sync_folder(folder)) {
            // An empty one in the middle would look like one that was damaged.
            fs::remove_file(&path)?;
            return Err(error);
        }
        Ok((Self { number, path, bytes: FIRST, events: 0, oldest: now }, file))
    }

    /// Looks through a segment that is there. What lies before `from` is in the log already. The
    /// end of the `last` one may be torn; anything else that is not as it was written is set aside.
    pub(super) fn open(path: &Path, number: u64, from: u64, last: bool) -> io::Result<Opened> {
        let bytes = fs::read(path)?;
        let from = offset(from);
        let scan = scan(&bytes, from);
        let end = match scan.fault {
            None => bytes.len(),
            Some(Fault::Torn) if last => cut(path, &bytes, scan.end(from))?,
            Some(_) => set_aside(path, &bytes, from, &scan)?,
        };
        let set_aside = scan.fault.is_some_and(|fault| fault == Fault::Changed || !last);
        let (bytes, events) = (end as u64, scan.whole.len() as u64);
        let segment =
            scan.oldest.map(|oldest| Self { number, path: path.to_owned(), bytes, events, oldest });
        if segment.is_none() {
            fs::remove_file(path)?;
        }
        Ok(Opened { segment, set_aside })
    }

    /// The records from an offset on, at most so many as are replayed at once. None if the bytes
    /// there are not what was written.
    pub(super) fn read(&self, from: u64) -> io::Result<Option<Run>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(from))?;
        let length = self.bytes.saturating_sub(from).min(2 * entry::LONGEST as u64);
        let mut bytes = Vec::with_capacity(offset(length));
        file.take(length).read_to_end(&mut bytes)?;
        let mut run = Run::default();
        let mut rest = &bytes[..];
        while run.records.len() < BATCH_RECORDS
            && let Found::Whole(entry, length) = entry::read(rest)
        {
            if run.records.is_empty() {
                run.first = entry.kept_at;
            }
            run.last = entry.kept_at;
            run.records.push(entry.record);
            run.bytes += length as u64;
            rest = &rest[length..];
        }
        Ok((!run.records.is_empty()).then_some(run))
    }
}

impl Scan {
    fn end(&self, from: usize) -> usize {
        self.whole.last().map_or(from, |range| range.end)
    }
}

fn offset(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Cuts off what follows `end`; where the segment ends now.
fn cut(path: &Path, bytes: &[u8], end: usize) -> io::Result<usize> {
    let end = end.min(bytes.len());
    let torn = bytes.len() - end;
    tracing::warn!(
        file = %path.display(),
        bytes = torn,
        "the end of a segment was not written before the process ended, and nobody was told that it \
         was: it is cut off"
    );
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(end as u64)?;
    file.sync_all()?;
    Ok(end)
}

/// Keeps a segment under another name, and puts what is sound of it in its place; where that ends.
/// What lies before `from` stays as it is, so that the places in it stay the same.
fn set_aside(path: &Path, bytes: &[u8], from: usize, scan: &Scan) -> io::Result<usize> {
    let aside = link_aside(path)?;
    tracing::error!(
        file = %aside.display(),
        sound_events = scan.whole.len(),
        "bytes of a segment of the spool changed on the disk: the segment is kept under this name, \
         and what is sound of it is replayed. Compare it with a backup of the disk, then delete it"
    );
    let mut sound = MAGIC.to_vec();
    sound.extend(bytes.get(MAGIC.len()..from).unwrap_or_default());
    scan.whole.iter().for_each(|range| sound.extend(&bytes[range.clone()]));
    let repaired = path.with_extension("repaired");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&repaired)?;
    file.write_all(&sound)?;
    file.sync_all()?;
    fs::rename(&repaired, path)?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(sound.len())
}

/// A second name for a file, that no other has.
fn link_aside(path: &Path) -> io::Result<PathBuf> {
    for copy in 0_u32.. {
        let aside = path.with_extension(if copy == 0 {
            CORRUPT.to_owned()
        } else {
            format!("{copy}.{CORRUPT}")
        });
        match fs::hard_link(path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            linked => return linked.map(|()| aside),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes the names in a folder outlive a power loss.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
