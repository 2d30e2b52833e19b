//! Ranges of one batch in several shards, on recorded actions: they are sent side by side, and whatever
//! comes of one INSERT is that one's alone.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use pipeline::Halt;
use topology::{Stage, Topic};

use crate::{
    log::Polled,
    recorded::{Action, RecordedLog},
    sink::Inserted,
    sink_loop_tests::{AT, INPUT, Table, play, polled, records_of_two, two_ranges},
};

const ALL: [i64; 6] = [0, 1, 2, 100, 101, 102];

#[test]
fn all_are_sent_before_one_of_which_nobody_knows_is_sent_again() {
    let uncertain = Ok(Inserted::Uncertain("reset".to_owned()));
    let trouble = VecDeque::from([(1, uncertain)]);
    let mut table = Table { shards: 2, trouble, ..Table::default() };
    play(two_ranges(), &mut table, 2);
    let first = [(0, 2, 0, vec![0, 1, 2]), (100, 102, 0, vec![100, 101, 102])];
    assert_eq!(table.inserts[..2], first);
    assert_eq!(table.inserts[2..], [(0, 2, 1, vec![1, 2])]);
    assert_eq!((table.held, table.settled), (BTreeSet::from(ALL), 2));
}

#[test]
fn a_row_that_is_refused_is_looked_for_in_its_own_range() {
    let mut table = Table { shards: 2, refuses: BTreeSet::from([1]), ..Table::default() };
    let mut log = two_ranges();
    log.then([Polled::Nothing]);
    // The letter is told with the next commit.
    log.then(polled(3..4));
    let log = play(log, &mut table, 6);
    assert_eq!(table.held, BTreeSet::from([0, 2, 3, 100, 101, 102]));
    let of_other = table.inserts.iter().filter(|(start, ..)| *start == 100);
    assert_eq!(of_other.count(), 1);
    let letters = Topic::DeadLetters(Stage::ForwardClickhouse);
    let told = log
        .actions
        .iter()
        .filter(|it| matches!(it, Action::Send { topic, .. } if *topic == letters));
    assert_eq!(told.count(), 1);
}

/// Of a range of either of two partitions the first's INSERT finds nobody: what is loaded in one turn,
/// and what was done.
fn one_shard_away(shards: u32) -> (BTreeSet<i64>, Vec<Action>) {
    let away = Err(Halt::new("clickhouse", "connection refused"));
    let mut table = Table { shards, trouble: VecDeque::from([(0, away)]), ..Table::default() };
    let log = play(two_ranges(), &mut table, 3);
    (table.held, log.actions)
}

#[test]
fn a_shard_that_is_away_holds_up_its_own_partitions_alone() {
    let (loaded, actions) = one_shard_away(2);
    assert_eq!(loaded, BTreeSet::from([100, 101, 102]));
    // The range in doubt keeps its intent, and the other's is confirmed.
    let held = actions.iter().rev().find(|action| matches!(action, Action::Hold(_)));
    assert_eq!(held, Some(&Action::Hold(1)));
    let last = actions.iter().rev().find_map(|action| match action {
        Action::Commit(commits) => Some(commits.clone()),
        _ => None,
    });
    let intent = |text: &str| text.starts_with("load:2,0,2");
    assert!(last.unwrap().iter().all(|(at, next, text)| *at != AT || (*next == 0 && intent(text))));
}

#[test]
fn what_was_set_aside_is_read_again_though_its_time_was_up_before_anybody_looked() {
    let other = (INPUT, 1);
    let mut log = RecordedLog::new([Polled::Assigned(vec![AT, other])])
        .with_committed(AT, 0, "")
        .with_committed(other, 100, "");
    log.then(records_of_two());
    // The broker goes on, until it is told where to begin again.
    log.then([Polled::Nothing]);
    log.then(polled(3..5));
    log.then([Polled::Nothing]);
    log.then(records_of_two());
    log.then(polled(3..5));
    let away = Err(Halt::new("clickhouse", "connection refused"));
    let uncertain = Ok(Inserted::Uncertain("reset".to_owned()));
    let mut table = Table {
        shards: 2,
        trouble: VecDeque::from([(0, away), (3, uncertain)]),
        settles_in: Duration::from_secs(6),
        clock: log.ahead.clone(),
        ..Table::default()
    };
    play(log, &mut table, 6);
    assert_eq!(table.held, BTreeSet::from([0, 1, 2, 3, 4, 100, 101, 102]));
    assert_eq!(table.inserts[2..], [(0, 2, 0, vec![0, 1, 2]), (3, 4, 0, vec![3, 4])]);
}
