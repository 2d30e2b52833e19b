//! What bad input gets.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use event::{DeadLetter, Origin};
use kafka_runtime::{Outgoing, Producer};
use pipeline::RejectReason;
use topology::{Stage, Topic};
use waybill_tests::{Fate, Flow, WEB};

use crate::world::on_the_flow;

#[test]
fn a_request_that_is_no_events_of_a_known_sender_is_refused_with_code_and_message() {
    on_the_flow("refused", |flow, oracle| {
        let good = br#"{"batch":[{"type":"track"}]}"#;
        let cases: [(&str, Option<&str>, &[u8], u16); 5] = [
            ("not JSON", WEB.write_key, b"{\"batch\":[", 400),
            ("not text", WEB.write_key, b"\xff\xfe", 400),
            ("no batch", WEB.write_key, b"{}", 400),
            ("unknown key", Some("wk_nobody"), good, 401),
            ("no key", None, good, 401),
        ];
        let before = flow.audit(Duration::from_mins(1))?.report.books();
        for (name, key, body, status) in cases {
            let answer = flow.post("/v1/batch", key, body)?;
            ensure!(answer.status == status, "{name}: {answer:?}");
            let said: serde_json::Value = serde_json::from_str(&answer.body).context(name)?;
            for field in ["code", "message"] {
                ensure!(said[field].as_str().is_some_and(|it| !it.is_empty()), "{name}: {said}");
            }
        }
        let after = flow.audit(Duration::from_mins(1))?.report.books();
        ensure!(before.raw == after.raw, "a refused request was numbered");
        oracle.settle(flow)?;
        Ok(())
    });
}

