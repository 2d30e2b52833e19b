use std::path::Path;

use super::*;
use crate::{place::dated_key, store::Kind};

const NAME: &str = "day-1";

fn key(number: u64) -> Key {
    let key = identity::MessageKey::of_message("web", &number.to_string());
    dated_key(Kind::Message, key.to_fixed())
}

fn run(numbers: std::ops::Range<u64>) -> Run {
    numbers.map(|number| (key(number), Some(UserValue::from(number.to_be_bytes())))).collect()
}

fn with_drawer<R>(path: &Path, work: impl FnOnce(&mut Drawer) -> R) -> R {
    let db = Database::builder(path).worker_threads(1).open().unwrap();
    work(&mut Drawer::open(&db, NAME, 0).unwrap())
}

fn found(drawer: &Drawer, number: u64) -> Option<UserValue> {
    drawer.get(&key(number), Probe::of(&key(number))).unwrap()
}

#[test]
fn a_filter_is_read_as_it_was_stored() {
    let dir = tempfile::tempdir().unwrap();
    let before = with_drawer(dir.path(), |drawer| {
        drawer.write(&run(0..100_000), 1).unwrap();
        drawer.write_filter().unwrap();
        drawer.filter.clone()
    });
    assert_eq!(before.parts().len(), 2);
    with_drawer(dir.path(), |drawer| {
        assert!(drawer.stored);
        assert_eq!(drawer.filter, before);
    });
}

/// The process was killed after a run that the stored filter does not know.
#[test]
fn a_filter_that_is_older_than_the_keys_is_made_anew_from_them() {
    let dir = tempfile::tempdir().unwrap();
    with_drawer(dir.path(), |drawer| {
        drawer.write(&run(0..10), 1).unwrap();
        drawer.write_filter().unwrap();
        drawer.write(&run(10..20), 2).unwrap();
    });
    with_drawer(dir.path(), |drawer| {
        assert!(!drawer.stored);
        assert_eq!((drawer.stamp(), drawer.keys()), (2, 20));
        assert!((0..20).all(|number| found(drawer, number).is_some()));
    });
}

#[test]
fn a_filter_that_lacks_a_chunk_is_made_anew_from_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    with_drawer(dir.path(), |drawer| {
        drawer.write(&run(0..100_000), 1).unwrap();
        drawer.write_filter().unwrap();
        drawer.ingest(vec![(&chunk_key(1, 3), None), (&chunk_key(1, 2), None)]).unwrap();
    });
    with_drawer(dir.path(), |drawer| {
        assert!(!drawer.stored);
        assert!((0..100_000).step_by(997).all(|number| found(drawer, number).is_some()));
    });
}

#[test]
fn a_removed_key_is_absent_and_one_that_is_written_twice_has_its_last_value() {
    let dir = tempfile::tempdir().unwrap();
    with_drawer(dir.path(), |drawer| {
        drawer.write(&run(0..3), 1).unwrap();
        let last = UserValue::from(*b"last");
        drawer.write(&Run::from_iter([(key(0), None), (key(1), Some(last.clone()))]), 2).unwrap();
        assert_eq!(found(drawer, 0), None);
        assert_eq!(found(drawer, 1), Some(last));
        assert_eq!(found(drawer, 2), Some(UserValue::from(2_u64.to_be_bytes())));
    });
}
