//! What becomes of events that transformations change, filter or fail on.
#![cfg(feature = "transformations")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{fs, path::Path};

use enrich::EnrichStep;
use enrichment::Enrichments;
use event::{EnrichedEvent, Origin, ValidatedEvent, Waybill};
use pipeline::{Context, DiscardReason, RejectReason, Verdict};
use tracking_plan::{LiveCatalog, SourceCatalog};
use transformation::Transformations;

fn event() -> ValidatedEvent {
    let path = "../../avro/examples/validated-events/track-browser.json";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The verdict; what is emitted with its own texts.
fn apply(program: &str) -> Verdict<EnrichedEvent> {
    let settings = toml::from_str("name = \"mine\"").unwrap();
    let compiled = Transformations::compile(&[(settings, program.to_owned())]);
    let all = compiled.unwrap_or_else(|problems| panic!("{problems:?}"));
    let step = EnrichStep::new(Enrichments::built_in(), LiveCatalog::new(SourceCatalog::default()));
    let origin = Origin { epoch: 0, partition: 3, offset: 18_446 };
    let waybill = Waybill { origin, appended_at: 1_795_428_931_000 };
    let (step, sent) = (step.with(all), event());
    match step.in_force().apply(&sent, &Context { waybill, redriven: false }) {
        Verdict::Emit(event) => {
            Verdict::Emit(serde_json::from_value(serde_json::to_value(event).unwrap()).unwrap())
        }
        Verdict::Discard(discarded) => discarded.into(),
        Verdict::Reject(rejected) => rejected.into(),
    }
}

#[test]
fn what_a_program_maps_is_emitted_under_the_same_key_and_ids_and_told_among_what_ran() {
    let Verdict::Emit(emitted) = apply(".event = \"Renamed\"") else { panic!("not emitted") };
    let Verdict::Emit(unchanged) = apply("true") else { panic!("not emitted") };
    assert_eq!(emitted.validation, event().validation);
    let expected = event::Event { event: Some("Renamed".to_owned()), ..unchanged.event };
    assert_eq!(emitted.event, expected);
    let last = emitted.enrichment.applied.last().expect("something ran");
    assert_eq!((last.name.as_str(), last.version.len()), ("transform:mine", 12));
}

#[test]
fn a_program_reads_the_facts_that_were_worked_out() {
    let reads = ".category = string(.enrichment.user_agent.browser) ?? \"none\"";
    let Verdict::Emit(emitted) = apply(reads) else { panic!("not emitted") };
    let browser = emitted.enrichment.user_agent.and_then(|facts| facts.browser.clone());
    assert!(browser.is_some());
    assert_eq!(emitted.event.category, browser);
}

#[test]
fn what_a_program_aborts_is_discarded_as_filtered() {
    let Verdict::Discard(discarded) = apply("abort") else { panic!("not discarded") };
    assert_eq!(discarded.reason, DiscardReason::Filtered);
    assert_eq!(discarded.detail, "transformation mine");
}

#[test]
fn what_a_program_fails_on_is_rejected_with_the_place() {
    let Verdict::Reject(rejected) = apply("x = to_int!(.type)") else { panic!("not rejected") };
    assert_eq!(rejected.reason, RejectReason::TransformationFailed);
    let expected = "transformation mine: an error at line 1, column 5: to_int!(.type)";
    assert_eq!(rejected.detail, expected);
}
