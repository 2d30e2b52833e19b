//! The store on disk: what it keeps, what it drops, and what becomes of a damaged one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use std::{fs, path::Path};

use event::Fixed16;
use identity::{MessageKey, device_hash};
use identity_stitch::{
    Covered, DatedWrite, DeviceWrite, FjallStores, Kind, MemoryStores, OpenError, Store, Stores,
    Writes,
};
use kafka_runtime::{Fate, Numbered, Processor as _};
use pipeline::RejectReason;
use topology::Topic;
use world::{MemoryLog, commit, emitted, event, input, offline, process, stitcher};

fn key(name: &str) -> Fixed16 {
    MessageKey::of_message("web", name).to_fixed()
}

fn seen(store: &impl Store, name: &str) -> Option<(i32, Vec<u8>)> {
    store.dated(Kind::Message, key(name)).unwrap()
}

fn emitted_on(day: i32, name: &str) -> Writes {
    let write = DatedWrite { kind: Kind::Message, key: key(name), day, value: b"emitted".to_vec() };
    Writes { dated: vec![write], devices: Vec::new() }
}

fn linked(device: &str) -> Writes {
    let write = DeviceWrite { key: device_hash(device), value: Some(b"linked".to_vec()) };
    Writes { dated: Vec::new(), devices: vec![write] }
}

fn at(journal: i64) -> Covered {
    Covered { journal: Some(journal), state: None }
}

fn stores(dir: &Path) -> FjallStores {
    FjallStores::new(dir.to_owned(), 7)
}

#[test]
fn what_was_applied_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let long = "d".repeat(100_000);
    let mut store = stores(dir.path()).open(0, 6).unwrap();
    assert_eq!(store.covered(), Covered::default());
    store.apply(&emitted_on(20, "m"), at(5)).unwrap();
    store.apply(&linked(&long), Covered { journal: Some(5), state: Some(8) }).unwrap();
    drop(store);
    let store = stores(dir.path()).open(0, 6).unwrap();
    assert_eq!(store.covered(), Covered { journal: Some(5), state: Some(8) });
    assert_eq!(store.newest_day(), Some(20));
    assert_eq!(seen(&store, "m"), Some((20, b"emitted".to_vec())));
    assert_eq!(seen(&store, "other"), None);
    assert_eq!(store.dated(Kind::Session, key("m")).unwrap(), None, "another kind");
    assert_eq!(store.device(device_hash(&long)).unwrap(), Some(b"linked".to_vec()));
}

#[test]
fn a_device_without_a_link_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = stores(dir.path()).open(0, 6).unwrap();
    store.apply(&linked("d"), at(1)).unwrap();
    let gone = DeviceWrite { key: device_hash("d"), value: None };
    store.apply(&Writes { dated: Vec::new(), devices: vec![gone] }, at(2)).unwrap();
    assert_eq!(store.device(device_hash("d")).unwrap(), None);
}

#[test]
fn whole_days_are_dropped_when_they_leave_the_window_and_stay_dropped() {
    fn days<T: Stores>(mut stores: T) {
        let mut store = stores.open(0, 6).unwrap();
        store.apply(&emitted_on(10, "old"), at(1)).unwrap();
        store.apply(&emitted_on(17, "edge"), at(2)).unwrap();
        assert!(seen(&store, "old").is_some(), "7 days before still counts");
        store.apply(&emitted_on(18, "new"), at(3)).unwrap();
        drop(store);
        let store = stores.open(0, 6).unwrap();
        assert_eq!(seen(&store, "old"), None);
        assert!(seen(&store, "edge").is_some());
        assert_eq!(store.newest_day(), Some(18));
    }
    let dir = tempfile::tempdir().unwrap();
    days(stores(dir.path()));
    days(MemoryStores::new(7));
}

