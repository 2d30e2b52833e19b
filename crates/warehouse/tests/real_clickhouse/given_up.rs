//! Hours that an operator gives up, in the database that `completeness` has filled.

use local_stack::Stack;
use warehouse::{AuditHour, GivenUpHour, HeldHour, Warehouse};

use crate::{
    completeness::{BEGIN, DATABASE, lines, say, through, verdict},
    number,
};

async fn give_up(warehouse: &Warehouse, held: &HeldHour, at: i64) {
    let order = GivenUpHour {
        hour: held.hour,
        revision: held.revision,
        given_up_at: BEGIN + at,
        who: "ada".to_owned(),
        why: "a test".to_owned(),
    };
    warehouse.append(&[order], format!("give up {at}")).await.unwrap();
}

/// An open dead letter that nobody can redrive, an hour that nobody saw, one that does not balance.
pub(crate) async fn hours_are_given_up_by_order(stack: &Stack, warehouse: &Warehouse) {
    let production = async || {
        let hours = through(stack, "complete_through").await;
        let given_up = number(stack, DATABASE, "SELECT given_up FROM complete_through").await;
        format!("{hours} {given_up}")
    };
    let held = async |hour: i64| {
        let held = warehouse.held_hours("production").await.unwrap();
        held.into_iter().find(|it| it.hour == verdict(hour, 0, "").hour).unwrap()
    };
    say(warehouse, AuditHour { missing: 1, ..verdict(7, 10, "unbalanced") }).await;
    let fifth = held(5).await;
    assert_eq!((fifth.state.as_str(), fifth.open_dead_letters), ("dead-letters", 1));
    assert_eq!(fifth.last_dead_letter_at, BEGIN + 301 * 60_000);
    assert_eq!(fifth.revision, verdict(5, 9, "").revision);
    let sixth = held(6).await;
    assert_eq!(
        (sixth.state.as_str(), sixth.revision, sixth.last_dead_letter_at),
        ("unaudited", 0, 0)
    );

    give_up(warehouse, &sixth, 20).await;
    assert_eq!(production().await, "4 5 dead-letters 2 0");
    give_up(warehouse, &fifth, 21).await;
    assert_eq!(production().await, "6 7 unbalanced 2 2");
    let states = format!(
        "hour_states WHERE hour IN (toDateTime({}, 'UTC'), toDateTime({}, 'UTC')) ORDER BY hour",
        fifth.hour, sixth.hour
    );
    let said = lines(stack, "state, detail", &states).await;
    assert!(said.iter().all(|it| it.starts_with("given-up given up by ada at 20")), "{said:?}");
    assert!(said.len() == 2 && said[0].ends_with(": a test"), "{said:?}");

    // An order is about one verdict; what the auditor says after it holds again.
    give_up(warehouse, &held(7).await, 22).await;
    let at_last = production().await;
    assert!(["7 8 unaudited 2 3", "7 - - 2 3"].contains(&at_last.as_str()), "{at_last}");
    assert_eq!(
        warehouse.complete_through("production").await.unwrap(),
        Some(verdict(7, 0, "").hour)
    );
    say(warehouse, AuditHour { missing: 2, ..verdict(7, 23, "unbalanced") }).await;
    assert_eq!(production().await, "6 7 unbalanced 2 2");
    say(warehouse, verdict(7, 24, "balanced")).await;
    let at_last = production().await;
    assert!(["7 8 unaudited 2 2", "7 - - 2 2"].contains(&at_last.as_str()), "{at_last}");
    let hours = format!("(toUnixTimestamp(hour) - {}) DIV 3600", BEGIN / 1_000);
    let complete = lines(stack, &hours, "complete_hours ORDER BY hour").await;
    assert_eq!(complete, ["0", "1", "3", "4", "7"], "what was given up is never complete");
}
