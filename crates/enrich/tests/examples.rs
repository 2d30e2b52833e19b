//! Every example of a validated event goes through the step of enrich; and every example of every
//! topic is what its schema says.
//!
//! `UPDATE_EXAMPLES=1` writes the results to the examples of the next topic; `INSTA_UPDATE=always`
//! writes the snapshots. Read both before they are committed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use enrich::EnrichStep;
use enrichment::Enrichments;
use event::{
    DeadLetter, Delivery, DiscardedEvent, EnrichedEvent, IdentityAlias, IdentityCommand,
    IdentityJournal, IdentityLink, IdentityState, Origin, RawEvent, StageCommand, StitchedEvent,
    ValidatedEvent, Waybill,
    codec::{Decoder, Encoder},
    frame,
    schema::{self, TopicSchema},
};
use pipeline::{Context, Verdict};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracking_plan::{LiveCatalog, SourceCatalog};

/// The waybill of every example: 0-3-18446, appended on 2026-11-23T10:15:31Z.
const CONTEXT: Context = Context {
    waybill: Waybill {
        origin: Origin { epoch: 0, partition: 3, offset: 18_446 },
        appended_at: 1_795_428_931_000,
    },
    redriven: false,
};

fn folder(schema: &TopicSchema) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../avro/examples").join(schema.name)
}

/// The texts of a topic's examples by name.
fn examples(schema: &TopicSchema) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder(schema)).expect(schema.name);
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Every validated example by name, enriched.
fn enriched() -> BTreeMap<String, EnrichedEvent> {
    let step = EnrichStep::new(Enrichments::built_in(), LiveCatalog::new(SourceCatalog::default()));
    let apply = |(name, text): (String, String)| {
        let event: ValidatedEvent = serde_json::from_str(&text).expect(&name);
        match step.in_force().apply(&event, &CONTEXT) {
            Verdict::Emit(event) => (name, owned(&event)),
            other => panic!("{name}: {other:?}"),
        }
    };
    examples(&schema::VALIDATED_EVENTS).into_iter().map(apply).collect()
}

/// The same with its own texts.
fn owned(event: &impl Serialize) -> EnrichedEvent {
    serde_json::from_value(serde_json::to_value(event).unwrap()).unwrap()
}

#[test]
fn every_validated_example_gets_the_facts_that_were_agreed() {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        for (name, event) in enriched() {
            insta::assert_json_snapshot!(name, event.enrichment);
        }
    });
}

#[test]
fn all_but_the_address_of_the_request_passes_unchanged() {
    let enriched = enriched();
    for (name, text) in examples(&schema::VALIDATED_EVENTS) {
        let mut before: ValidatedEvent = serde_json::from_str(&text).unwrap();
        let EnrichedEvent { event, validation, enrichment } = enriched[&name].clone();
        if enrichment.removed.contains(&"/request/ip truncate".to_owned()) {
            let (request, left) = (before.event.request.as_mut().unwrap(), event.request.as_ref());
            assert_ne!(request.ip, left.unwrap().ip, "{name}");
            request.ip.clone_from(&left.unwrap().ip);
        }
        assert_eq!(ValidatedEvent { event, validation }, before, "{name}");
    }
}

#[test]
fn the_enriched_examples_are_what_enrich_makes_of_the_validated_ones() {
    let folder = folder(&schema::ENRICHED_EVENTS);
    let enriched = enriched();
    for (name, event) in &enriched {
        let path = folder.join(name).with_extension("json");
        let text = format!("{}\n", serde_json::to_string_pretty(event).unwrap());
        if std::env::var_os("UPDATE_EXAMPLES").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap_or_default(), text, "{name}");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), enriched.len());
}

#[test]
fn every_example_of_every_topic_reads_as_its_struct_and_survives_its_avro_schema() {
    let checks: &[(&'static TopicSchema, Check)] = &[
        (&schema::RAW_EVENTS, check::<RawEvent>),
        (&schema::VALIDATED_EVENTS, check::<ValidatedEvent>),
        (&schema::ENRICHED_EVENTS, check::<EnrichedEvent>),
        (&schema::STITCHED_EVENTS, check::<StitchedEvent>),
        (&schema::IDENTITY_LINKS, check::<IdentityLink>),
        (&schema::IDENTITY_ALIASES, check::<IdentityAlias>),
        (&schema::IDENTITY_COMMANDS, check::<IdentityCommand>),
        (&schema::IDENTITY_JOURNAL, check::<IdentityJournal>),
        (&schema::IDENTITY_STATE, check::<IdentityState>),
        (&schema::STAGE_COMMANDS, check::<StageCommand>),
        (&schema::DISCARDED_EVENTS, check::<DiscardedEvent>),
        (&schema::DEAD_LETTERS, check::<DeadLetter>),
        (&schema::DELIVERIES, check::<Delivery>),
    ];
    let checked: Vec<&str> = checks.iter().map(|(schema, _)| schema.name).collect();
    let all: Vec<&str> = schema::ALL.iter().map(|schema| schema.name).collect();
    assert_eq!(checked, all, "a topic without a check of its examples");
    for (schema, check) in checks {
        check(schema);
    }
}

/// A check of all examples of one topic.
type Check = fn(&'static TopicSchema);

fn check<T: Serialize + DeserializeOwned>(schema: &'static TopicSchema) {
    let encoder = Encoder::new(schema, 7).unwrap();
    let decoder = Decoder::new(schema, schema.parsed().unwrap()).unwrap();
    let examples = examples(schema);
    assert!(!examples.is_empty(), "{} has no example", schema.name);
    for (name, text) in examples {
        let name = format!("{}/{name}", schema.name);
        let value: T = serde_json::from_str(&text).expect(&name);
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(without_nulls(json(&value)), without_nulls(told), "{name}: a field is unknown");
        let framed = encoder.encode(&value).expect(&name);
        let frame = frame::parse(&framed).expect(&name);
        assert_eq!(frame.schema_id, 7);
        let read: T = decoder.decode(frame.datum).expect(&name);
        assert_eq!(json(&read), json(&value), "{name}");
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// An absent field and a null one are the same.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let told = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(told.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
