//! The spools of all sources in one folder, which no other process may use.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use event::Millis;
use kafka_runtime::Outgoing;
use telemetry::SpoolRefusal;

use super::{
    entry,
    queue::{Batch, Queue, Replayed},
};

const LOCK: &str = "lock";

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolProblem {
    /// Another process has it.
    #[error(
        "the spool in {} belongs to another process that runs; give each instance of ingest a folder of its own (`spool_dir` under [ingest])",
        folder.display()
    )]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
    /// It cannot be read or written.
    #[error(
        "the spool in {} cannot be used: {cause}. Make the folder readable and writable, or set another with `spool_dir` under [ingest]",
        folder.display()
    )]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// The records of a request that are to be kept.
pub(super) struct Request {
    pub(super) source: String,
    pub(super) records: Vec<Outgoing>,
}

/// What lies there of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) events: u64,
    pub(super) bytes: u64,
    /// When the oldest was kept; milliseconds UTC.
    pub(super) oldest: Option<Millis>,
}

/// All spools.
pub(super) struct Store {
    folder: PathBuf,
    max_bytes: u64,
    queues: BTreeMap<String, Queue>,
    _lock: File,
}

/// What a group of requests writes into the spool of one source.
#[derive(Default)]
struct Share {
    entries: Vec<u8>,
    events: u64,
    requests: Vec<usize>,
}

