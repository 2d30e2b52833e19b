//! Rows that the sink refuses, on recorded actions.

use std::collections::{BTreeSet, VecDeque};

use pipeline::Halt;
use topology::{Stage, Topic};

use crate::{
    commands::Controls,
    log::Polled,
    recorded::{Action, RecordedLog, record},
    sink::{Inserted, Refusal},
    sink_loop_tests::{AT, INPUT, Table, assigned, committed, play, play_as, polled},
};

fn refusing(refused: impl IntoIterator<Item = i64>) -> Table {
    Table { refuses: refused.into_iter().collect(), ..Table::default() }
}

/// A log with these records, a pause, and one more record, so that all before it is confirmed.
fn with_records(count: i64) -> RecordedLog {
    let mut log = assigned(0, "");
    log.then(polled(0..count));
    log.then([Polled::Nothing, Polled::Nothing]);
    log
}

fn confirmed(mut log: RecordedLog, next: i64) -> RecordedLog {
    log.then([const { Polled::Nothing }; 2]);
    log.then(polled(next..next + 1));
    log
}

fn letters(log: &RecordedLog) -> usize {
    let letter = Action::Send {
        topic: Topic::DeadLetters(Stage::ForwardClickhouse),
        reason: Some("refused-row".to_owned()),
    };
    log.actions.iter().filter(|action| **action == letter).count()
}

#[test]
fn each_refused_row_becomes_a_dead_letter_and_the_rest_is_loaded_whatever_the_sink_names() {
    let rows = 0..12;
    for refused in [vec![0], vec![6], vec![11], vec![0, 5, 6, 11], vec![1, 2, 3]] {
        for names in [None, Some(0), Some(7), Some(10_000)] {
            let mut table = Table { names, ..refusing(refused.clone()) };
            let log = play(with_records(12), &mut table, 2);
            let held: BTreeSet<i64> = rows.clone().filter(|it| !refused.contains(it)).collect();
            assert_eq!(table.held, held, "{refused:?}, {names:?}");
            assert_eq!(letters(&log), 0, "not before the range is through");
        }
    }
}

#[test]
fn the_dead_letters_of_refused_rows_travel_with_the_commit_that_moves_past_the_range() {
    let mut table = refusing([1, 3]);
    let log = play(confirmed(with_records(5), 5), &mut table, 4);
    assert_eq!(table.held, BTreeSet::from([0, 2, 4, 5]));
    assert_eq!(letters(&log), 2);
    let last_letter = log.actions.iter().rposition(|it| matches!(it, Action::Send { .. })).unwrap();
    let next = log.actions[last_letter..].iter().find(|it| matches!(it, Action::Commit(_)));
    assert_eq!(next, Some(&Action::Commit(committed(5, "load:5,0"))));
}

#[test]
fn a_number_is_kept_while_rows_are_refused_and_left_when_some_are_taken() {
    let mut table = refusing([2]);
    let log = play(with_records(5), &mut table, 2);
    let expected = [
        (0, 4, 0, vec![0, 1, 2, 3, 4]),
        (0, 4, 0, vec![2]),
        (0, 4, 0, vec![0, 1]),
        (0, 4, 1, vec![3, 4]),
    ];
    assert_eq!(table.inserts, expected);
    let renumbered = committed(0, "load:4,1 attempts=1 by=1 upto=4");
    assert_eq!(log.commits().last(), Some(&&renumbered), "committed before it is used");
}

#[test]
fn a_refused_insert_of_which_a_part_is_in_has_used_its_number() {
    let refusal = Refusal { detail: "exception 469".to_owned(), row: None };
    let trouble = VecDeque::from([(2, Ok(Inserted::Refused(refusal)))]);
    let mut table = Table { trouble, ..refusing([3]) };
    play(with_records(4), &mut table, 2);
    assert_eq!(table.held, BTreeSet::from([0, 1, 2]));
    assert_eq!(table.inserts[1..], [(0, 3, 1, vec![2, 3]), (0, 3, 1, vec![3]), (0, 3, 1, vec![2])]);
}

#[test]
fn who_takes_a_search_over_ends_it_the_same_and_tells_each_refused_row_once() {
    for (found, held) in
        [("load:5,0", vec![]), ("load:5,1", vec![0, 1]), ("load:5,2", vec![0, 1, 4, 5])]
    {
        let mut log = assigned(0, found);
        log.then(polled(0..6));
        let held = held.into_iter().collect();
        let mut table = Table { held, ..refusing([2, 3]) };
        let log = play(confirmed(log, 6), &mut table, 5);
        assert_eq!(table.held, BTreeSet::from([0, 1, 4, 5, 6]), "{found}");
        assert_eq!(letters(&log), 2, "{found}");
    }
}