#[test]
fn a_changed_partition_count_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    drop(stores(dir.path()).open(0, 6).unwrap());
    let error = stores(dir.path()).open(0, 12).err().unwrap();
    assert_eq!(error, OpenError::PartitionCount { partition: 0, recorded: 6, now: 12 });
    assert!(error.to_string().contains("go back to 6 partitions"), "{error}");
    assert!(stores(dir.path()).open(0, 6).is_ok(), "nothing was wiped");

    let (_runtime, registry) = offline();
    let mut stage = stitcher(&registry, stores(dir.path()), 12);
    let halt = stage.assigned(&[0], &mut MemoryLog::default()).unwrap_err();
    assert_eq!(halt.dependency, "partition-count");
}

#[test]
fn a_store_that_is_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = stores(dir.path()).open(0, 6).unwrap();
    store.apply(&emitted_on(20, "m"), at(5)).unwrap();
    let error = stores(dir.path()).open(0, 6).err().unwrap();
    assert!(matches!(error, OpenError::Unavailable { partition: 0, .. }), "{error}");
    assert!(seen(&store, "m").is_some());
}

fn files(dir: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if extension.is_empty() || path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found
}

/// Files of sorted entries; there are some.
fn tables(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = files(dir, "");
    found.retain(|file| file.parent().is_some_and(|folder| folder.ends_with("tables")));
    assert!(!found.is_empty());
    found
}

/// Whatever is done to the files: it opens, and what it lacks comes from the changelogs.
#[test]
fn a_damaged_store_is_rebuilt_from_the_changelogs() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 8] = [
        ("every file is garbage", |dir| {
            for file in files(dir, "") {
                fs::write(&file, b"garbage garbage").unwrap();
            }
        }),
        ("every file is empty", |dir| {
            for file in files(dir, "") {
                fs::write(&file, b"").unwrap();
            }
        }),
        ("the journals are gone", |dir| {
            for file in files(dir, "jnl") {
                fs::remove_file(&file).unwrap();
            }
        }),
        ("the journals lost their second half", |dir| {
            for file in files(dir, "jnl") {
                let bytes = fs::read(&file).unwrap();
                let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
                fs::write(&file, &bytes[..used / 2]).unwrap();
            }
        }),
        ("one bit in the middle of each table is another", |dir| {
            for table in tables(dir) {
                let mut bytes = fs::read(&table).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&table, bytes).unwrap();
            }
        }),
        ("the first half of each table's entries is zeros", |dir| {
            for table in tables(dir) {
                let mut bytes = fs::read(&table).unwrap();
                let half = bytes.len() / 2;
                bytes[..half].fill(0);
                fs::write(&table, bytes).unwrap();
            }
        }),
        ("one table is gone", |dir| fs::remove_file(&tables(dir)[0]).unwrap()),
        ("the keyspaces are gone", |dir| fs::remove_dir_all(dir.join("keyspaces")).unwrap()),
    ];
    let (_runtime, registry) = offline();
    for (what, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let mut log = MemoryLog::default();
        let mut stage = stitcher(&registry, stores(dir.path()), 6);
        stage.assigned(&[0], &mut log).unwrap();
        for offset in 0..20 {
            let told = event(&format!("m{offset}"), Some("d"), Some("u"), 0);
            process(&mut stage, &input(&registry, 0, (offset, offset, 0), &told));
            commit(&mut stage, &mut log);
        }
        drop(stage);
        damage(&dir.path().join("p0"));
        let mut stage = stitcher(&registry, stores(dir.path()), 6);
        stage.assigned(&[0], &mut log).unwrap_or_else(|halt| panic!("{what}: {halt}"));
        for offset in 0..20 {
            let told = event(&format!("m{offset}"), Some("d"), Some("u"), 0);
            let again = process(&mut stage, &input(&registry, 0, (99, 100 + offset, 0), &told));
            assert!(matches!(again.fate, Fate::Discard(_)), "{what}: m{offset} came twice");
        }
        let anonymous = event("later", Some("d"), None, 0);
        let later = process(&mut stage, &input(&registry, 0, (99, 999, 0), &anonymous));
        assert_eq!(emitted(&registry, &later).unwrap().identity.basis, "link", "{what}");
    }
}

#[test]
fn a_condemned_store_is_wiped_at_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = stores(dir.path());
    let mut store = all.open(0, 6).unwrap();
    store.apply(&emitted_on(20, "m"), at(5)).unwrap();
    drop(store);
    all.condemn(0);
    assert_eq!(stores(dir.path()).open(0, 6).unwrap().covered(), Covered::default());
    drop(stores(dir.path()).open(0, 6).unwrap());
}

