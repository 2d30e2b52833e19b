//! Ranges of one batch, on recorded actions: in one INSERT those of a shard, side by side those of several.
//! Whatever comes of one INSERT, it is that one's alone.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use pipeline::Halt;
use topology::{Stage, Topic};

use crate::{
    log::Polled,
    recorded::{Action, RecordedLog},
    sink::{Inserted, Refusal},
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
    assert_eq!((table.held, table.settled), (BTreeSet::from(ALL), 1));
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

#[test]
fn when_a_bundle_finds_nobody_each_of_its_ranges_is_settled_after_the_wait() {
    let away = Err(Halt::new("clickhouse", "connection refused"));
    let mut table = Table { trouble: VecDeque::from([(2, away)]), ..Table::default() };
    let mut log = play(two_ranges(), &mut table, 2);
    assert_eq!(table.inserts, [(0, 2, 0, ALL.to_vec())]);
    let (_, intents) = log.commits().last().map(|it| (it.len(), (*it).clone())).unwrap();
    let is_kept = |(at, next, text): &(_, i64, String)| match *at {
        AT => *next == 0 && text.starts_with("load:2,0"),
        _ => *next == 100 && text.starts_with("load:102,0"),
    };
    assert!(intents.iter().all(is_kept), "{intents:?}");
    // The rewind makes the broker send both again.
    log.then([Polled::Assigned(vec![AT, (INPUT, 1)])]);
    log.then(records_of_two());
    play(log, &mut table, 3);
    assert_eq!(table.held, BTreeSet::from(ALL));
    let rest = [(0, 2, 1, vec![2]), (100, 102, 0, vec![100, 101, 102])];
    assert_eq!(table.inserts[1..], rest, "what is there is not sent again");
}

/// The intents that were committed last, by partition.
fn last_intents(log: &RecordedLog) -> Vec<String> {
    let told =
        log.commits().into_iter().rev().find(|told| told.iter().all(|it| it.2.contains("load:")));
    told.unwrap().iter().map(|(_, _, text)| text.clone()).collect()
}

#[test]
fn the_ranges_of_a_shard_go_in_one_insert_whose_name_is_in_the_intent_of_each() {
    let mut table = Table::default();
    let log = play(two_ranges(), &mut table, 2);
    assert_eq!(table.inserts, [(0, 2, 0, ALL.to_vec())]);
    let name = |text: &String| {
        text.split(' ').find(|word| word.starts_with("bundle=0,0,2,")).map(str::to_owned)
    };
    let names: Vec<_> = last_intents(&log).iter().map(name).collect();
    assert_eq!(names.len(), 2);
    assert!(names[0].is_some() && names[0] == names[1], "{names:?}");
}

#[test]
fn of_a_bundle_of_which_nobody_knows_each_range_is_read_back_and_sent_by_itself() {
    let uncertain = || Ok(Inserted::Uncertain("reset".to_owned()));
    for (arrive, sent) in [
        (6, vec![]),
        (3, vec![(100, 102, 0, vec![100, 101, 102])]),
        (2, vec![(0, 2, 1, vec![2]), (100, 102, 0, vec![100, 101, 102])]),
        (0, vec![(0, 2, 0, vec![0, 1, 2]), (100, 102, 0, vec![100, 101, 102])]),
    ] {
        let trouble = VecDeque::from([(arrive, uncertain())]);
        let mut table = Table { trouble, ..Table::default() };
        play(two_ranges(), &mut table, 2);
        assert_eq!(table.inserts[1..], sent, "{arrive} rows arrive");
        assert_eq!((table.held, table.settled), (BTreeSet::from(ALL), 1));
    }
}

#[test]
fn a_row_that_is_refused_in_a_bundle_is_looked_for_in_its_own_range() {
    let mut table = Table { refuses: BTreeSet::from([1]), ..Table::default() };
    play(two_ranges(), &mut table, 2);
    assert_eq!(table.held, BTreeSet::from([0, 2, 100, 101, 102]));
    let of_other: Vec<_> = table.inserts.iter().filter(|(start, ..)| *start == 100).collect();
    assert_eq!(of_other, [&(100, 102, 0, vec![100, 101, 102])]);
}

#[test]
fn a_piece_that_is_dropped_since_the_name_of_its_bundle_was_taken_is_sent_under_the_next_number() {
    let refused = |row| {
        let refusal = Refusal { detail: "exception 469 told to".to_owned(), row: Some(row) };
        (0, Ok(Inserted::Refused(refusal)))
    };
    let dropped = (0, Ok(Inserted::Loaded));
    let trouble = VecDeque::from([refused(1), refused(1), refused(0), dropped]);
    let mut table = Table { trouble, ..Table::default() };
    play(two_ranges(), &mut table, 2);
    let of_first = [
        (0, 2, 0, ALL.to_vec()),
        (0, 2, 0, vec![0, 1, 2]),
        (0, 2, 0, vec![1]),
        (0, 2, 0, vec![0]),
        (0, 2, 1, vec![0]),
        (0, 2, 2, vec![2]),
    ];
    assert_eq!(table.inserts[..6], of_first);
    assert_eq!(table.inserts[6..], [(100, 102, 0, vec![100, 101, 102])]);
}