#[test]
fn a_search_that_is_cut_short_tells_nothing_and_counts_for_nothing() {
    let refusal = || Refusal { detail: "exception 469".to_owned(), row: Some(0) };
    let trouble = VecDeque::from([
        (0, Ok(Inserted::Refused(refusal()))),
        (0, Ok(Inserted::Refused(refusal()))),
        (0, Err(Halt::new("clickhouse", "connection refused"))),
    ]);
    let mut table = Table { trouble, ..refusing([0]) };
    let log = play(with_records(3), &mut table, 2);
    assert_eq!((letters(&log), table.held.len()), (0, 0));
    assert_eq!(log.commits().last(), Some(&&committed(0, "load:2,0")), "the intent stands");
}

#[test]
fn a_lost_partition_ends_the_search() {
    let mut log = assigned(0, "");
    log.then(polled(0..3));
    log.then([Polled::Nothing, Polled::Revoked(vec![AT])]);
    let mut table = refusing([0]);
    let log = play(log, &mut table, 2);
    assert_eq!(table.inserts.len(), 1, "{:?}", table.inserts);
    assert!(log.actions.contains(&Action::Rewind), "{:?}", log.actions);
}

#[test]
fn records_that_a_poll_brings_during_the_search_are_loaded_after_it() {
    let mut log = assigned(0, "");
    log.then(polled(0..3));
    log.then([Polled::Nothing]);
    log.then(polled(3..5));
    let mut table = refusing([1]);
    play(log, &mut table, 3);
    assert_eq!(table.held, BTreeSet::from([0, 2, 3, 4]));
}

#[test]
fn a_sink_that_refuses_every_row_stops_the_stage_and_condemns_nobody() {
    for (rows, stops) in [(19, false), (20, true), (100, true)] {
        let controls = Controls::none();
        let mut table = refusing(0..rows);
        let log = play_as(true, &controls, with_records(rows), &mut table, 2);
        let stopped = controls.now().unwrap().whole().is_some();
        assert_eq!((stopped, letters(&log)), (stops, 0), "{rows} rows");
        let orders = log.actions.iter().filter(
            |it| matches!(it, Action::Send { topic, .. } if *topic == Topic::StageCommands),
        );
        assert_eq!(orders.count(), usize::from(stops), "{rows} rows");
        assert!(table.inserts.len() < 150, "{} INSERTs for {rows} rows", table.inserts.len());
    }
}

#[test]
fn twenty_refused_rows_at_the_start_of_a_range_that_is_sound_otherwise_stop_nothing() {
    let controls = Controls::none();
    let mut table = Table { names: Some(10_000), ..refusing(0..20) };
    let log = play_as(true, &controls, confirmed(with_records(400), 400), &mut table, 4);
    assert!(controls.now().unwrap().whole().is_none());
    assert_eq!((letters(&log), table.held.len()), (20, 381));
}

#[test]
fn more_than_a_hundred_refused_rows_in_a_row_open_the_breaker_even_if_others_were_taken() {
    let controls = Controls::none();
    let mut table = refusing(100..300);
    let log = play_as(true, &controls, with_records(400), &mut table, 2);
    assert!(controls.now().unwrap().whole().is_some());
    assert_eq!(letters(&log), 0);
}

#[test]
fn a_side_table_keeps_what_it_refuses_in_its_plainest_form() {
    let mut table = refusing([0, 2]);
    let log = play_as(false, &Controls::none(), confirmed(with_records(4), 4), &mut table, 4);
    assert_eq!(table.held, BTreeSet::from([0, 1, 2, 3, 4]));
    assert_eq!(table.plain, BTreeSet::from([0, 2]));
    assert!(!log.actions.iter().any(|it| matches!(it, Action::Send { .. })));
}

#[test]
fn a_side_table_that_refuses_the_plainest_form_too_waits() {
    let mut log = assigned(0, "");
    log.then([Polled::Record(record(INPUT, 0, "row")), Polled::Nothing]);
    let mut table = Table { refuses_plain: true, ..refusing([0]) };
    let log = play_as(false, &Controls::none(), log, &mut table, 2);
    assert!(table.held.is_empty() && log.actions.contains(&Action::Hold(1)));
    assert_eq!(log.commits().last(), Some(&&committed(0, "load:0,0")), "the intent stands");
}