#[test]
fn catching_up_reads_only_what_the_store_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let (_runtime, registry) = offline();
    let mut log = MemoryLog::default();
    let mut stage = stitcher(&registry, stores(dir.path()), 6);
    stage.assigned(&[0], &mut log).unwrap();
    for offset in 0..10 {
        let told = event(&format!("m{offset}"), Some("d"), Some(&format!("u{offset}")), 0);
        process(&mut stage, &input(&registry, 0, (offset, offset, 0), &told));
        if offset < 9 {
            commit(&mut stage, &mut log);
        } else {
            world::append_changes(&mut stage, &mut log);
        }
    }
    drop(stage);
    log.replayed = 0;
    let mut stage = stitcher(&registry, stores(dir.path()), 6);
    stage.assigned(&[0], &mut log).unwrap();
    assert_eq!(log.replayed, 2, "the journal and state records of the last batch");
}

#[test]
fn a_partition_that_is_not_assigned_is_a_halt_and_garbage_is_a_dead_letter() {
    let (_runtime, registry) = offline();
    let mut log = MemoryLog::default();
    let mut stage = stitcher(&registry, MemoryStores::new(7), 6);
    stage.assigned(&[0, 1], &mut log).unwrap();
    stage.revoked(&[1]);
    let mut foreign = input(&registry, 1, (0, 0, 0), &event("m", None, None, 0));
    let numbered = Numbered { record: &foreign.record, waybill: foreign.waybill };
    assert_eq!(stage.process(&numbered).unwrap_err().dependency, "state-store");

    foreign.record.position.partition = 0;
    for value in [None, Some(b"garbage".as_slice())] {
        foreign.record.value = value.map(Into::into);
        let Fate::Reject(rejected) = process(&mut stage, &foreign).fate else { panic!("passed") };
        assert_eq!(rejected.reason, RejectReason::Undecodable);
    }
    assert!(stage.changes().unwrap().is_empty());
}

#[test]
fn what_does_not_fit_its_topic_is_not_remembered_as_emitted() {
    let (_runtime, registry) = offline();
    let mut stage = stitcher(&registry, MemoryStores::new(7), 6);
    stage.assigned(&[0], &mut MemoryLog::default()).unwrap();
    let mut huge = event("m", None, None, 0);
    huge.event.context = "x".repeat(Topic::StitchedEvents.max_message_bytes() as usize);
    let Fate::Reject(rejected) = process(&mut stage, &input(&registry, 0, (0, 0, 0), &huge)).fate
    else {
        panic!("passed")
    };
    assert_eq!(rejected.reason, RejectReason::TooLarge);
    let mended = event("m", None, None, 0);
    let redriven = process(&mut stage, &input(&registry, 0, (1, 0, 0), &mended));
    assert!(emitted(&registry, &redriven).is_some());
}

#[test]
fn a_link_is_told_beside_the_event_and_the_changes_go_to_the_inputs_partition() {
    let (_runtime, registry) = offline();
    let mut stage = stitcher(&registry, MemoryStores::new(7), 6);
    stage.assigned(&[4], &mut MemoryLog::default()).unwrap();
    let told = event("m", Some("d"), Some("u"), 0);
    let processed = process(&mut stage, &input(&registry, 4, (0, 0, 0), &told));
    let side: Vec<_> = processed.side.iter().map(|it| (it.topic, it.key.as_deref())).collect();
    assert_eq!(side, [(Topic::IdentityLinks, Some(&b"d"[..]))]);
    let changes = stage.changes().unwrap();
    let places: Vec<_> =
        changes.iter().map(|it| (it.topic, it.partition, it.key.as_deref())).collect();
    assert_eq!(
        places,
        [(Topic::IdentityJournal, Some(4), None), (Topic::IdentityState, Some(4), Some(&b"d"[..]))]
    );
    assert!(stage.committed(&[]).is_err(), "positions that are not those of the changes");
}