impl Store {
    /// Opens the folder, which is made if it is not there, and looks through all that lies in it.
    pub(super) fn open(folder: &Path, max_bytes: u64) -> Result<Self, SpoolProblem> {
        let unusable = |cause| SpoolProblem::Unusable { folder: folder.to_owned(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let lock = lock(folder)?;
        let queues = queues(folder).map_err(unusable)?;
        Ok(Self { folder: folder.to_owned(), max_bytes, queues, _lock: lock })
    }

    /// Keeps requests in their order: each as a whole or not at all. One flush to the disk for
    /// each source among them. What is kept when it returns is on the disk.
    pub(super) fn keep(
        &mut self,
        requests: &[Request],
        now: Millis,
    ) -> Vec<Result<(), SpoolRefusal>> {
        let mut kept = vec![Err(SpoolRefusal::Full); requests.len()];
        for (source, share) in self.shares(requests, now) {
            let queue = self.queue(&source);
            let written = queue.and_then(|queue| queue.append(&share.entries, share.events, now));
            if let Err(error) = &written {
                tracing::error!(source, %error, "the disk does not take events into the spool");
            }
            let told = written.map_err(|_| SpoolRefusal::Disk);
            share.requests.iter().for_each(|index| kept[*index] = told);
        }
        kept
    }

    /// What each source gets of the requests that there is room for.
    fn shares(&self, requests: &[Request], now: Millis) -> BTreeMap<String, Share> {
        let mut shares: BTreeMap<String, Share> = BTreeMap::new();
        let mut taken = self.bytes();
        for (index, request) in requests.iter().enumerate() {
            let mut entries = Vec::new();
            for record in &request.records {
                entry::write(&mut entries, now, record);
            }
            let length = entries.len() as u64;
            if taken.saturating_add(length) > self.max_bytes {
                continue;
            }
            taken += length;
            let share = shares.entry(request.source.clone()).or_default();
            share.entries.extend(entries);
            share.events += request.records.len() as u64;
            share.requests.push(index);
        }
        shares
    }

    /// The records of a source that come next.
    pub(super) fn next(&mut self, source: &str) -> io::Result<Option<Batch>> {
        self.queues.get_mut(source).map_or(Ok(None), Queue::next)
    }

    /// The records of a batch of this source are in the log.
    pub(super) fn release(&mut self, source: &str, replayed: Replayed) -> io::Result<()> {
        self.queues.get_mut(source).map_or(Ok(()), |queue| queue.release(replayed))
    }

    /// What lies there of each source that ever had something here.
    pub(super) fn levels(&self) -> impl Iterator<Item = (&str, Level)> {
        self.queues.iter().map(|(source, queue)| {
            let (events, bytes, oldest) = (queue.events(), queue.bytes(), queue.oldest());
            (source.as_str(), Level { events, bytes, oldest })
        })
    }

    /// How many segments with changed bytes lie aside.
    pub(super) fn corrupt(&self) -> u64 {
        self.queues.values().map(Queue::corrupt).sum()
    }

    fn bytes(&self) -> u64 {
        self.queues.values().map(Queue::bytes).sum()
    }

    fn queue(&mut self, source: &str) -> io::Result<&mut Queue> {
        if !self.queues.contains_key(source) {
            let queue = Queue::open(&self.folder.join(folder_of(source)))?;
            self.queues.insert(source.to_owned(), queue);
        }
        self.queues.get_mut(source).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The system gives the lock back when the process ends, however it ends.
fn lock(folder: &Path) -> Result<File, SpoolProblem> {
    let unusable = |cause| SpoolProblem::Unusable { folder: folder.to_owned(), cause };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(folder.join(LOCK)).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolProblem::Taken { folder: folder.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(unusable(cause)),
    }
}

/// Of every source that has a folder, configured or not.
fn queues(folder: &Path) -> io::Result<BTreeMap<String, Queue>> {
    let mut queues = BTreeMap::new();
    for found in fs::read_dir(folder)? {
        let found = found?;
        if !found.file_type()?.is_dir() {
            continue;
        }
        if let Some(source) = found.file_name().to_str().and_then(source_of) {
            queues.insert(source, Queue::open(&found.path())?);
        }
    }
    Ok(queues)
}

/// `web.app` for the source `web/app`: neither word of an id has a dot.
fn folder_of(source: &str) -> String {
    source.replace('/', ".")
}

fn source_of(folder: &str) -> Option<String> {
    folder.split_once('.').map(|(space, name)| format!("{space}/{name}"))
}

#[cfg(test)]
mod tests {
    use topology::Topic;

    use super::*;

    fn request(source: &str, values: &[&str]) -> Request {
        let record = |value: &&str| Outgoing {
            topic: Topic::RawEvents,
            partition: None,
            key: Some(b"device".to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: Vec::new(),
        };
        Request { source: source.to_owned(), records: values.iter().map(record).collect() }
    }

    fn values(store: &mut Store, source: &str) -> Vec<String> {
        let batch = store.next(source).unwrap();
        let records = batch.map(|batch| batch.records).unwrap_or_default();
        records.into_iter().map(|it| String::from_utf8(it.value.unwrap()).unwrap()).collect()
    }

    #[test]
    fn requests_of_several_sources_are_kept_at_once_each_in_the_order_of_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), 10_000).unwrap();
        let requests =
            [request("web/a", &["1", "2"]), request("web/b", &["x"]), request("web/a", &["3"])];
        assert_eq!(store.keep(&requests, 9), [Ok(()); 3]);
        assert_eq!(values(&mut store, "web/a"), ["1", "2", "3"]);
        assert_eq!(values(&mut store, "web/b"), ["x"]);
        let levels: Vec<_> = store.levels().map(|(source, it)| (source, it.events)).collect();
        assert_eq!(levels, [("web/a", 3), ("web/b", 1)]);
        assert_eq!(store.levels().next().unwrap().1.oldest, Some(9));
    }

    #[test]
    fn what_does_not_fit_is_refused_as_a_whole_and_fits_again_after_a_replay() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), 300).unwrap();
        let (long, short) = ("l".repeat(150), "s".repeat(20));
        let requests = [
            request("web/a", &[&long]),
            request("web/b", &[&short, &long]),
            request("web/b", &[&short]),
        ];
        assert_eq!(store.keep(&requests, 0), [Ok(()), Err(SpoolRefusal::Full), Ok(())]);
        assert_eq!(values(&mut store, "web/b"), [short], "nothing of the refused request is there");
        assert_eq!(store.keep(&requests[..1], 0), [Err(SpoolRefusal::Full)]);
        let replayed = store.next("web/a").unwrap().unwrap().replayed();
        store.release("web/a", replayed).unwrap();
        assert_eq!(store.keep(&requests[..1], 0), [Ok(())]);
    }

    #[test]
    fn a_disk_that_does_not_take_it_is_told_and_the_other_sources_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("web.a"), "in the way").unwrap();
        let mut store = Store::open(folder.path(), 10_000).unwrap();
        let requests = [request("web/a", &["1"]), request("web/b", &["2"])];
        assert_eq!(store.keep(&requests, 0), [Err(SpoolRefusal::Disk), Ok(())]);
        fs::remove_file(folder.path().join("web.a")).unwrap();
        assert_eq!(store.keep(&requests[..1], 0), [Ok(())]);
    }

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 1).unwrap();
        let problem = Store::open(folder.path(), 1).map(|_| ()).unwrap_err();
        assert!(matches!(problem, SpoolProblem::Taken { .. }));
        let text = problem.to_string();
        assert!(text.contains("another process") && text.contains("`spool_dir`"), "{text}");
        drop(store);
        assert!(Store::open(folder.path(), 1).is_ok());
    }

    #[test]
    fn what_lies_there_is_found_whether_or_not_its_source_is_configured() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), 10_000).unwrap();
        store.keep(&[request("server/gone-2", &["1"])], 0);
        drop(store);
        let mut store = Store::open(folder.path(), 10_000).unwrap();
        assert_eq!(store.levels().map(|(source, _)| source).collect::<Vec<_>>(), ["server/gone-2"]);
        assert_eq!(values(&mut store, "server/gone-2"), ["1"]);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named_with_what_to_do() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let problem = Store::open(&file.path().join("spool"), 1).map(|_| ()).unwrap_err();
        let text = problem.to_string();
        assert!(text.contains(&file.path().display().to_string()), "{text}");
        assert!(text.contains("`spool_dir`"), "{text}");
    }
}
