//! Every record survives the way through its schema.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;

use apache_avro::Schema;
use event::{
    BusinessEntry, ContextEntry, DeadLetter, Delivery, DeviceOrder, DeviceUser, DiscardedEvent,
    EnrichedEvent, ErasedIds, Finding, Fixed16, IdentityAlias, IdentityCommand, IdentityJournal,
    IdentityLink, IdentityState, Inheritable, JournalEntry, LostRange, Origin, RawEvent,
    RecordHeader, Reference, RequestFacts, SessionEntry, StageCommand, StitchedEvent,
    codec::{CodecError, Decoder, Encoder},
    frame,
    schema::{self, TopicSchema},
};
use serde::{Serialize, de::DeserializeOwned};

const ORIGIN: Origin = Origin { epoch: 65_535, partition: 3, offset: 18_446 };

fn survives<T>(schema: &'static TopicSchema, value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let bytes = Encoder::new(schema, 7).unwrap().encode(value).unwrap();
    let frame = frame::parse(&bytes).unwrap();
    assert_eq!(frame.schema_id, 7);
    let decoder = Decoder::new(schema, schema.parsed().unwrap()).unwrap();
    assert_eq!(&decoder.decode::<T>(frame.datum).unwrap(), value);
    let mut longer = frame.datum.to_vec();
    longer.extend_from_slice(b"xy");
    assert_eq!(decoder.decode::<T>(&longer), Err(CodecError::TrailingBytes(2)));
    assert!(decoder.decode::<T>(&frame.datum[..frame.datum.len() - 1]).is_err(), "truncated");
}

fn raw_event() -> RawEvent {
    RawEvent {
        source: Some("web/app".into()),
        kind: Some("track".into()),
        properties: Some(r#"{"total": 1.10}"#.into()),
        request: Some(
            RequestFacts { ip: Some("192.0.2.7".into()), ..RequestFacts::default() }.into(),
        ),
        ..RawEvent::default()
    }
}

/// Facts are appended: identity-stitch reads the event where it stands, writes its bytes on and its own
/// facts behind them.
#[test]
fn facts_behind_the_bytes_of_an_event_are_the_event_with_these_facts() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../avro/examples/stitched-events");
    let examples: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(examples.len() >= 4, "only {} examples", examples.len());
    let enriched = Encoder::new(&schema::ENRICHED_EVENTS, 1).unwrap();
    let stitched = Encoder::new(&schema::STITCHED_EVENTS, 2).unwrap();
    let own = schema::ENRICHED_EVENTS.parsed().unwrap();
    let decoder = Decoder::new(&schema::ENRICHED_EVENTS, own).unwrap();
    for example in examples {
        let text = std::fs::read_to_string(&example).unwrap();
        let whole: StitchedEvent = serde_json::from_str(&text).unwrap();
        let StitchedEvent { event, validation, enrichment, identity } = whole.clone();
        let before = enriched.encode(&EnrichedEvent { event, validation, enrichment }).unwrap();
        let datum = frame::parse(&before).unwrap().datum;
        let behind = stitched.encode_behind(datum, &identity).unwrap();
        assert_eq!(behind, stitched.encode(&whole).unwrap(), "{}", example.display());
        let read: EnrichedEvent<&str> = decoder.decode_in_place(datum).unwrap().unwrap();
        assert_eq!(enriched.encode(&read).unwrap(), before, "{}", example.display());
    }
}

#[test]
fn a_raw_event_survives() {
    survives(&schema::RAW_EVENTS, &raw_event());
}

fn finding() -> Finding {
    Finding {
        reason: "invalid-property".into(),
        pointer: "/properties/revenue".into(),
        problem: "has a value of another type".into(),
        expected: Some("number".into()),
        actual: None,
        outcome: "reject".into(),
        plan_version: Some("shop@3".into()),
    }
}

#[test]
fn a_dead_letter_survives_with_bytes_that_are_no_text() {
    let letter = DeadLetter {
        stage: "validate".into(),
        reason: "undecodable".into(),
        detail: "no frame".into(),
        origin: Some(ORIGIN),
        appended_at: Some(1),
        topic: "raw-events".into(),
        partition: 3,
        offset: 18_446,
        record_timestamp: None,
        key: None,
        value: Some(vec![0xff, 0x00, 0xfe]),
        headers: vec![
            RecordHeader { name: "a".into(), value: Some(vec![0x80]) },
            RecordHeader { name: "b".into(), value: None },
        ],
        by_reference: Some(Reference { length: 9, sha256: "00".into() }),
        attempts: 1,
        failed_at: 2,
        code_version: "0.1.0".into(),
        plan_version: None,
        source: None,
        event: None,
        message_id: None,
        environment: Some("staging".into()),
        findings: vec![finding()],
    };
    survives(&schema::DEAD_LETTERS, &letter);
}

