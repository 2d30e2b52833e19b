//! Ranges of one batch in one shard, on recorded actions: they are sent in one INSERT, and whatever comes
//! of it, each is settled by itself.

use std::collections::{BTreeSet, VecDeque};

use pipeline::Halt;

use crate::{
    log::Polled,
    recorded::RecordedLog,
    sink::{Inserted, Refusal},
    sink_loop_tests::{AT, INPUT, Table, play, records_of_two, two_ranges},
};

const ALL: [i64; 6] = [0, 1, 2, 100, 101, 102];

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
    for (arrive, sent, settled) in [
        (6, vec![], 1),
        (3, vec![(100, 102, 0, vec![100, 101, 102])], 1),
        (2, vec![(0, 2, 1, vec![2]), (100, 102, 0, vec![100, 101, 102])], 2),
        (0, vec![(0, 2, 0, vec![0, 1, 2]), (100, 102, 0, vec![100, 101, 102])], 1),
    ] {
        let trouble = VecDeque::from([(arrive, uncertain())]);
        let mut table = Table { trouble, ..Table::default() };
        play(two_ranges(), &mut table, 2);
        assert_eq!(table.inserts[1..], sent, "{arrive} rows arrive");
        assert_eq!((table.held, table.settled), (BTreeSet::from(ALL), settled));
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
