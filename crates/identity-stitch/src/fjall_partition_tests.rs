use std::{
    thread,
    time::{Duration, Instant},
};

use identity::MessageKey;

use super::*;
use crate::store::DatedWrite;

const OWNER: Owner = Owner { partition: 0, count: 1 };
const WINDOW: Window = Window { days: 7 };

fn key(number: u64) -> Fixed16 {
    MessageKey::of_message("web", &number.to_string()).to_fixed()
}

fn write(number: u64, day: Day) -> DatedWrite {
    DatedWrite { kind: Kind::Message, key: key(number), day, value: vec![1; 22] }
}

fn open(path: &Path) -> FjallPartition {
    FjallPartition::open(path, OWNER, WINDOW).unwrap()
}

fn writes(numbers: std::ops::Range<u64>, day: Day) -> Writes {
    Writes { dated: numbers.map(|number| write(number, day)).collect(), devices: Vec::new() }
}

/// What a power loss can do: `meta` reached the disk, the day that it speaks of did not.
#[test]
fn a_keyspace_that_lost_what_meta_claims_is_found_at_opening() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.apply(&writes(0..1, 20), Covered { journal: Some(1), state: None }).unwrap();
    store.flush().unwrap();
    let day = Place::Day(20);
    let drawer = store.drawers.remove(&day).unwrap().into_keyspace();
    store.db.delete_keyspace(drawer).unwrap();
    drop(store);
    let unfit = FjallPartition::open(dir.path(), OWNER, WINDOW).err().unwrap();
    let Unfit::Store(StoreError::Damaged(detail)) = unfit else { panic!("{unfit:?}") };
    assert!(detail.contains("day-20 has lost writes"), "{detail}");
}

fn at(journal: i64) -> Covered {
    Covered { journal: Some(journal), state: None }
}

fn day_of(store: &FjallPartition, number: u64) -> Option<Day> {
    store.dated(Kind::Message, key(number)).unwrap().map(|(day, _)| day)
}

#[test]
fn what_was_gathered_is_found_as_what_was_flushed_and_the_newest_day_counts() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.apply(&writes(0..4, 20), at(1)).unwrap();
    assert_eq!(day_of(&store, 3), Some(20));
    store.flush().unwrap();
    assert_eq!(day_of(&store, 3), Some(20));
    store.apply(&writes(3..6, 21), at(2)).unwrap();
    let days = [2, 3, 5, 6].map(|number| day_of(&store, number));
    assert_eq!(days, [Some(20), Some(21), Some(21), None]);
    store.flush().unwrap();
    assert_eq!([2, 3, 5, 6].map(|number| day_of(&store, number)), days);
}

#[test]
fn a_new_day_flushes_what_was_gathered_of_the_day_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.apply(&writes(0..4, 20), at(1)).unwrap();
    assert_eq!(store.flushed, Covered::default());
    store.apply(&writes(4..5, 21), at(2)).unwrap();
    assert_eq!((store.flushed, store.covered), (at(1), at(2)));
}

#[test]
fn no_more_is_gathered_than_was_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let half = FLUSH_AT as u64 / 2 + 1;
    store.apply(&writes(0..half, 20), at(1)).unwrap();
    store.apply(&writes(half..2 * half, 20), at(2)).unwrap();
    assert_eq!(store.flushed, at(1));
    assert_eq!(store.gathered.values().map(Run::len).sum::<usize>() as u64, half);
}

/// Killed after the runs were written and before `meta` said so.
#[test]
fn a_flush_that_was_cut_short_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.apply(&writes(0..2, 20), at(1)).unwrap();
    store.flush().unwrap();
    store.apply(&writes(2..4, 20), at(2)).unwrap();
    let day = Place::Day(20);
    let run = store.gathered.remove(&day).unwrap();
    store.drawers.get_mut(&day).unwrap().write(&run, store.stamp + 1).unwrap();
    store.covered = store.flushed;
    drop(store);
    let mut store = open(dir.path());
    assert_eq!(store.covered(), at(1));
    store.apply(&writes(2..4, 20), at(2)).unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.covered(), at(2));
    assert_eq!(
        [0, 1, 2, 3, 4].map(|it| day_of(&store, it).is_some()),
        [true, true, true, true, false]
    );
}

#[test]
fn the_files_of_a_day_that_left_the_window_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.apply(&writes(0..4, 20), at(1)).unwrap();
    store.flush().unwrap();
    let day = Place::Day(20);
    let files = store.drawers[&day].path().to_owned();
    assert!(files.exists());
    store.apply(&writes(4..5, 28), at(2)).unwrap();
    // A thread of the store may have the day in hand; the last one that lets go of it removes the files.
    let begun = Instant::now();
    while files.exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{} is still there", files.display());
        thread::yield_now();
    }
}
