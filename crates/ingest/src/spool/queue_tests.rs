//! One source's spool: its order, restarts, and bytes that are not what was written.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

use kafka_runtime::Outgoing;
use tempfile::TempDir;
use topology::Topic;

use super::{
    entry,
    queue::{Queue, SEGMENT_BYTES},
};

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn queue(&self) -> Queue {
        Queue::open(&self.folder()).unwrap()
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("web.app")
    }

    fn files(&self, kind: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.folder()).unwrap().map(|found| found.unwrap().path());
        let mut files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|it| it == kind)).collect();
        files.sort();
        files
    }

    fn only_segment(&self) -> PathBuf {
        let [segment] = self.files("spool").try_into().unwrap();
        segment
    }
}

fn value(of: u64) -> String {
    format!("value {of}")
}

fn entry(of: u64) -> Vec<u8> {
    sized_entry(of, 0)
}

fn sized_entry(of: u64, filling: usize) -> Vec<u8> {
    let record = Outgoing {
        topic: Topic::RawEvents,
        partition: None,
        key: Some(vec![b'k'; filling]),
        value: Some(value(of).into_bytes()),
        headers: Vec::new(),
    };
    let mut bytes = Vec::new();
    entry::write(&mut bytes, i64::try_from(of).unwrap(), &record);
    bytes
}

/// Appends entries of these numbers, each by itself.
fn append(queue: &mut Queue, numbers: std::ops::Range<u64>) {
    for number in numbers {
        queue.append(&entry(number), 1, 0).unwrap();
    }
}

/// Replays one batch.
fn replay(queue: &mut Queue) -> Vec<String> {
    let Some(batch) = queue.next().unwrap() else { return Vec::new() };
    queue.release(batch.replayed()).unwrap();
    let texts = batch.records.into_iter().map(|record| record.value.unwrap());
    texts.map(|text| String::from_utf8(text).unwrap()).collect()
}

/// Replays all there is.
fn drain(queue: &mut Queue) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match replay(queue) {
            batch if batch.is_empty() => return all,
            batch => all.extend(batch),
        }
    }
}

fn values(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(value).collect()
}

fn change(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

#[test]
fn records_come_back_in_order_across_segments_and_leave_no_file_behind() {
    let place = Place::new();
    let mut queue = place.queue();
    let filling = 1_000_000;
    let count = 3 * SEGMENT_BYTES / filling as u64;
    for number in 0..count {
        queue.append(&sized_entry(number, filling), 1, 0).unwrap();
    }
    assert!(place.files("spool").len() >= 3, "it is to span several segments");
    assert_eq!(queue.events(), count);
    let on_disk: u64 =
        place.files("spool").iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(queue.bytes(), on_disk);
    assert_eq!(drain(&mut queue), values(0..count));
    assert_eq!((queue.events(), queue.bytes(), queue.oldest()), (0, 0, None));
    assert!(place.files("spool").is_empty());
    append(&mut queue, 0..2);
    assert_eq!(drain(&mut queue), values(0..2), "it goes on after it was empty");
}

#[test]
fn what_was_not_released_comes_again() {
    let place = Place::new();
    let mut queue = place.queue();
    append(&mut queue, 0..3);
    for _ in 0..2 {
        assert_eq!(queue.next().unwrap().unwrap().records.len(), 3);
    }
    append(&mut queue, 3..5);
    assert_eq!(drain(&mut queue), values(0..5));
}

#[test]
fn a_restart_goes_on_behind_what_was_released() {
    let place = Place::new();
    let mut queue = place.queue();
    append(&mut queue, 0..2500);
    assert_eq!(replay(&mut queue), values(0..1000));
    assert_eq!((queue.events(), queue.oldest()), (1500, Some(999)));
    drop(queue);
    let mut queue = place.queue();
    assert_eq!((queue.events(), queue.oldest()), (1500, Some(1000)));
    append(&mut queue, 2500..2502);
    assert_eq!(drain(&mut queue), values(1000..2502));
    drop(queue);
    assert_eq!(place.queue().events(), 0);
}

#[test]
fn the_progress_of_an_old_segment_is_not_taken_for_that_of_a_new_one() {
    let place = Place::new();
    let mut queue = place.queue();
    append(&mut queue, 0..1500);
    replay(&mut queue);
    drain(&mut queue);
    drop(queue);
    let mut queue = place.queue();
    append(&mut queue, 0..1500);
    drop(queue);
    assert_eq!(drain(&mut place.queue()), values(0..1500));
}

#[test]
fn without_the_progress_all_that_lies_there_is_replayed_again() {
    let place = Place::new();
    let mut queue = place.queue();
    append(&mut queue, 0..1200);
    replay(&mut queue);
    drop(queue);
    fs::remove_file(place.folder().join("progress")).unwrap();
    assert_eq!(drain(&mut place.queue()), values(0..1200));
}

#[test]
fn an_end_that_was_not_written_is_cut_off_and_what_is_whole_stays() {
    let torn = entry(3);
    for cut in 1..torn.len() {
        let place = Place::new();
        append(&mut place.queue(), 0..3);
        let segment = place.only_segment();
        let mut bytes = fs::read(&segment).unwrap();
        let whole = bytes.len();
        bytes.extend(&torn[..cut]);
        fs::write(&segment, &bytes).unwrap();
        let mut queue = place.queue();
        assert_eq!(fs::read(&segment).unwrap().len(), whole, "{cut}");
        assert_eq!((queue.events(), queue.corrupt()), (3, 0), "{cut}");
        assert!(place.files("corrupt").is_empty(), "{cut}: nobody was told that it was there");
        append(&mut queue, 3..4);
        assert_eq!(drain(&mut queue), values(0..4), "{cut}");
    }
}

#[test]
fn a_segment_of_which_nothing_was_written_is_no_damage() {
    for beginning in [&b""[..], b"wbsp", b"wbspool1", b"\0\0\0\0\0\0\0\0\0\0\0\0"] {
        let place = Place::new();
        append(&mut place.queue(), 0..2);
        let newer = place.folder().join(format!("{:020}.spool", 2));
        fs::write(&newer, beginning).unwrap();
        let mut queue = place.queue();
        assert!(!newer.exists());
        assert_eq!((drain(&mut queue), queue.corrupt()), (values(0..2), 0), "{beginning:?}");
    }
}

#[test]
fn a_changed_record_is_stepped_over_and_its_segment_kept_aside() {
    let place = Place::new();
    append(&mut place.queue(), 0..5);
    let segment = place.only_segment();
    let (first, each) = (8, entry(0).len());
    change(&segment, first + 2 * each + each - 1);
    let damaged = fs::read(&segment).unwrap();
    let mut queue = place.queue();
    assert_eq!((queue.events(), queue.corrupt()), (4, 1));
    assert_eq!(drain(&mut queue), values([0, 1, 3, 4]));
    let aside = place.files("corrupt");
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read(&aside[0]).unwrap(), damaged, "every byte of it is kept");
    drop(queue);
    assert_eq!(place.queue().corrupt(), 1, "it is told as long as it lies there");
}

