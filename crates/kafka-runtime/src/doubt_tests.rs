//! INSERTs of which nobody knows how they ended, and ranges that somebody else has left so, on recorded
//! actions.

use std::collections::{BTreeSet, VecDeque};

use pipeline::Halt;

use crate::{
    commands::Controls,
    log::Polled,
    recorded::Action,
    sink::Inserted,
    sink_loop_tests::{AT, Table, assigned, committed, play, play_under, polled},
};

#[test]
fn an_intent_found_at_assignment_is_settled_for_each_thing_that_can_have_happened() {
    let cases = [
        ("all present", vec![0, 1, 2], vec![], 1),
        ("none present", vec![], vec![(0, 2, 0, vec![0, 1, 2])], 1),
        ("some present", vec![1], vec![(0, 2, 1, vec![0, 2])], 2),
    ];
    for (name, held, expected, settled) in cases {
        let mut log = assigned(0, "load:2,0");
        log.then(polled(0..3));
        let mut table = Table { held: held.into_iter().collect(), ..Table::default() };
        let log = play(log, &mut table, 2);
        assert_eq!(table.inserts, expected, "{name}");
        assert_eq!(table.held, BTreeSet::from([0, 1, 2]), "{name}");
        assert_eq!(table.settled, settled, "{name}: no INSERT may still be running");
        let recommitted = log.commits().contains(&&committed(0, "load:2,1 attempts=1 by=1 upto=2"));
        assert_eq!(recommitted, name == "some present", "{name}: new content is committed first");
    }
}

#[test]
fn an_insert_that_began_after_the_range_was_settled_is_waited_for_before_its_number_is_left() {
    for (arriving, sent) in
        [(vec![(2, 1), (2, 2)], vec![]), (vec![(2, 1)], vec![(0, 2, 1, vec![2])])]
    {
        let mut log = assigned(0, "load:2,0");
        log.then(polled(0..3));
        let mut table = Table { held: BTreeSet::from([0]), arriving, ..Table::default() };
        play(log, &mut table, 2);
        assert_eq!((table.inserts, table.settled), (sent, 2));
        assert_eq!(table.held, BTreeSet::from([0, 1, 2]));
    }
}

#[test]
fn an_uncertain_insert_is_read_back_before_anything_else() {
    for (arrived, inserts) in [(3, 1), (0, 2), (1, 2)] {
        let mut log = assigned(0, "");
        log.then(polled(0..3));
        let uncertain = Ok(Inserted::Uncertain("reset".to_owned()));
        let mut table =
            Table { trouble: VecDeque::from([(arrived, uncertain)]), ..Table::default() };
        play(log, &mut table, 2);
        assert_eq!(table.held.len(), 3, "{arrived} arrived");
        assert_eq!(table.inserts.len(), inserts, "{arrived} arrived");
    }
}

#[test]
fn a_number_is_kept_until_something_is_taken_under_it() {
    let mut log = assigned(0, "load:2,1");
    log.then(polled(0..3));
    let uncertain = || Ok(Inserted::Uncertain("reset".to_owned()));
    let trouble = VecDeque::from([(0, uncertain()), (1, uncertain())]);
    let mut table = Table { trouble, ..Table::default() };
    let log = play(log, &mut table, 2);
    let (all, rest) = (vec![0, 1, 2], vec![1, 2]);
    assert_eq!(table.inserts, [(0, 2, 1, all.clone()), (0, 2, 1, all), (0, 2, 2, rest)]);
    let renumbered = committed(0, "load:2,2 attempts=1 by=1 upto=2");
    assert!(log.commits().contains(&&renumbered), "the new number comes first");
}

#[test]
fn a_warehouse_that_is_away_is_waited_for_and_the_range_is_settled_afterwards() {
    let mut log = assigned(0, "");
    log.then(polled(0..2));
    log.then([const { Polled::Nothing }; 4]);
    let away = Err(Halt::new("clickhouse", "connection refused"));
    let mut table = Table { trouble: VecDeque::from([(1, away)]), ..Table::default() };
    let mut log = play(log, &mut table, 2);
    assert!(log.actions.contains(&Action::Hold(1)));
    assert_eq!(log.commits().last(), Some(&&committed(0, "load:1,0")), "the intent stands");
    // The rewind makes the broker send the range again.
    log.then([Polled::Assigned(vec![AT])]);
    log.then(polled(0..2));
    play(log, &mut table, 2);
    assert_eq!(table.held, BTreeSet::from([0, 1]));
}

#[test]
fn a_range_in_doubt_keeps_its_untaken_number_though_a_record_that_killed_processes_is_left_out() {
    let dropped = || (0, Ok(Inserted::Loaded));
    for (trouble, numbers) in [(vec![], vec![0]), (vec![dropped()], vec![0, 1])] {
        let mut log = assigned(0, "load:2,0 attempts=4 probe=1,2");
        log.then(polled(0..3));
        let mut table = Table { trouble: trouble.into(), ..Table::default() };
        play(log, &mut table, 2);
        let sent: Vec<_> = numbers.into_iter().map(|it| (0, 2, it, vec![0, 2])).collect();
        assert_eq!(table.inserts, sent);
    }
}

#[test]
fn an_intent_of_a_partition_that_is_held_is_settled_when_it_is_let_go() {
    let controls = Controls::none();
    let pause = event::StageCommand {
        stage: "forward-clickhouse".to_owned(),
        action: "pause".to_owned(),
        partition: Some(0),
        who: "ada".to_owned(),
        why: "a test".to_owned(),
        at: 1,
        breaker_off_until: None,
        lost: None,
    };
    controls.note(&pause);
    let mut table = Table { held: BTreeSet::from([0, 1, 2]), ..Table::default() };
    let mut log = play_under(&controls, assigned(0, "load:2,0"), &mut table, 2);
    assert_eq!(table.settled, 0);
    controls.note(&event::StageCommand { action: "resume".to_owned(), ..pause });
    log.then([Polled::Assigned(vec![AT])]);
    log.then(polled(0..3));
    play_under(&controls, log, &mut table, 2);
    assert_eq!((table.settled, table.inserts.len()), (1, 0), "all three were there");
}
