//! What the tests load.

use event::{
    Amount, BotFacts, BusinessKey, ClickId, DeadLetter, Derived, EnrichmentFacts, EnrichmentRun,
    Event, Finding, GeoFacts, IdentityFacts, Inherited, IpFacts, MoneyFacts, NetworkFacts, Origin,
    RecordHeader, SessionFacts, StitchedEvent, ValidationFacts, Waybill,
};
use warehouse::{EventRow, InsertRequest, OriginRange, PositionRange, RowPosition, Shard};

const TOPIC: &str = "stitched-events";
pub(crate) const APPENDED_AT: i64 = 1_795_000_000_123;

pub(crate) fn stitched(message_id: &str) -> StitchedEvent {
    let object = || "{}".to_owned();
    let event = Event {
        source: "web/app".to_owned(),
        source_kind: "browser".to_owned(),
        environment: "production".to_owned(),
        kind: "track".to_owned(),
        message_id: message_id.to_owned(),
        anonymous_id: Some("device-1".to_owned()),
        user_id: None,
        group_id: None,
        previous_id: None,
        event: Some("Order Completed".to_owned()),
        name: None,
        category: None,
        channel: None,
        timestamp: APPENDED_AT,
        original_timestamp: Some(i64::MAX),
        sent_at: None,
        received_at: APPENDED_AT,
        context: object(),
        properties: r#"{"total":1.10,"a.b":1,"a":{"b":2}}"#.to_owned(),
        traits: object(),
        integrations: object(),
        extra: object(),
        request: None,
    };
    let validation = ValidationFacts {
        version: "1".to_owned(),
        device_key: "device-1".to_owned(),
        device_key_kind: "anonymous_id".to_owned(),
        time_basis: "sent".to_owned(),
        clock_offset_ms: Some(-5),
        flags: vec!["no-plan".to_owned()],
        findings: vec![finding("flag")],
        removed: vec!["hash /properties/email".to_owned()],
        inheritable: vec!["/context/page/url".to_owned(), "/context/locale".to_owned()],
        consent_granted: vec!["analytics".to_owned()],
        consent_denied: vec!["ads".to_owned()],
        business_key: Some(BusinessKey {
            key: "shop/Order Completed/1001".to_owned(),
            rank: 0,
            window_days: 30,
            on_repeat: "discard".to_owned(),
        }),
        ..ValidationFacts::default()
    };
    let enrichment = enrichment();
    let identity = IdentityFacts {
        person_id: "0123456789abcdef0123456789abcdef".to_owned(),
        basis: "anonymous_id".to_owned(),
        alias_origin: Some("0-3-1".to_owned()),
        supersedes: Some("0-3-2".to_owned()),
        told_first: Some("0-3-3".to_owned()),
        session: Some(SessionFacts {
            id: "0-3-4".to_owned(),
            basis: "derived".to_owned(),
            number: Some(7),
            started_at: APPENDED_AT,
        }),
        inherited: vec![Inherited {
            field: "campaign_source".to_owned(),
            value: "newsletter".to_owned(),
            origin: "0-3-4".to_owned(),
        }],
        ..IdentityFacts::default()
    };
    StitchedEvent { event, validation, enrichment, identity }
}

fn enrichment() -> EnrichmentFacts {
    let some = |text: &str| Some(text.to_owned());
    let run = EnrichmentRun { name: "bot".to_owned(), version: "1".to_owned() };
    let amount = |property: &str, value: &str| Amount {
        property: property.to_owned(),
        value: value.to_owned(),
    };
    EnrichmentFacts {
        applied: [run].into(),
        bot: BotFacts {
            is_bot: true,
            indicators: vec!["user-agent".to_owned()],
            class: some("bot"),
            rate_limit: Some(60),
        },
        click_ids: vec![ClickId {
            name: "gclid".to_owned(),
            value: "Cj0".to_owned(),
            network: "Google".to_owned(),
        }],
        geo: Some(GeoFacts { country: some("DE"), region: some("BY"), ..GeoFacts::default() }),
        network: Some(NetworkFacts { asn: Some(4_294_967_295), organisation: None }),
        ip: Some(IpFacts {
            address: some("198.51.100.0"),
            taken_from: "request".to_owned(),
            kind: "documentation".to_owned(),
            policy: "truncate".to_owned(),
        }),
        money: Some(MoneyFacts {
            currency: some("EUR"),
            amounts: vec![amount("revenue", "-12.5"), amount("tax", "0.000000001")],
        }),
        flags: vec!["invalid-locale".to_owned()],
        derived: vec![Derived { field: "campaign.source".to_owned(), value: "x".to_owned() }],
        removed: vec!["/context/page/url?token".to_owned()],
        ..EnrichmentFacts::default()
    }
}

/// A finding of a rule of shop@3 with this outcome.
pub(crate) fn finding(outcome: &str) -> Finding {
    Finding {
        reason: "invalid-field".to_owned(),
        pointer: "/properties/revenue".to_owned(),
        problem: "has a value of another type".to_owned(),
        expected: Some("number".to_owned()),
        actual: None,
        outcome: outcome.to_owned(),
        plan_version: Some("shop@3".to_owned()),
    }
}

pub(crate) fn row(offset: i64) -> EventRow {
    let origin = Origin { epoch: 0, partition: 3, offset: offset + 1_000 };
    EventRow {
        position: RowPosition { epoch: 0, topic: TOPIC, partition: 3, offset },
        waybill: Waybill { origin, appended_at: APPENDED_AT },
        stitched: stitched(&format!("m-{offset}")),
    }
}

pub(crate) fn request(offsets: &[i64], token: &str, attempt: u32) -> InsertRequest {
    let rows: Vec<EventRow> = offsets.iter().map(|offset| row(*offset)).collect();
    InsertRequest::new(&rows, token.to_owned(), format!("{token}-{attempt}-test"))
}

pub(crate) fn origins(start: i64, end: i64) -> OriginRange {
    OriginRange { epoch: 0, partition: 3, start: start + 1_000, end: end + 1_000 }
}

pub(crate) fn positions(start: i64, end: i64) -> PositionRange {
    PositionRange {
        shard: Shard::HOME,
        table: "events",
        epoch: 0,
        topic: TOPIC,
        partition: 3,
        start,
        end,
    }
}

pub(crate) fn dead_letter() -> DeadLetter {
    DeadLetter {
        stage: "validate".to_owned(),
        reason: "malformed".to_owned(),
        detail: "properties is no object".to_owned(),
        origin: None,
        appended_at: None,
        topic: "raw-events".to_owned(),
        partition: 1,
        offset: 7,
        record_timestamp: Some(APPENDED_AT),
        key: None,
        value: Some(vec![0, 255, 254, b'"']),
        headers: vec![RecordHeader { name: "h".to_owned(), value: Some(vec![255]) }],
        by_reference: None,
        attempts: 1,
        failed_at: APPENDED_AT,
        code_version: "1".to_owned(),
        plan_version: None,
        source: None,
        event: None,
        message_id: None,
        environment: None,
        findings: vec![finding("reject"), finding("flag")],
    }
}
