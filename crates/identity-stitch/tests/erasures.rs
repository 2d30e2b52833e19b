//! An order to forget a person, on a stage with its changelogs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use event::{ErasedIds, IdentityAlias, IdentityCommand, Origin};
use identity::{Aliases, ERASE, MERGE, Rules, device_hash, user_hash};
use identity_stitch::{FjallStores, MemoryStores, Stitcher, Stores};
use kafka_runtime::{Outgoing, Position, Processor as _, Record};
use schema_registry::Registry;
use topology::Topic;
use world::{
    MemoryLog, append_changes, commit, emitted, event, input, offline, process, stitcher,
    stitcher_with,
};

fn order(registry: &Registry, partition: i32, erased: Option<ErasedIds>) -> Record {
    let command = IdentityCommand {
        action: ERASE.to_owned(),
        anonymous_id: None,
        previous_id: None,
        user_id: String::new(),
        who: "ops".to_owned(),
        why: "erasure".to_owned(),
        at: 0,
        erased,
    };
    let topic = Topic::IdentityCommands;
    let value = registry.encoder(topic).unwrap().encode(&command).unwrap();
    Record {
        position: Position { topic, partition, offset: 0 },
        timestamp: Some(0),
        key: None,
        value: Some(value.into()),
        headers: Vec::new(),
    }
}

fn ids(devices: &[&str], users: &[&str]) -> ErasedIds {
    ErasedIds {
        devices: devices.iter().map(|id| device_hash(id)).collect(),
        shared_devices: Vec::new(),
        users: users.iter().map(|id| user_hash(id)).collect(),
    }
}

fn basis<T: Stores>(stage: &mut Stitcher<T>, registry: &Registry, device: &str) -> String {
    let probe = event(&format!("probe {device}"), Some(device), None, 0);
    let processed = process(stage, &input(registry, 0, (900, 900, 0), &probe));
    let basis = emitted(registry, &processed).unwrap().identity.basis;
    stage.aborted();
    basis
}

/// Ann's device is told, forgotten, and told no more: with the store as it is, as it was closed, and
/// after it was lost.
fn forgets<T: Stores + Clone>(stores: &T, lose: impl Fn()) {
    let (_runtime, registry) = offline();
    let mut log = MemoryLog::default();
    let mut stage = stitcher(&registry, stores.clone(), 6);
    stage.assigned(&[0], &mut log).unwrap();
    for (offset, (device, user)) in (0..).zip([("d", "ann"), ("e", "bob")]) {
        let told = event(&format!("m{offset}"), Some(device), Some(user), 0);
        process(&mut stage, &input(&registry, 0, (offset, offset, 0), &told));
        commit(&mut stage, &mut log);
    }
    assert_eq!(basis(&mut stage, &registry, "d"), "link");
    let record = order(&registry, 0, Some(ids(&["d"], &["ann"])));
    assert_eq!(stage.follow(&record).unwrap(), []);
    assert_eq!(basis_in_batch(&mut stage, &registry), "anonymous_id", "within the batch");
    let written = append_changes(&mut stage, &mut log);
    stage.committed(&written).unwrap();
    let expected = ["anonymous_id", "link"];
    assert_eq!(["d", "e"].map(|it| basis(&mut stage, &registry, it)), expected);
    drop(stage);
    for lost in [false, true] {
        if lost {
            lose();
        }
        let mut stage = stitcher(&registry, stores.clone(), 6);
        stage.assigned(&[0], &mut log).unwrap();
        let found = ["d", "e"].map(|it| basis(&mut stage, &registry, it));
        assert_eq!(found, expected, "lost: {lost}");
        // What was emitted is still known as such.
        let again = event("m0", Some("d"), Some("ann"), 0);
        let repeat = process(&mut stage, &input(&registry, 0, (901, 901, 0), &again));
        assert!(emitted(&registry, &repeat).is_none());
    }
}

/// Without giving up what the batch holds.
fn basis_in_batch<T: Stores>(stage: &mut Stitcher<T>, registry: &Registry) -> String {
    let probe = event("within", Some("d"), None, 0);
    let processed = process(stage, &input(registry, 0, (899, 899, 0), &probe));
    emitted(registry, &processed).unwrap().identity.basis
}

#[test]
fn a_device_that_was_forgotten_stays_so_when_the_store_is_lost() {
    let stores = MemoryStores::new(7);
    forgets(&stores, || stores.wipe(0));
}

#[test]
fn the_same_holds_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    forgets(&Disk(dir.path().to_owned()), || {
        std::fs::remove_dir_all(dir.path().join("p0")).unwrap();
    });
}

#[derive(Clone)]
struct Disk(std::path::PathBuf);

impl Stores for Disk {
    type Store = <FjallStores as Stores>::Store;

    fn open(
        &mut self,
        partition: i32,
        count: u16,
    ) -> Result<Self::Store, identity_stitch::OpenError> {
        FjallStores::new(self.0.clone(), 7).open(partition, count)
    }

    fn condemn(&mut self, partition: i32) {
        FjallStores::new(self.0.clone(), 7).condemn(partition);
    }
}

#[test]
fn the_changelog_gets_a_record_without_a_value_for_a_device_that_is_forgotten() {
    let (_runtime, registry) = offline();
    let mut log = MemoryLog::default();
    let mut stage = stitcher(&registry, MemoryStores::new(7), 6);
    stage.assigned(&[0], &mut log).unwrap();
    process(&mut stage, &input(&registry, 0, (0, 0, 0), &event("m", Some("d"), Some("u"), 0)));
    commit(&mut stage, &mut log);
    stage.follow(&order(&registry, 0, Some(ids(&["d", "unknown"], &["u"])))).unwrap();
    let changes = stage.changes().unwrap();
    let of_state: Vec<&Outgoing> =
        changes.iter().filter(|it| it.topic == Topic::IdentityState).collect();
    assert_eq!(of_state.len(), 1);
    assert_eq!((of_state[0].key.as_deref(), &of_state[0].value), (Some(&b"d"[..]), &None));
}

#[test]
fn merges_are_forgotten_by_the_first_partition_alone_and_an_order_that_names_nobody_by_none() {
    let (_runtime, registry) = offline();
    let mut aliases = Aliases::default();
    aliases.apply(&IdentityAlias {
        kind: MERGE.to_owned(),
        previous_id: "old".to_owned(),
        user_id: "ann".to_owned(),
        rule: "alias".to_owned(),
        cause: Origin { epoch: 0, partition: 0, offset: 1 },
        event_time: 1,
        appended_at: 1,
        who: None,
        why: None,
    });
    let rules = (6, Rules::new(7), aliases);
    let mut stage = stitcher_with(&registry, MemoryStores::new(7), rules);
    stage.assigned(&[0, 1], &mut MemoryLog::default()).unwrap();
    let told = stage.follow(&order(&registry, 0, Some(ids(&[], &["ann"])))).unwrap();
    let told: Vec<_> = told.iter().map(|it| (it.topic, it.key.as_deref(), &it.value)).collect();
    assert_eq!(told, [(Topic::IdentityAliases, Some(&b"old\0ann"[..]), &None)]);
    assert_eq!(stage.follow(&order(&registry, 1, Some(ids(&[], &["ann"])))).unwrap(), []);
    assert_eq!(stage.follow(&order(&registry, 0, None)).unwrap(), []);
}
