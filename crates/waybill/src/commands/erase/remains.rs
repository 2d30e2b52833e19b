//! What is not erased, where it is, and until when.

use event::Millis;
use serde::Serialize;
use topology::{COMPACTED_WITHIN_HOURS, Cleanup, TOPICS, Topic};

use crate::commands::times::utc;

const HOUR: Millis = 3_600_000;
const DAY: Millis = 24 * HOUR;

/// What remains somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Remains {
    /// A topic, or another place.
    pub(super) place: String,
    /// What is left there of the person.
    pub(super) what: &'static str,
    /// Until when, RFC 3339; `None` where `why` says it.
    pub(super) until: Option<String>,
    /// What ends it.
    pub(super) ends: &'static str,
}

const BY_RETENTION: &str = "retention; Kafka deletes whole segments, so the last go when their segment is closed (segment.ms)";

/// All that remains after an erasure at `now`, in the order of the flow.
pub(super) fn remains(now: Millis, window_days: u16) -> Vec<Remains> {
    let topics = TOPICS.iter().filter_map(|spec| {
        let what = held(spec.topic)?;
        let (until, ends) = match spec.cleanup {
            Cleanup::DeleteAfterHours(hours) => {
                (Some(utc(now + Millis::from(hours) * HOUR)), BY_RETENTION)
            }
            Cleanup::Compact => {
                let until = utc(now + Millis::from(COMPACTED_WITHIN_HOURS) * HOUR);
                (Some(until), "compaction: records without a value are written already")
            }
            Cleanup::Never => (None, "nothing: orders are kept for ever"),
        };
        Some(Remains { place: spec.topic.name().to_owned(), what, until, ends })
    });
    let window = utc(now + (Millis::from(window_days) + 2) * DAY);
    topics.chain(elsewhere(window)).collect()
}

/// What a topic has of persons; `None` where it has nothing.
fn held(topic: Topic) -> Option<&'static str> {
    Some(match topic {
        Topic::RawEvents => "events as sent; such that still come in too, which validate drops",
        Topic::ValidatedEvents | Topic::EnrichedEvents | Topic::StitchedEvents => "events",
        Topic::IdentityLinks => "links and orders with ids",
        Topic::IdentityAliases => "merges of user ids",
        Topic::IdentityCommands => {
            "orders to link or unlink that name the person; this erasure only as hashes"
        }
        Topic::IdentityJournal => {
            "hashes of message ids and devices, ids of sessions, context of visits"
        }
        Topic::IdentityState => "links of devices",
        Topic::DiscardedEvents => "waybill numbers and message ids of what was dropped",
        Topic::Deliveries => "waybill numbers and message ids of what destinations were sent",
        Topic::DeadLetters(_) => "rejected events, byte for byte: do not redrive them",
        Topic::Redrive(_) => "events that were redriven",
        Topic::StageCommands => return None,
    })
}

fn elsewhere(window: String) -> [Remains; 6] {
    let at =
        |place: &str, what, until, ends| Remains { place: place.to_owned(), what, until, ends };
    [
        at(
            "state of identity-stitch",
            "hashes of message ids, so that repeats are still known; sessions and context that are \
             covered by empty ones",
            Some(window),
            "the window of repeats (window_days)",
        ),
        at(
            "disk spools of ingest",
            "events that Kafka has not taken yet",
            None,
            "being sent to Kafka, where validate drops them; see waybill status",
        ),
        at(
            "suppression list",
            "the ids themselves, so that nothing of the person is kept again",
            None,
            "you: keep the file where such may be kept",
        ),
        at(
            "ClickHouse, erased_events and erasures",
            "waybill numbers, days, sources and event names; the reason",
            None,
            "nothing: the audit explains by them what is not there",
        ),
        at(
            "ClickHouse, parts that were replaced",
            "the rows",
            None,
            "old_parts_lifetime of the table, 8 minutes unless set otherwise",
        ),
        at(
            "backups, logs of ClickHouse and of what is in front of ingest",
            "what they hold",
            None,
            "you",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_of_events_is_told_with_its_date() {
        let remains = remains(1_795_000_000_000, 7);
        let lines: Vec<_> = remains
            .iter()
            .map(|it| format!("{} | {} | {:?} | {}", it.place, it.what, it.until, it.ends))
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
        let told = |topic: Topic| remains.iter().any(|it| it.place == topic.name());
        for spec in TOPICS {
            assert_eq!(told(spec.topic), spec.topic != Topic::StageCommands, "{}", spec.topic);
        }
    }
}
