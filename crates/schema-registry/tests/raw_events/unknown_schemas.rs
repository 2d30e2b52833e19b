//! Schemas that the registry does not know, and a registry that does not answer.

use event::{Encodings, RawEvent, frame};
use pipeline::RejectReason;
use schema_registry::Decode;

use crate::fake_registry::{
    FakeRegistry, NEWER, OLDER, decoded, framed, halted, reason, single_object,
};

const DATUM: &[u8] = b"\x00\x02\x04m1\x00";

fn event() -> RawEvent {
    RawEvent { message_id: Some("m1".to_owned()), ..RawEvent::default() }
}

#[test]
fn an_unknown_schema_has_a_reason_of_its_own_and_is_asked_for_once() {
    let registry = FakeRegistry::start();
    let mut decoder = registry.decoder(Encodings::ALL);
    for value in [framed(999, DATUM), single_object(OLDER, DATUM)] {
        let before = registry.requests();
        let mut asked = 0;
        for again in 0..100 {
            let rejected = decoded(&mut decoder, &value).unwrap_err();
            assert_eq!(rejected.reason, RejectReason::UnknownSchema);
            assert_eq!(rejected.detail.contains("s ago"), again > 0, "{}", rejected.detail);
            asked = asked.max(registry.requests() - before);
        }
        // The versions are listed, and there is one.
        assert!((1..=2).contains(&asked), "{asked} requests");
    }
}

#[test]
fn a_version_that_was_registered_since_is_found_at_once() {
    let registry = FakeRegistry::start();
    let mut decoder = registry.decoder(Encodings::ALL);
    let unknown = single_object(NEWER, b"\x00\x00");
    assert_eq!(reason(&mut decoder, &unknown), RejectReason::UnknownSchema);
    registry.register(OLDER);
    assert_eq!(decoded(&mut decoder, &single_object(OLDER, DATUM)), Ok(event()));
}

#[test]
fn a_registry_that_is_away_is_a_halt_and_no_dead_letter() {
    let registry = FakeRegistry::start();
    let id = registry.register(OLDER);
    let mut decoder = registry.decoder(Encodings::ALL);
    let values = [framed(id, DATUM), single_object(OLDER, DATUM), framed(999, DATUM)];
    registry.set_away(true);
    for value in &values {
        for _ in 0..3 {
            assert_eq!(halted(&mut decoder, value).dependency, "registry");
        }
    }
    assert!(decoder.decode(b"{}").is_ok(), "JSON needs no registry");
    registry.set_away(false);
    assert_eq!(decoded(&mut decoder, &values[0]), Ok(event()));
    assert_eq!(decoded(&mut decoder, &values[1]), Ok(event()));
    assert_eq!(reason(&mut decoder, &values[2]), RejectReason::UnknownSchema);
    registry.set_away(true);
    assert_eq!(decoded(&mut decoder, &values[1]), Ok(event()), "what is known needs no registry");
}

#[test]
fn a_registry_without_the_subject_is_a_halt_that_says_what_to_type() {
    let registry = FakeRegistry::empty();
    let mut decoder = registry.decoder(Encodings::ALL);
    let halt = halted(&mut decoder, &single_object(OLDER, DATUM));
    assert!(halt.detail.contains("waybill migrate"), "{halt}");
}

#[test]
fn a_flood_of_unknown_schemas_does_not_ask_for_each() {
    let registry = FakeRegistry::start();
    let mut decoder = registry.decoder(Encodings::ALL);
    for number in 0..2_000_u32 {
        assert_eq!(reason(&mut decoder, &framed(1_000 + number, b"")), RejectReason::UnknownSchema);
        let single = [&frame::SINGLE_OBJECT_MARKER[..], &[7; 4], &number.to_be_bytes()].concat();
        assert_eq!(reason(&mut decoder, &single), RejectReason::UnknownSchema);
    }
    // 16 ids, and for 16 fingerprints the list and its one version.
    assert!(registry.requests() <= 3 * 16, "{} requests", registry.requests());
}

#[test]
fn an_id_that_no_registry_gives_out_is_unknown_without_asking() {
    let registry = FakeRegistry::start();
    let mut decoder = registry.decoder(Encodings::default());
    for id in [0x8000_0000, u32::MAX] {
        assert_eq!(reason(&mut decoder, &framed(id, DATUM)), RejectReason::UnknownSchema);
    }
    assert_eq!(registry.requests(), 0);
}
