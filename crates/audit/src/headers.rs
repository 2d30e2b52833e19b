//! What the auditor takes from a record: its headers, by a parser of its own.

use event::Waybill;
use kafka_runtime::{Record, header};
use pipeline::{DiscardReason, RejectReason};
use reconciliation::{Entry, Reason};
use topology::{Stage, Topic};

/// The books' entry for a record. What cannot be read is absent.
pub(crate) fn entry(record: &Record) -> Entry {
    let position = record.position;
    let waybill = record.header(header::WAYBILL);
    Entry {
        topic: position.topic,
        partition: position.partition,
        offset: position.offset,
        timestamp: record.timestamp,
        waybill: waybill.and_then(|value| Waybill::from_header(value).ok()),
        stage: text(record, header::STAGE).and_then(Stage::from_name),
        reason: text(record, header::REASON).and_then(|word| reason(position.topic, word)),
        settles: text(record, header::SETTLES).and_then(place),
    }
}

fn text<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    std::str::from_utf8(record.header(name)?).ok()
}

fn reason(topic: Topic, word: &str) -> Option<Reason> {
    match topic {
        Topic::DeadLetters(_) => RejectReason::from_word(word).map(Reason::Reject),
        _ => DiscardReason::from_word(word).map(Reason::Discard),
    }
}

/// `partition-offset`.
fn place(text: &str) -> Option<(i32, i64)> {
    let (partition, offset) = text.split_once('-')?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use event::Origin;
    use kafka_runtime::Position;

    use super::*;

    fn record(topic: Topic, headers: &[(&str, &[u8])]) -> Record {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned().into(), Some(value.to_vec().into())));
        Record {
            position: Position { topic, partition: 1, offset: 2 },
            timestamp: Some(3),
            key: None,
            value: None,
            headers: headers.collect(),
        }
    }

    #[test]
    fn every_header_of_the_ledger_is_read() {
        let origin = Origin { epoch: 0, partition: 4, offset: 5 };
        let waybill = Waybill { origin, appended_at: 6 };
        let bytes = waybill.to_header();
        let stage = Stage::IdentityStitch;
        let discard = entry(&record(
            Topic::DiscardedEvents,
            &[("waybill", &bytes), ("stage", b"identity-stitch"), ("reason", b"repeat")],
        ));
        assert_eq!(discard.waybill, Some(waybill));
        assert_eq!(discard.stage, Some(stage));
        assert_eq!(discard.reason, Some(Reason::Discard(DiscardReason::Repeat)));
        let dead = entry(&record(Topic::DeadLetters(stage), &[("reason", b"undecodable")]));
        assert_eq!(dead.reason, Some(Reason::Reject(RejectReason::Undecodable)));
        let redriven = entry(&record(Topic::Redrive(stage), &[("settles", b"3-77")]));
        assert_eq!(redriven.settles, Some((3, 77)));
    }

    #[test]
    fn headers_that_make_no_sense_are_absent() {
        let garbage = entry(&record(
            Topic::DiscardedEvents,
            &[("waybill", b"?"), ("stage", b"\xff"), ("reason", b"whim"), ("settles", b"3")],
        ));
        assert_eq!(garbage.waybill, None);
        assert_eq!((garbage.stage, garbage.reason, garbage.settles), (None, None, None));
    }
}
