//! What lies in the spool of one source, oldest first: segments in a folder of its own.

use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use event::Millis;
use kafka_runtime::Outgoing;

use super::{
    progress::{Place, Progress},
    segment::{CORRUPT, FIRST, KIND, Opened, Segment, sync_folder},
};

/// A segment that has as many bytes gets no more, unless one request is larger by itself.
pub(super) const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// The spool of one source.
pub(super) struct Queue {
    folder: PathBuf,
    segments: VecDeque<Segment>,
    /// The last segment, while it can be written to.
    active: Option<File>,
    /// Where the first record that is not in the log begins, in the first segment.
    read_to: u64,
    progress: Progress,
    /// No segment gets a number that one had before, or the progress of an old one would be taken
    /// for that of a new one.
    last_number: u64,
    corrupt: u64,
}

/// The records that are to be replayed next.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Outgoing>,
    end: Place,
    events: u64,
    last: Millis,
}

/// What of a batch has to be known once its records are in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replayed {
    end: Place,
    pub(crate) events: u64,
    last: Millis,
}

impl Batch {
    /// The batch without its records.
    pub(crate) fn replayed(&self) -> Replayed {
        Replayed { end: self.end, events: self.events, last: self.last }
    }
}

impl Queue {
    /// The queue in a folder, which is made if it is not there.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => folder.parent().map_or(Ok(()), sync_folder)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(error) => return Err(error),
        }
        let (progress, told) = Progress::open(folder)?;
        let (files, corrupt) = files(folder)?;
        let last_number = files.last().map_or(0, |(number, _)| *number);
        let mut queue = Self {
            folder: folder.to_owned(),
            segments: VecDeque::new(),
            active: None,
            read_to: FIRST,
            progress,
            last_number: last_number.max(told.map_or(0, |place| place.segment)),
            corrupt,
        };
        for (number, path) in files {
            queue.take_up(number, &path, told, number == last_number)?;
        }
        Ok(queue)
    }

    fn take_up(
        &mut self,
        number: u64,
        path: &Path,
        told: Option<Place>,
        last: bool,
    ) -> io::Result<()> {
        if told.is_some_and(|place| number < place.segment) {
            return fs::remove_file(path);
        }
        let from = told.filter(|place| place.segment == number).map_or(FIRST, |place| place.offset);
        let Opened { segment, set_aside } = Segment::open(path, number, from, last)?;
        self.corrupt += u64::from(set_aside);
        let Some(segment) = segment else { return Ok(()) };
        if self.segments.is_empty() {
            self.read_to = from;
        }
        self.segments.push_back(segment);
        Ok(())
    }

    /// Entries that are to be replayed.
    pub(super) fn events(&self) -> u64 {
        self.segments.iter().map(|segment| segment.events).sum()
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// When the oldest entry was kept; milliseconds UTC.
    pub(super) fn oldest(&self) -> Option<Millis> {
        self.segments.front().map(|segment| segment.oldest)
    }

    /// How many segments lie aside.
    pub(super) fn corrupt(&self) -> u64 {
        self.corrupt
    }

    /// Appends so many entries. Once it returns they are on the disk; if it fails, none of them
    /// counts as being there.
    pub(super) fn append(&mut self, entries: &[u8], events: u64, now: Millis) -> io::Result<()> {
        let length = entries.len() as u64;
        let room = |segment: &Segment| segment.bytes + length <= SEGMENT_BYTES;
        if !self.segments.back().is_some_and(room) {
            self.active = None;
        }
        let mut file = match self.active.take() {
            Some(file) => file,
            None => self.begin(now)?,
        };
        match file.write_all(entries).and_then(|()| file.sync_data()) {
            Ok(()) => {
                if let Some(segment) = self.segments.back_mut() {
                    segment.bytes += length;
                    segment.events += events;
                }
                self.active = Some(file);
                Ok(())
            }
            Err(error) => {
                self.abandon(&file);
                Err(error)
            }
        }
    }

    fn begin(&mut self, now: Millis) -> io::Result<File> {
        let number = self.last_number.saturating_add(1).max(u64::try_from(now).unwrap_or(0));
        self.last_number = number;
        let (segment, file) = Segment::create(&self.folder, number, now)?;
        self.segments.push_back(segment);
        Ok(file)
    }

    /// After a write that failed nobody knows what the file holds behind its sound part, nor, if it
    /// was the flush that failed, whether another flush would tell: it is written to no more.
    fn abandon(&mut self, file: &File) {
        let Some(segment) = self.segments.back() else { return };
        if let Err(error) = file.set_len(segment.bytes) {
            let file = segment.path.display();
            tracing::warn!(%file, %error, "what was written in part cannot be cut off");
        }
        if segment.bytes == FIRST {
            remove(&segment.path);
            self.segments.pop_back();
        }
    }

    /// The records that come next; the same again until they were [`release`](Self::release)d.
    pub(super) fn next(&mut self) -> io::Result<Option<Batch>> {
        loop {
            let Some(segment) = self.segments.front_mut() else { return Ok(None) };
            if self.read_to >= segment.bytes {
                self.drop_first();
                continue;
            }
            let Some(run) = segment.read(self.read_to)? else {
                self.repair_first()?;
                continue;
            };
            segment.oldest = run.first;
            let end = Place { segment: segment.number, offset: self.read_to + run.bytes };
            let events = run.records.len() as u64;
            return Ok(Some(Batch { records: run.records, end, events, last: run.last }));
        }
    }

    /// The records of this batch are in the log.
    pub(super) fn release(&mut self, replayed: Replayed) -> io::Result<()> {
        let Some(segment) = self.segments.front_mut() else { return Ok(()) };
        if segment.number != replayed.end.segment {
            return Ok(());
        }
        self.read_to = replayed.end.offset;
        segment.events = segment.events.saturating_sub(replayed.events);
        segment.oldest = replayed.last;
        if self.read_to >= segment.bytes {
            self.drop_first();
            return Ok(());
        }
        self.progress.note(replayed.end)
    }

    fn drop_first(&mut self) {
        if let Some(segment) = self.segments.pop_front() {
            remove(&segment.path);
        }
        self.read_to = FIRST;
        if self.segments.is_empty() {
            self.active = None;
        }
    }

    /// Bytes that were sound at the start are not what was written any more.
    fn repair_first(&mut self) -> io::Result<()> {
        let Some(segment) = self.segments.pop_front() else { return Ok(()) };
        if self.segments.is_empty() {
            self.active = None;
        }
        match Segment::open(&segment.path, segment.number, self.read_to, false) {
            Ok(Opened { segment: repaired, set_aside }) => {
                self.corrupt += u64::from(set_aside);
                match repaired {
                    Some(repaired) => self.segments.push_front(repaired),
                    None => self.read_to = FIRST,
                }
                Ok(())
            }
            Err(error) => {
                self.segments.push_front(segment);
                Err(error)
            }
        }
    }
}

/// A released segment that cannot be removed is replayed once more after the next start.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(file = %path.display(), %error, "a replayed segment cannot be removed");
    }
}

/// The segments of a folder in order, and how many lie aside.
fn files(folder: &Path) -> io::Result<(Vec<(u64, PathBuf)>, u64)> {
    let (mut segments, mut corrupt) = (Vec::new(), 0);
    for found in fs::read_dir(folder)? {
        let path = found?.path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        match (kind, number) {
            (Some(KIND), Some(number)) => segments.push((number, path)),
            (Some(CORRUPT), _) => corrupt += 1,
            _ => {}
        }
    }
    segments.sort_unstable();
    Ok((segments, corrupt))
}
