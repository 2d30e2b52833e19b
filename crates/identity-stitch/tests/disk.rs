//! What becomes of a store whose process is killed or whose disk is full. Both need a process of
//! their own, so these tests run themselves again, told by a variable what to be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use std::{
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use event::{Fixed16, IdentityJournal, JournalEntry, Origin};
use identity::{KEY_VERSION, MessageKey};
use identity_stitch::{
    Covered, DatedWrite, FjallStores, Kind, OpenError, Store as _, StoreError, Stores, Writes,
};
use kafka_runtime::{Changelog, Fate, Outgoing, Position, Processor as _, Record};
use pipeline::Halt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use schema_registry::Registry;
use topology::Topic;
use world::{MemoryLog, event, input, offline, process, stitcher};

/// Tells the process that a test starts where the store is.
const FOLDER: &str = "WAYBILL_TEST_STORE";
/// Entries of a record of the changelog, and how many records there are.
const ENTRIES: i64 = 10_000;
const RECORDS: i64 = 20;

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Runs the test of this name again, as the process that it starts.
fn again(test: &str, folder: &Path) -> ExitStatus {
    // A file that grows too large is to be an error and no signal.
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    command.env(FOLDER, folder).status().unwrap()
}

fn journal(registry: &Registry) -> MemoryLog {
    let encoder = registry.encoder(Topic::IdentityJournal).unwrap();
    let mut log = MemoryLog::default();
    for record in 0..RECORDS {
        let entries = (record * ENTRIES..(record + 1) * ENTRIES).map(entry).collect();
        let (business_keys, sessions, contexts) = (Vec::new(), Vec::new(), Vec::new());
        let journal =
            IdentityJournal { version: KEY_VERSION, entries, business_keys, sessions, contexts };
        log.append(Outgoing {
            topic: Topic::IdentityJournal,
            partition: Some(0),
            key: None,
            value: Some(encoder.encode(&journal).unwrap()),
            headers: Vec::new(),
        });
    }
    log
}

fn key(number: i64) -> Fixed16 {
    MessageKey::of_message("web/app", &format!("m{number}")).to_fixed()
}

fn entry(number: i64) -> JournalEntry {
    let origin = Origin { epoch: 0, partition: 0, offset: number };
    JournalEntry { key: key(number), origin, fingerprint: 0, day: 0 }
}

/// A log during whose replay the process is killed.
struct Deadly<'a> {
    log: &'a mut MemoryLog,
    records: i64,
}

impl Changelog for Deadly<'_> {
    fn replay(
        &mut self,
        from: Position,
        each: &mut dyn FnMut(Record) -> Result<(), Halt>,
    ) -> Result<i64, Halt> {
        let left = &mut self.records;
        self.log.replay(from, &mut |record| {
            each(record)?;
            *left -= 1;
            if *left == 0 {
                rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::KILL,
                )
                .unwrap();
            }
            Ok(())
        })
    }
}

#[test]
fn a_restore_that_is_killed_goes_on_where_it_was() {
    let (_runtime, registry) = offline();
    let mut log = journal(&registry);
    if let Some(folder) = folder() {
        let mut stage = stitcher(&registry, FjallStores::new(folder, 7), 6);
        stage.assigned(&[0], &mut Deadly { log: &mut log, records: RECORDS * 4 / 5 }).unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let died = again("a_restore_that_is_killed_goes_on_where_it_was", dir.path());
    assert_eq!(died.signal(), Some(9), "{died}");
    let mut stage = stitcher(&registry, FjallStores::new(dir.path().to_owned(), 7), 6);
    stage.assigned(&[0], &mut log).unwrap();
    let records = usize::try_from(RECORDS).unwrap();
    assert!(log.replayed <= records / 2, "read {} of {records} again", log.replayed);
    for number in (0..RECORDS * ENTRIES).step_by(1_999) {
        let told = event(&format!("m{number}"), None, None, 0);
        let repeat = process(&mut stage, &input(&registry, 0, (number, number, 0), &told));
        assert!(matches!(repeat.fate, Fate::Discard(_)), "m{number} is not known");
    }
}

fn batch(first: i64) -> Writes {
    let write =
        |number| DatedWrite { kind: Kind::Message, key: key(number), day: 0, value: vec![1; 22] };
    Writes { dated: (first..first + ENTRIES).map(write).collect(), devices: Vec::new() }
}

fn limit_files(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
}

/// A disk that is full refuses to let a file grow, and so does a limit on the size of files.
#[test]
fn a_full_disk_is_waited_for_and_costs_nothing_that_was_taken() {
    let Some(folder) = folder() else {
        let dir = tempfile::tempdir().unwrap();
        let ended = again("a_full_disk_is_waited_for_and_costs_nothing_that_was_taken", dir.path());
        assert!(ended.success(), "{ended}");
        return;
    };
    let mut stores = FjallStores::new(folder, 7);
    let mut store = stores.open(0, 6).unwrap();
    limit_files(Some(64 * 1024));
    let mut taken = 0;
    let error = loop {
        let covered = Covered { journal: Some(taken + 1), state: None };
        match store.apply(&batch(taken * ENTRIES), covered) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100, "everything fitted");
    };
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let present = |store: &<FjallStores as Stores>::Store, number| {
        store.dated(Kind::Message, key(number)).unwrap().is_some()
    };
    assert!((0..taken * ENTRIES).step_by(97).all(|number| present(&store, number)));
    assert!(!present(&store, taken * ENTRIES), "of a batch that was refused");
    drop(store);
    match stores.open(0, 6) {
        Ok(store) => assert_eq!(store.covered(), Covered::default()),
        Err(error) => assert!(matches!(error, OpenError::Unavailable { .. }), "{error}"),
    }

    limit_files(None);
    let mut store = stores.open(0, 6).unwrap();
    assert_eq!(store.covered(), Covered::default(), "what was taken was not on the disk");
    for number in 0..=taken {
        let covered = Covered { journal: Some(number + 1), state: None };
        store.apply(&batch(number * ENTRIES), covered).unwrap();
    }
    drop(store);
    let store = stores.open(0, 6).unwrap();
    assert_eq!(store.covered().journal, Some(taken + 1));
    assert!((0..(taken + 1) * ENTRIES).step_by(97).all(|number| present(&store, number)));
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.metadata().unwrap() {
            about if about.is_dir() => bytes_below(&entry.path()),
            about => about.len(),
        })
        .sum()
}

/// docs/identity.md, "Disk and memory of the state": 17 bytes of key, the value, and 6 around them.
#[test]
fn the_store_takes_as_many_bytes_on_the_disk_as_the_page_says() {
    const BATCHES: i64 = 30;
    let dir = tempfile::tempdir().unwrap();
    let mut stores = FjallStores::new(dir.path().to_owned(), 7);
    let mut store = stores.open(0, 6).unwrap();
    for number in 0..BATCHES {
        let covered = Covered { journal: Some(number + 1), state: None };
        store.apply(&batch(number * ENTRIES), covered).unwrap();
    }
    drop(store);
    drop(stores.open(0, 6).unwrap());
    let taken = bytes_below(&dir.path().join("p0/keyspaces")) / (BATCHES * ENTRIES).unsigned_abs();
    assert!((17 + 22 + 4..=17 + 22 + 8 + 4).contains(&taken), "{taken} bytes a message");
}