#[test]
fn a_discard_survives() {
    survives(&schema::DISCARDED_EVENTS, &discard());
}

#[test]
fn a_delivery_survives_whatever_came_of_it() {
    let delivered = Delivery {
        destination: "crm".into(),
        outcome: "delivered".into(),
        reason: None,
        detail: String::new(),
        status: Some(200),
        origin: ORIGIN,
        appended_at: 1,
        attempts: 1,
        first_attempted_at: 2,
        settled_at: 3,
        idempotency_key: "0-3-18446".into(),
        source: Some("web/app".into()),
        event: None,
        message_id: Some("m".into()),
        environment: None,
        code_version: "0.1.0".into(),
    };
    let rejected = Delivery {
        outcome: "rejected".into(),
        reason: Some("refused".into()),
        status: None,
        attempts: i32::MAX,
        settled_at: i64::MIN,
        ..delivered.clone()
    };
    survives(&schema::DELIVERIES, &delivered);
    survives(&schema::DELIVERIES, &rejected);
}

#[test]
fn numbers_at_their_ends_and_long_texts_survive() {
    for number in [i64::MIN, i64::MAX, -1, 0, 1, 63, 64, -64, -65, 8191, 8192, 1 << 62] {
        let detail = "ä".repeat(70);
        let value = DiscardedEvent { appended_at: number, detail, ..discard() };
        survives(&schema::DISCARDED_EVENTS, &value);
    }
}

fn discard() -> DiscardedEvent {
    DiscardedEvent {
        stage: "identity-stitch".into(),
        reason: "repeat".into(),
        detail: String::new(),
        origin: ORIGIN,
        appended_at: 1,
        first: Some(ORIGIN),
        discarded_at: 2,
        source: Some("web/app".into()),
        event: None,
        message_id: None,
        environment: Some("staging".into()),
    }
}

#[test]
fn a_command_to_a_stage_survives() {
    let lost = LostRange { topic: "validated-events".into(), partition: 3, from: 1, to: 2 };
    let command = StageCommand {
        stage: "enrich".into(),
        action: "skip-expired".into(),
        partition: Some(3),
        who: "ada@ops-1".into(),
        why: "too long an outage".into(),
        at: 1,
        breaker_off_until: Some(2),
        lost: Some(lost),
    };
    survives(&schema::STAGE_COMMANDS, &command);
}

#[test]
fn identity_records_survive() {
    let link = IdentityLink {
        kind: "link".into(),
        anonymous_id: "a".into(),
        user_id: "u".into(),
        person_id: "p".into(),
        rule: "identify".into(),
        cause: ORIGIN,
        event_time: 1,
        appended_at: 2,
        refused: Some("unlinked".into()),
        who: None,
        why: Some("wrong".into()),
    };
    survives(&schema::IDENTITY_LINKS, &link);
    let alias = IdentityAlias {
        kind: "merge".into(),
        previous_id: "o".into(),
        user_id: "u".into(),
        rule: "alias".into(),
        cause: ORIGIN,
        event_time: 1,
        appended_at: 2,
        who: None,
        why: None,
    };
    survives(&schema::IDENTITY_ALIASES, &alias);
    let command = IdentityCommand {
        action: "unlink".into(),
        anonymous_id: Some("a".into()),
        previous_id: None,
        user_id: "u".into(),
        who: "ops".into(),
        why: "wrong".into(),
        at: 3,
        erased: Some(ErasedIds {
            devices: vec![Fixed16([1; 16]), Fixed16([2; 16])],
            shared_devices: Vec::new(),
            users: vec![Fixed16([255; 16])],
        }),
    };
    survives(&schema::IDENTITY_COMMANDS, &command);
    survives(&schema::IDENTITY_JOURNAL, &journal());
    let user = DeviceUser {
        user_id: "u".into(),
        first_time: -1,
        first_cause: ORIGIN,
        last_time: 1,
        last_cause: ORIGIN,
    };
    let order = DeviceOrder { user_id: "u".into(), linked: false, at: 1, offset: 2 };
    let state = IdentityState {
        device_key: "a".into(),
        held: vec![user.clone()],
        refused: Some(user),
        orders: vec![order],
    };
    survives(&schema::IDENTITY_STATE, &state);
}

fn journal() -> IdentityJournal {
    let key = Fixed16([0xfe; 16]);
    let value = Inheritable { field: "locale".into(), value: "de".into(), origin: ORIGIN };
    IdentityJournal {
        version: 1,
        entries: vec![JournalEntry { key, origin: ORIGIN, fingerprint: -1, day: 20_000 }],
        business_keys: vec![BusinessEntry { key, origin: ORIGIN, rank: 1, day: 20_000 }],
        sessions: vec![SessionEntry {
            device: key,
            id: "s".into(),
            sent: true,
            number: 2,
            started_at: 3,
            last_at: 4,
            minute: 5,
            count: 6,
            known: 7,
            day: 20_000,
        }],
        contexts: vec![ContextEntry {
            device: key,
            session: "s".into(),
            values: vec![value],
            day: 20_000,
        }],
    }
}