#[test]
fn behind_a_changed_length_the_rest_of_the_segment_is_aside_and_the_next_one_goes_on() {
    let place = Place::new();
    append(&mut place.queue(), 0..3);
    change(&place.only_segment(), 8 + entry(0).len());
    append(&mut place.queue(), 3..5);
    let mut queue = place.queue();
    assert_eq!(drain(&mut queue), values([0, 3, 4]));
    assert_eq!((queue.corrupt(), place.files("corrupt").len()), (1, 1));
}

#[test]
fn an_old_segment_that_ends_in_the_middle_was_changed() {
    let place = Place::new();
    append(&mut place.queue(), 0..3);
    let old = place.only_segment();
    append(&mut place.queue(), 3..5);
    let length = fs::metadata(&old).unwrap().len();
    OpenOptions::new().write(true).open(&old).unwrap().set_len(length - 1).unwrap();
    let mut queue = place.queue();
    assert_eq!((drain(&mut queue), queue.corrupt()), (values([0, 1, 3, 4]), 1));
}

#[test]
fn a_file_that_is_no_segment_is_kept_aside() {
    let place = Place::new();
    append(&mut place.queue(), 0..2);
    change(&place.only_segment(), 0);
    let mut queue = place.queue();
    assert_eq!((drain(&mut queue), queue.corrupt()), (Vec::new(), 1));
    assert_eq!(place.files("corrupt").len(), 1);
}

#[test]
fn bytes_that_change_while_the_process_runs_do_not_hold_up_what_follows() {
    let place = Place::new();
    let mut queue = place.queue();
    append(&mut queue, 0..1002);
    assert_eq!(replay(&mut queue), values(0..1000));
    let segment = place.only_segment();
    let last = entry(1001).len();
    let length = fs::read(&segment).unwrap().len();
    change(&segment, length - last - 1);
    append(&mut queue, 1002..1004);
    assert_eq!(drain(&mut queue), values([1001, 1002, 1003]));
    assert_eq!((queue.events(), queue.corrupt()), (0, 1));
    append(&mut queue, 1004..1006);
    assert_eq!(drain(&mut queue), values(1004..1006));
}