#[test]
fn an_event_that_makes_no_sense_is_accepted_numbered_and_dead_lettered_with_its_reason() {
    on_the_flow("nonsense", |flow, oracle| {
        let dead = |reason| oracle.issue_for(WEB, Fate::Dead(Stage::Validate, reason));
        let sized = |bytes: usize| {
            let text = "x".repeat(bytes);
            format!(r#""type":"track","event":"E","userId":"u","properties":{{"x":"{text}"}}"#)
        };
        // Larger than its source may send; larger than the broker takes.
        let (large, oversized) = (sized(40_000), sized(1_100_000));
        let cases = [
            (RejectReason::EventTooLarge, large.as_str()),
            (RejectReason::EventTooLarge, oversized.as_str()),
            (RejectReason::UnknownType, r#""type":"purchase","userId":"u""#),
            (RejectReason::UnknownType, r#""userId":"u""#),
            (RejectReason::MissingField, r#""type":"track","userId":"u""#),
            (RejectReason::MissingField, r#""type":"track","event":"E""#),
            (
                RejectReason::InvalidField,
                r#""type":"track","event":"E","userId":"u","timestamp":"yesterday""#,
            ),
            (RejectReason::Malformed, r#""type":"track","event":{"no":"name"},"userId":"u""#),
            (
                RejectReason::Malformed,
                r#""type":"track","event":"E","userId":"u","properties":[1]"#,
            ),
        ];
        for (reason, members) in cases {
            let message = dead(reason);
            let body =
                format!(r#"{{"batch":[{{"messageId":"{}",{members}}}]}}"#, message.message_id);
            let messages = std::slice::from_ref(&message);
            oracle.sending(messages);
            let answer = flow.post("/v1/batch", WEB.write_key, body.as_bytes())?;
            ensure!(answer.status == 200, "{members}: {answer:?}");
            oracle.acknowledged(messages);
        }
        let tally = oracle.settle(flow)?;
        ensure!(tally.dead == 9, "{tally}");
        Ok(())
    });
}

#[test]
fn bytes_that_are_no_event_are_dead_lettered_byte_for_byte_and_the_partition_moves_on() {
    on_the_flow("garbage", |flow, oracle| {
        let cases = [
            (RejectReason::Undecodable, b"\xff\x00 no frame".to_vec()),
            (RejectReason::Undecodable, b"{\"json\":\"but not Avro\"}".to_vec()),
            (RejectReason::UnknownSchema, vec![0, 0x7f, 0xff, 0xff, 0xfe, 1, 2, 3]),
            (RejectReason::Undecodable, Vec::new()),
        ];
        for (reason, value) in cases {
            let record = Outgoing {
                topic: Topic::RawEvents,
                partition: Some(0),
                key: Some(b"\x00key\xff".to_vec()),
                value: Some(value),
                headers: vec![
                    ("X-Any".into(), Some(b"\xfe".as_slice().into())),
                    ("none".into(), None),
                ],
            };
            let delivered = flow.produce(vec![record.clone()])?;
            let at = delivered[0].position;
            let origin = Origin { epoch: 0, partition: at.partition, offset: at.offset };
            let letter = dead_letter(flow, origin)?;
            ensure!(letter.stage == Stage::Validate.name(), "{letter:?}");
            ensure!(letter.reason == reason.word(), "{letter:?}");
            ensure!((letter.partition, letter.offset) == (at.partition, at.offset), "{letter:?}");
            let headers = letter.headers.into_iter();
            let headers = headers.map(|header| (header.name.into(), header.value.map(Into::into)));
            let kept = Outgoing {
                key: letter.key,
                value: letter.value,
                headers: headers.collect(),
                ..record.clone()
            };
            ensure!(kept == record, "{kept:?} is not {record:?}");
        }
        // More than one for each partition.
        let messages: Vec<_> = (0..60).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        oracle.settle(flow)?;
        Ok(())
    });
}

/// Nothing that a producer may put into `raw-events` can stop a partition: the broker's limit is
/// on the compressed batch, and what it lets through unpacks to hundreds of megabytes.
#[test]
fn a_record_that_unpacks_to_far_more_than_any_topic_takes_is_dead_lettered_by_reference() {
    on_the_flow("bombs", |flow, oracle| {
        // librdkafka gives up on a zstd frame that unpacks to more than 100 MB.
        for (codec, bytes) in [("zstd", 120_000_000), ("gzip", 8_000_000), ("lz4", 8_000_000)] {
            let mut kafka = flow.kafka().clone();
            for (key, value) in [("message.max.bytes", "200000000"), ("compression.codec", codec)] {
                kafka.properties.insert(key.to_owned(), value.to_owned());
            }
            let record = Outgoing {
                topic: Topic::RawEvents,
                partition: Some(1),
                key: None,
                value: Some(vec![0; usize::try_from(bytes)?]),
                headers: Vec::new(),
            };
            let producer = Producer::new(&kafka)?;
            let sent = flow.http().runtime().block_on(producer.send_all(vec![record]));
            let at = sent.with_context(|| codec.to_owned())?[0].position;
            let origin = Origin { epoch: 0, partition: at.partition, offset: at.offset };
            let letter = dead_letter(flow, origin)?;
            ensure!(letter.reason == RejectReason::TooLarge.word(), "{codec}: {letter:?}");
            let reference = letter.by_reference.context("no reference")?;
            ensure!(reference.length == bytes, "{codec}: {reference:?}");
            ensure!(letter.value.is_none(), "{codec}: the value is there too");
        }
        let messages: Vec<_> = (0..60).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        oracle.settle(flow)?;
        Ok(())
    });
}

#[test]
fn keys_and_headers_that_fill_a_record_do_not_stop_a_partition() {
    on_the_flow("stuffed", |flow, oracle| {
        let stuffed = |key: usize, headers: usize, name: usize| Outgoing {
            topic: Topic::RawEvents,
            partition: Some(2),
            key: Some(vec![b'k'; key]),
            value: Some(b"no frame".to_vec()),
            headers: vec![("h".repeat(name).into(), Some(b"v".as_slice().into())); headers],
        };
        for record in [stuffed(900_000, 0, 0), stuffed(0, 100_000, 1), stuffed(0, 1, 900_000)] {
            let at = flow.produce(vec![record])?[0].position;
            let origin = Origin { epoch: 0, partition: at.partition, offset: at.offset };
            let letter = dead_letter(flow, origin)?;
            ensure!(letter.reason == RejectReason::Undecodable.word(), "{}", letter.reason);
        }
        let messages: Vec<_> = (0..60).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        oracle.settle(flow)?;
        Ok(())
    });
}

pub(crate) fn dead_letter(flow: &Flow, origin: Origin) -> anyhow::Result<DeadLetter> {
    waybill_tests::until(&format!("{origin} is dead-lettered"), Duration::from_secs(30), || {
        let letters = flow.fates()?.dead_letters.into_iter().map(|placed| placed.value);
        Ok(letters.into_iter().find(|letter| letter.origin == Some(origin)))
    })
}
