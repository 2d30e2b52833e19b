//! What an order changes, in words.

use event::{Millis, StageCommand};
use pipeline::{StageControl, Stop};

use crate::commands::times::utc;

/// What a pause changes about a stage for which `before` holds.
pub(super) fn paused(before: &StageControl, order: &StageCommand) -> String {
    let what = subject(order);
    match (order.partition, before.whole()) {
        (None, Some(stop)) if stop.by_breaker => {
            format!("{what} was stopped already ({}); now it is paused by order too", told(stop))
        }
        (None, Some(stop)) => already_paused(&what, stop),
        (None, None) => format!("{what} is paused"),
        (Some(partition), whole) => match (before.partitions().get(&partition), whole) {
            (Some(stop), _) => already_paused(&what, stop),
            (None, Some(stop)) => {
                format!("{what} is paused; the whole stage stands still anyway ({})", told(stop))
            }
            (None, None) => format!("{what} is paused"),
        },
    }
}

/// What a resume at `now` changes about a stage for which `before` holds.
pub(super) fn resumed(before: &StageControl, order: &StageCommand, now: Millis) -> String {
    let what = subject(order);
    if let Some(partition) = order.partition {
        return match (before.partitions().get(&partition), before.whole()) {
            (_, Some(stop)) => {
                let stage = &order.stage;
                format!(
                    "{what} is resumed, but the whole stage stands still ({}); \
                     `waybill stage resume {stage} --why …` lifts that",
                    told(stop)
                )
            }
            (Some(stop), None) => {
                format!("{what} is resumed; it had been stopped ({})", told(stop))
            }
            (None, None) => format!("{what} was not paused; the order is recorded all the same"),
        };
    }
    let changed = match (before.whole(), before.partitions().len()) {
        (Some(stop), _) => format!("{what} is resumed; it had been stopped ({})", told(stop)),
        (None, 0) => format!("{what} was not paused; the order is recorded all the same"),
        (None, _) => {
            let partitions: Vec<_> = before.partitions().keys().map(ToString::to_string).collect();
            format!("{what} is resumed; paused had been partition {}", partitions.join(", "))
        }
    };
    match order.breaker_off_until {
        Some(until) => {
            let until = utc(until);
            format!(
                "{changed}. Until {until} its breaker lets everything through: what is bad becomes dead letters"
            )
        }
        None if before.breaker_is_off(now) => format!("{changed}. Its breaker is on again"),
        None => changed,
    }
}

fn already_paused(what: &str, stop: &Stop) -> String {
    format!("{what} was paused already ({}); the new reason is recorded", told(stop))
}

fn subject(order: &StageCommand) -> String {
    match order.partition {
        Some(partition) => format!("partition {partition} of {}", order.stage),
        None => order.stage.clone(),
    }
}

/// Who stopped it, since when, and why.
fn told(stop: &Stop) -> String {
    let kind = if stop.by_breaker { "by its breaker, " } else { "by " };
    format!("{kind}{} at {}: {}", stop.who, utc(stop.at), stop.why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(action: &str, partition: Option<i32>) -> StageCommand {
        StageCommand {
            stage: "enrich".to_owned(),
            action: action.to_owned(),
            partition,
            who: "ada@host".to_owned(),
            why: "a test".to_owned(),
            at: 0,
            breaker_off_until: None,
            lost: None,
        }
    }

    fn after(orders: &[&StageCommand]) -> StageControl {
        let mut control = StageControl::default();
        for order in orders {
            control.apply(order);
        }
        control
    }

    #[test]
    fn a_pause_says_what_it_changes() {
        let (whole, one) = (order("pause", None), order("pause", Some(3)));
        let stopped = after(&[&order("breaker", None)]);
        let cases = [
            (after(&[]), &whole, "enrich is paused"),
            (after(&[]), &one, "partition 3 of enrich is paused"),
            (
                after(&[&whole]),
                &whole,
                "enrich was paused already (by ada@host at 1970-01-01T00:00:00Z: a test); the new reason is recorded",
            ),
            (
                stopped,
                &whole,
                "enrich was stopped already (by its breaker, ada@host at 1970-01-01T00:00:00Z: a test); now it is paused by order too",
            ),
            (
                after(&[&whole]),
                &one,
                "partition 3 of enrich is paused; the whole stage stands still anyway (by ada@host at 1970-01-01T00:00:00Z: a test)",
            ),
            (
                after(&[&one]),
                &one,
                "partition 3 of enrich was paused already (by ada@host at 1970-01-01T00:00:00Z: a test); the new reason is recorded",
            ),
            (after(&[&one]), &whole, "enrich is paused"),
        ];
        for (before, order, expected) in cases {
            assert_eq!(paused(&before, order), expected);
        }
    }

    #[test]
    fn a_resume_says_what_it_lifts_and_what_it_does_not() {
        let (pause, one) = (order("pause", None), order("pause", Some(3)));
        let (whole, part) = (order("resume", None), order("resume", Some(3)));
        let begins = |before: &[&StageCommand], order: &StageCommand, expected: &str| {
            let said = resumed(&after(before), order, 5);
            assert!(said.starts_with(expected), "{said}");
        };
        begins(&[], &whole, "enrich was not paused");
        begins(&[], &part, "partition 3 of enrich was not paused");
        begins(&[&pause], &whole, "enrich is resumed; it had been stopped (by ada@host");
        begins(&[&one], &whole, "enrich is resumed; paused had been partition 3");
        begins(&[&one], &part, "partition 3 of enrich is resumed; it had been stopped");
        begins(
            &[&pause],
            &part,
            "partition 3 of enrich is resumed, but the whole stage stands still",
        );
        let through = StageCommand { breaker_off_until: Some(60_000), ..whole.clone() };
        let said = resumed(&after(&[]), &through, 5);
        assert!(said.contains("Until 1970-01-01T00:01:00Z its breaker lets everything through"));
        begins(
            &[&through],
            &whole,
            "enrich was not paused; the order is recorded all the same. Its breaker is on",
        );
    }
}
