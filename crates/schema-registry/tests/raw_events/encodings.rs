//! What each encoding becomes.

use std::sync::{LazyLock, Mutex};

use event::{Encoding, Encodings, RawEvent, codec::Encoder, frame, schema};
use pipeline::RejectReason;
use proptest::prelude::*;
use schema_registry::{Decode, RawDecoder};

use crate::fake_registry::{FakeRegistry, NEWER, OLDER, decoded, framed, reason, single_object};

/// An event of the older version, and its datum there.
fn older() -> (RawEvent, Vec<u8>) {
    let event = RawEvent {
        source: Some("server/crm".to_owned()),
        message_id: Some("m1".to_owned()),
        ..RawEvent::default()
    };
    (event, b"\x02\x14server/crm\x02\x04m1\x00".to_vec())
}

/// An event of our own version, and its datum.
fn ours() -> (RawEvent, Vec<u8>) {
    let event = RawEvent {
        kind: Some("track".to_owned()),
        properties: Some(r#"{"total": 1.10}"#.to_owned()),
        request: Some(event::RequestFacts::default().into()),
        ..RawEvent::default()
    };
    let framed = Encoder::new(&schema::RAW_EVENTS, 1).unwrap().encode(&event).unwrap();
    (event, framed[frame::FRAME_LEN..].to_vec())
}

/// A good value in each encoding, with the event that it is.
fn good(older_id: u32) -> Vec<(RawEvent, Vec<u8>)> {
    let (older, older_datum) = older();
    let (ours, our_datum) = ours();
    let json = br#"{"source":"server/crm","messageId":"m1"}"#.to_vec();
    vec![
        (ours.clone(), framed(101, &our_datum)),
        (older.clone(), framed(older_id, &older_datum)),
        (ours, single_object(schema::RAW_EVENTS.text, &our_datum)),
        (older.clone(), single_object(OLDER, &older_datum)),
        (older, json),
    ]
}

#[test]
fn a_raw_event_is_the_same_in_every_encoding_and_version() {
    let registry = FakeRegistry::start();
    let older_id = registry.register(OLDER);
    let mut decoder = registry.decoder(Encodings::ALL);
    for (event, value) in good(older_id) {
        assert_eq!(decoded(&mut decoder, &value), Ok(event), "{value:x?}");
    }
    let newer_id = registry.register(NEWER);
    let datum = b"\x02\x04m1\x02\x04\x02\x04\x00";
    let event = RawEvent { message_id: Some("m1".to_owned()), ..RawEvent::default() };
    for value in [framed(newer_id, datum), single_object(NEWER, datum)] {
        assert_eq!(decoded(&mut decoder, &value), Ok(event.clone()), "{value:x?}");
    }
}

#[test]
fn a_value_that_was_cut_off_anywhere_is_undecodable() {
    let registry = FakeRegistry::start();
    let older_id = registry.register(OLDER);
    let mut decoder = registry.decoder(Encodings::ALL);
    for (_, value) in good(older_id) {
        for cut in 0..value.len() {
            let found = reason(&mut decoder, &value[..cut]);
            assert_eq!(found, RejectReason::Undecodable, "{cut} bytes of {value:x?}");
        }
    }
}

#[test]
fn bytes_behind_a_value_make_it_undecodable() {
    let registry = FakeRegistry::start();
    let older_id = registry.register(OLDER);
    let mut decoder = registry.decoder(Encodings::ALL);
    for (_, mut value) in good(older_id) {
        value.push(0);
        assert_eq!(reason(&mut decoder, &value), RejectReason::Undecodable, "{value:x?}");
    }
}

#[test]
fn what_is_not_allowed_names_the_encoding_and_the_key() {
    let registry = FakeRegistry::start();
    let mut decoder = registry.decoder(Encodings::default());
    let single = single_object(schema::RAW_EVENTS.text, &ours().1);
    let json = b" {\"messageId\":\"secret\"}".to_vec();
    for (value, encoding) in [(single, Encoding::SingleObject), (json, Encoding::Json)] {
        let rejected = decoded(&mut decoder, &value).unwrap_err();
        assert_eq!(rejected.reason, RejectReason::Undecodable);
        let word = encoding.word();
        for part in [encoding.to_string(), "raw_encodings".into(), format!("\"{word}\"")] {
            assert!(rejected.detail.contains(&part), "{part}: {}", rejected.detail);
        }
        assert!(!rejected.detail.contains("secret"), "{}", rejected.detail);
    }
    assert_eq!(registry.requests(), 0, "nobody was asked for what is not allowed");
}

#[test]
fn what_begins_as_no_encoding_does_says_how_it_begins() {
    let registry = FakeRegistry::start();
    let mut decoder = registry.decoder(Encodings::ALL);
    let values: [(&[u8], &str); 5] = [
        (b"", "empty"),
        (b"\x01\0\0\0\x65", "0x01"),
        (b"\xc3\x02 wrong marker", "0xc3"),
        (b"[{\"a\":1}]", "0x5b"),
        (b"secret", "0x73"),
    ];
    for (value, part) in values {
        let rejected = decoded(&mut decoder, value).unwrap_err();
        assert_eq!(rejected.reason, RejectReason::Undecodable);
        assert!(rejected.detail.contains(part), "{part}: {}", rejected.detail);
        assert!(!rejected.detail.contains("secret"), "{}", rejected.detail);
    }
}

#[test]
fn a_schema_that_is_no_record_of_raw_events_is_undecodable() {
    let registry = FakeRegistry::start();
    let id = registry.register(r#""string""#);
    let mut decoder = registry.decoder(Encodings::ALL);
    assert_eq!(reason(&mut decoder, &framed(id, b"\x04m1")), RejectReason::Undecodable);
}

/// The registry's versions: ours, an older one, a newer one, one that refers to itself.
static FAKE: LazyLock<(FakeRegistry, Mutex<RawDecoder>)> = LazyLock::new(|| {
    let registry = FakeRegistry::start();
    let itself = r#"{"type":"record","name":"RawEvent","namespace":"io.waybill","fields":[
        {"name":"again","type":["null","RawEvent"],"default":null},
        {"name":"nulls","type":{"type":"array","items":"null"},"default":[]},
        {"name":"map","type":{"type":"map","values":"RawEvent"},"default":{}}]}"#;
    for text in [OLDER, NEWER, itself] {
        registry.register(text);
    }
    let decoder = Mutex::new(registry.decoder(Encodings::ALL));
    (registry, decoder)
});

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic_or_halt(
        datum in prop::collection::vec(any::<u8>(), 0..120),
        front in prop_oneof![
            Just(Vec::new()),
            (100..106_u32).prop_map(|id| framed(id, b"")),
            any::<u32>().prop_map(|id| framed(id, b"")),
            prop::sample::select(vec![schema::RAW_EVENTS.text, OLDER, NEWER])
                .prop_map(|text| single_object(text, b"")),
            Just(b"{\"event\":".to_vec()),
        ],
    ) {
        let value = [front, datum].concat();
        let mut decoder = FAKE.1.lock().unwrap();
        prop_assert!(decoder.decode(&value).is_ok());
    }

    #[test]
    fn one_changed_byte_makes_no_decoder_panic(
        which in 0..5_usize, at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let (_, mut value) = good(102).swap_remove(which);
        let at = at.index(value.len());
        value[at] = byte;
        let mut decoder = FAKE.1.lock().unwrap();
        prop_assert!(decoder.decode(&value).is_ok());
    }
}

#[test]
fn a_datum_that_nests_without_end_is_undecodable() {
    let mut decoder = FAKE.1.lock().unwrap();
    let deep = framed(104, &vec![2; 1_000_000]);
    let rejected = decoded(&mut decoder, &deep).unwrap_err();
    assert_eq!(rejected.reason, RejectReason::Undecodable);
    assert!(rejected.detail.contains("nested deeper"), "{}", rejected.detail);
}
