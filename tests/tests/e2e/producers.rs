//! Producers that write `raw-events` themselves: in Python, by an older version of the schema, in
//! other encodings, and wrongly.

use std::{io::Write as _, process::Stdio};

use anyhow::{Context as _, ensure};
use event::{DeadLetter, Origin, Waybill, fingerprints, frame};
use kafka_runtime::{Outgoing, header};
use pipeline::RejectReason;
use serde::Deserialize;
use serde_json::{Value, json};
use topology::{Service, Stage, Topic};
use waybill_tests::{CRM, Flow, Issued, Oracle, PythonPrograms, SERVER_SDKS, until};

use crate::{bad_input::dead_letter, world::on_the_flow};

/// Events that a producer writes in one run.
const EVENTS: usize = 30;

/// What the program in Python says at its end.
#[derive(Debug, Deserialize)]
struct Told {
    schema_id: u32,
    delivered: Vec<Place>,
}

#[derive(Debug, Deserialize)]
struct Place {
    partition: i32,
    offset: i64,
}

impl Place {
    const fn origin(&self) -> Origin {
        Origin { epoch: 0, partition: self.partition, offset: self.offset }
    }
}

/// Has messages written by the program in Python, in this encoding.
fn write_in_python(
    flow: &Flow,
    oracle: &Oracle,
    encoding: &str,
    messages: &[Issued],
) -> anyhow::Result<Told> {
    let programs = PythonPrograms::install("tests/sdks/python")?;
    oracle.sending(messages);
    let mut python = programs.python("producer.py");
    python
        .env("KAFKA", &flow.kafka().bootstrap_servers)
        .env("REGISTRY_URL", flow.stack().registry_url())
        .env("ENCODING", encoding)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = python.spawn().context("python")?;
    let events: Vec<_> = messages.iter().map(by_the_older_schema).collect();
    let mut input = child.stdin.take().context("no standard input")?;
    input.write_all(Value::from(events).to_string().as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "producer.py ended with {}: {said}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let told: Told = serde_json::from_str(text.lines().last().unwrap_or_default())
        .with_context(|| format!("{text}{said}"))?;
    ensure!(told.delivered.len() == messages.len(), "{told:?}");
    oracle.acknowledged(messages);
    Ok(told)
}

fn by_the_older_schema(message: &Issued) -> Value {
    json!({
        "source": message.source.id,
        "type": message.kind,
        "message_id": message.message_id,
        "anonymous_id": message.anonymous_id(),
        "event": message.event,
        "properties": message.properties,
    })
}

/// Each event is in ClickHouse under the number that its record got.
fn each_has_its_number(flow: &Flow, messages: &[Issued], told: &Told) -> anyhow::Result<()> {
    let mut expected: Vec<_> =
        told.delivered.iter().map(|place| place.origin().to_string()).collect();
    let ids: Vec<_> = messages.iter().map(|it| format!("'{}'", it.message_id)).collect();
    let found = flow.clickhouse(&format!(
        "SELECT concat(origin_epoch, '-', origin_partition, '-', origin_offset) AS origin \
         FROM events WHERE message_id IN ({})",
        ids.join(", ")
    ))?;
    let mut found: Vec<_> = found.lines().map(str::to_owned).collect();
    expected.sort();
    found.sort();
    ensure!(found == expected, "numbers in ClickHouse: {found:?}, told: {expected:?}");
    Ok(())
}

fn issued(oracle: &Oracle, count: usize) -> Vec<Issued> {
    (0..count).map(|_| oracle.issue(CRM)).collect()
}

/// A record of `raw-events` with this value.
fn raw(value: Vec<u8>) -> Outgoing {
    Outgoing {
        topic: Topic::RawEvents,
        partition: Some(3),
        key: Some(b"any\xff".to_vec()),
        value: Some(value),
        headers: Vec::new(),
    }
}

/// Restarts validate with every encoding allowed; afterwards it is as before again.
fn with_every_encoding(
    flow: &Flow,
    test: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let validate = flow.service(Service::Validate);
    validate.stop_gracefully()?;
    let all = r#"["confluent", "single-object", "json"]"#;
    validate.start_with(&[("WAYBILL_VALIDATE__RAW_ENCODINGS", all)])?;
    validate.until_ready()?;
    let tested = test();
    validate.stop_gracefully()?;
    validate.start()?;
    validate.until_ready()?;
    tested
}

/// What becomes of a value: a dead letter of validate that has it byte for byte.
fn refused(flow: &Flow, value: &[u8]) -> anyhow::Result<DeadLetter> {
    let record = raw(value.to_vec());
    let at = flow.produce(vec![record.clone()])?.first().context("no report")?.position;
    let origin = Origin { epoch: 0, partition: at.partition, offset: at.offset };
    let letter = dead_letter(flow, origin)?;
    ensure!(letter.stage == Stage::Validate.name(), "{letter:?}");
    ensure!(letter.value.as_deref() == Some(value), "not byte for byte: {letter:?}");
    ensure!(letter.key == record.key && letter.headers.is_empty(), "{letter:?}");
    Ok(letter)
}

#[test]
fn events_of_a_producer_in_python_with_an_older_schema_land_in_clickhouse() {
    on_the_flow("python", |flow, oracle| {
        let messages = issued(oracle, EVENTS);
        let told = write_in_python(flow, oracle, "confluent", &messages)?;
        let asked = flow.registry().registered_id(Topic::RawEvents);
        let ours = flow.http().runtime().block_on(asked)?;
        ensure!(
            ours.is_some_and(|ours| ours != told.schema_id),
            "it was no other schema: {told:?}"
        );
        let tally = oracle.settle(flow)?;
        ensure!(tally.loaded == EVENTS as u64, "{tally}");
        each_has_its_number(flow, &messages, &told)
    });
}

#[test]
fn single_object_encoding_and_json_land_in_clickhouse_where_they_are_allowed() {
    on_the_flow("encodings", |flow, oracle| {
        with_every_encoding(flow, || {
            let by_avro = issued(oracle, EVENTS);
            let told = write_in_python(flow, oracle, "single-object", &by_avro)?;
            let by_json = issued(oracle, EVENTS);
            oracle.sending(&by_json);
            // The names of Segment, then those of the Avro record.
            let (segment, record) = by_json.split_at(EVENTS / 2);
            let segment = segment.iter().map(|message| {
                message.json().replacen('{', &format!("{{\"source\":\"{}\",", CRM.id), 1)
            });
            let record = record.iter().map(|message| by_the_older_schema(message).to_string());
            let values = segment.chain(record).map(|text| raw(text.into_bytes()));
            flow.produce(values.collect())?;
            oracle.acknowledged(&by_json);
            let tally = oracle.settle(flow)?;
            ensure!(tally.loaded == 2 * EVENTS as u64, "{tally}");
            each_has_its_number(flow, &by_avro, &told)
        })
    });
}

#[test]
fn what_is_not_allowed_is_dead_lettered_and_can_be_redriven_once_it_is() {
    on_the_flow("not-allowed", |flow, oracle| {
        let id = format!("json-{}", std::process::id());
        let json = format!(
            r#"{{"source":"{}","type":"track","event":"E","messageId":"{id}","userId":"u"}}"#,
            SERVER_SDKS.id
        );
        let single = [&frame::SINGLE_OBJECT_MARKER[..], &[7; 20]].concat();
        ensure!(refused(flow, &single)?.detail.contains("\"single-object\""));
        let letter = refused(flow, json.as_bytes())?;
        ensure!(letter.reason == RejectReason::Undecodable.word(), "{letter:?}");
        for part in ["plain JSON", "raw_encodings", "[validate]", "\"json\""] {
            ensure!(letter.detail.contains(part), "{part}: {}", letter.detail);
        }
        let origin = letter.origin.context("no number")?;
        with_every_encoding(flow, || {
            flow.produce(vec![redriven(flow, letter)?])?;
            let sql = format!(
                "SELECT concat(origin_epoch, '-', origin_partition, '-', origin_offset) \
                 FROM events WHERE message_id = '{id}'"
            );
            let found =
                until("the redriven event is loaded", std::time::Duration::from_secs(30), || {
                    Ok(Some(flow.clickhouse(&sql)?).filter(|found| !found.is_empty()))
                })?;
            ensure!(found == origin.to_string(), "{found}, was {origin}");
            oracle.settle(flow).map(drop)
        })
    });
}

/// The record that sends a dead letter of validate back in, byte for byte.
fn redriven(flow: &Flow, letter: DeadLetter) -> anyhow::Result<Outgoing> {
    let letters = flow.fates()?.dead_letters;
    let placed = letters.iter().find(|placed| placed.value.origin == letter.origin);
    let at = placed.context("the dead letter is gone")?.position;
    let origin = letter.origin.context("no number")?;
    let appended_at = letter.appended_at.context("no append time")?;
    let waybill = Waybill { origin, appended_at }.to_header().to_vec().into();
    let settles = format!("{}-{}", at.partition, at.offset).into();
    Ok(Outgoing {
        topic: Stage::Validate.redrive(),
        partition: Some(letter.partition),
        key: letter.key,
        value: letter.value,
        headers: vec![
            (header::WAYBILL.into(), Some(waybill)),
            (header::SETTLES.into(), Some(settles)),
        ],
    })
}

#[test]
fn what_is_wrong_in_an_encoding_that_is_allowed_is_dead_lettered_byte_for_byte() {
    on_the_flow("wrong", |flow, oracle| {
        let registry = flow.registry();
        let schema = r#"{"type":"record","name":"RawEvent","namespace":"io.waybill","fields":[
            {"name":"source","type":["null","string"],"default":null},
            {"name":"wrong","type":["null","string"],"default":null}]}"#;
        let block_on =
            |text| flow.http().runtime().block_on(registry.register_text(Topic::RawEvents, text));
        let id = block_on(schema)?;
        let parsed = apache_avro::Schema::parse_str(schema)?;
        let fingerprint = *fingerprints(&parsed).first().context("no fingerprint")?;
        let datum = b"\x02\x0eunknown\x00";
        let confluent = [&frame::header(id)[..], datum].concat();
        let single = [&frame::single_object_header(fingerprint)[..], datum].concat();
        let json = br#"{"source":"unknown"}"#.to_vec();
        with_every_encoding(flow, || {
            // Whole, they are read: what is wrong with them is their source.
            for value in [&confluent, &single, &json] {
                let letter = refused(flow, value)?;
                ensure!(letter.reason == RejectReason::UnknownSource.word(), "{letter:?}");
            }
            for value in [&confluent, &single, &json] {
                let cut = &value[..value.len() - 1];
                let longer = [value.as_slice(), b"\0"].concat();
                for wrong in [cut, &longer] {
                    let letter = refused(flow, wrong)?;
                    ensure!(letter.reason == RejectReason::Undecodable.word(), "{letter:?}");
                }
            }
            let unknown = [
                [&frame::header(0)[..], datum].concat(),
                [&frame::header(0x7fff_fffe)[..], datum].concat(),
                [&frame::header(u32::MAX)[..], datum].concat(),
                [&frame::SINGLE_OBJECT_MARKER[..], &[7; 8], datum].concat(),
            ];
            for value in unknown {
                let letter = refused(flow, &value)?;
                ensure!(letter.reason == RejectReason::UnknownSchema.word(), "{letter:?}");
            }
            for value in [&b"\x01\0\0\0\x01"[..], b"\xc3\x02\x01", b"[{}]", b""] {
                let letter = refused(flow, value)?;
                ensure!(letter.reason == RejectReason::Undecodable.word(), "{letter:?}");
            }
            let messages: Vec<_> = issued(oracle, EVENTS);
            for message in &messages {
                oracle.produce(flow, message)?;
            }
            oracle.settle(flow).map(drop)
        })
    });
}