#[test]
fn a_writer_with_fewer_and_other_fields_is_read_by_our_schema() {
    let older = r#"{"type":"record","name":"RawEvent","namespace":"io.waybill","fields":[
        {"name":"message_id","type":"string"},
        {"name":"added_by_them","type":["null","string"],"default":null}]}"#;
    let writer: &'static Schema = Box::leak(Box::new(Schema::parse_str(older).unwrap()));
    let decoder = Decoder::new(&schema::RAW_EVENTS, writer).unwrap();
    let datum = [4, b'm', b'1', 0];
    let event: RawEvent = decoder.decode(&datum).unwrap();
    assert_eq!(event, RawEvent { message_id: Some("m1".into()), ..RawEvent::default() });
}

/// An older version of the schema: its values are resolved to ours.
const OLDER: &str = r#"{"type":"record","name":"RawEvent","namespace":"io.waybill","fields":[
    {"name":"source","type":["null","string"],"default":null},
    {"name":"message_id","type":["null","string"],"default":null},
    {"name":"user_id","type":["null","string"],"default":null}]}"#;

fn decoder_of(writer: &str) -> Decoder {
    let writer: &'static Schema = Box::leak(Box::new(Schema::parse_str(writer).unwrap()));
    Decoder::new(&schema::RAW_EVENTS, writer).unwrap()
}

#[test]
fn a_datum_that_was_cut_off_anywhere_is_an_error_whoever_wrote_it() {
    let ours = Encoder::new(&schema::RAW_EVENTS, 7).unwrap().encode(&raw_event()).unwrap();
    let older = b"\x02\x0aweb/a\x02\x04m1\x00".to_vec();
    let cases = [(schema::RAW_EVENTS.text, ours[frame::FRAME_LEN..].to_vec()), (OLDER, older)];
    for (writer, datum) in cases {
        let decoder = decoder_of(writer);
        decoder.decode::<RawEvent>(&datum).unwrap();
        for cut in 0..datum.len() {
            let found = decoder.decode::<RawEvent>(&datum[..cut]);
            assert!(matches!(found, Err(CodecError::Decode { .. })), "{cut} bytes: {found:?}");
        }
        for behind in 1..5 {
            let longer = [datum.as_slice(), &vec![0; behind]].concat();
            let found = decoder.decode::<RawEvent>(&longer);
            assert_eq!(found, Err(CodecError::TrailingBytes(behind)));
        }
    }
}

#[test]
fn an_error_never_quotes_the_value() {
    let decoder = Decoder::new(&schema::RAW_EVENTS, schema::RAW_EVENTS.parsed().unwrap()).unwrap();
    let datum = [2, 20, b's', b'e', b'c', b'r', b'e', b't', b'!', 0xff, 0xff, 0xff];
    let error = decoder.decode::<RawEvent>(&datum).unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
}

/// The schema of `enriched-events` without one of the facts.
fn without_fact(name: &str) -> Schema {
    let text = schema::ENRICHED_EVENTS.text;
    let mut schema: serde_json::Value = serde_json::from_str(text).unwrap();
    let facts = schema["fields"].as_array_mut().unwrap().iter_mut();
    let facts = facts.filter(|field| field["name"] == "enrichment");
    for field in facts {
        field["type"]["fields"].as_array_mut().unwrap().retain(|fact| fact["name"] != name);
    }
    Schema::parse(&schema).unwrap()
}

#[test]
fn an_enriched_event_of_an_older_schema_is_read_with_what_ran() {
    let path = "../../avro/examples/enriched-events/page-campaign.json";
    let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let event: EnrichedEvent = serde_json::from_str(&text.unwrap()).unwrap();
    let older = Box::leak(Box::new(without_fact("removed")));
    let mut datum = Vec::new();
    let bytes = Encoder::new(&schema::ENRICHED_EVENTS, 7).unwrap().encode(&event).unwrap();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(
        schema::ENRICHED_EVENTS.parsed().unwrap(),
    )
    .reader_schema(older)
    .build()
    .unwrap();
    let value = reader.read_value(&mut frame::parse(&bytes).unwrap().datum).unwrap();
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(older).build().unwrap();
    writer.write_value(&mut datum, value).unwrap();

    let decoder = Decoder::new(&schema::ENRICHED_EVENTS, older).unwrap();
    assert!(decoder.decode_in_place::<EnrichedEvent<&str>>(&datum).is_none());
    let read = decoder.decode(&datum).unwrap();
    assert_ne!(event.enrichment.removed, Vec::<String>::new());
    let mut expected: EnrichedEvent = event;
    expected.enrichment.removed.clear();
    assert_eq!(expected, read);
}
