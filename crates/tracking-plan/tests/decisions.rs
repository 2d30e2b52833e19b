//! The decision table of the quality gate: each row is a test from an event to its verdict. The
//! end-to-end tests send the same rows through the real parts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "decisions/policies.rs"]
mod policies;

use std::{collections::BTreeSet, fs, path::Path};

use event::{Finding, RawEvent, ValidatedEvent};
use libtest_mimic::{Arguments, Failed, Trial};
use pipeline::{DiscardReason, RejectReason, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};
use tracking_plan::{
    Rules, SourceCatalog, clean,
    plan::{HashKey, Normalise, PlanSet, SuppressionList},
};

const NOW: i64 = 1_795_428_930_000;

/// The files of the plans.
const PLANS: [&str; 5] = ["shop.1", "shop.2", "strict", "open", "later"];

/// The key that the ids in the rows name: that of the end-to-end tests.
const FIRST_PARTY: &str =
    r#"{"keys": [{"id": "k1", "secret": "a secret of a test, and of no use elsewhere"}]}"#;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    event: serde_json::Map<String, Value>,
    verdict: Expected,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Expected {
    Emit(Box<Emitted>),
    Reject { reason: String, findings: Vec<String> },
    Discard(String),
}

/// What the facts of an event say; what is not named is empty.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Emitted {
    plan: Option<String>,
    flags: Vec<String>,
    findings: Vec<String>,
    removed: Vec<String>,
    inheritable: Vec<String>,
    granted: Vec<String>,
    denied: Vec<String>,
    business_key: Option<Value>,
    /// Only looked at where the row says something.
    properties: Option<Value>,
    traits: Option<Value>,
}

fn file(name: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decisions");
    fs::read_to_string(dir.join(name)).unwrap()
}

fn key() -> HashKey {
    HashKey::try_from("k".repeat(32)).unwrap()
}

fn catalog() -> SourceCatalog {
    let plans: Vec<(String, String)> = PLANS
        .iter()
        .map(|name| (format!("{name}.yaml"), file(&format!("plans/{name}.yaml"))))
        .collect();
    let rules = Rules {
        plans: PlanSet::read(&plans).unwrap(),
        hash_key: Some(key()),
        suppressed: SuppressionList::read(&file("suppressed.txt")).unwrap(),
    };
    let sources = serde_json::from_str(&file("sources.json")).unwrap();
    let catalog = SourceCatalog::new(sources).unwrap().with_rules(rules).unwrap();
    catalog.with_first_party(serde_json::from_str(FIRST_PARTY).unwrap())
}

/// Objects as the texts that travel; `@2000` stands for a long text.
fn raw(event: &serde_json::Map<String, Value>) -> RawEvent {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let long = |value: &Value| Value::from(text(value).replace("@2000", &"x".repeat(2_000)));
    let fields = event.iter().map(|(name, value)| (name.clone(), long(value)));
    serde_json::from_value(Value::Object(fields.collect())).unwrap()
}

fn told(finding: &Finding) -> String {
    format!("{} {} {}", finding.outcome, finding.reason, finding.pointer)
}

fn judged(verdict: Verdict<ValidatedEvent>, expected: &Expected) -> Expected {
    let all = |findings: &[Finding]| findings.iter().map(told).collect();
    match verdict {
        Verdict::Discard(discarded) => Expected::Discard(discarded.reason.word().to_owned()),
        Verdict::Reject(rejected) => Expected::Reject {
            reason: rejected.reason.word().to_owned(),
            findings: all(&rejected.findings),
        },
        Verdict::Emit(ValidatedEvent { event, validation }) => {
            let shown = |asked: fn(&Emitted) -> &Option<Value>, text: &str| match expected {
                Expected::Emit(emitted) if asked(emitted).is_some() => {
                    Some(serde_json::from_str(text).unwrap())
                }
                _ => None,
            };
            Expected::Emit(Box::new(Emitted {
                findings: all(&validation.findings),
                plan: validation.plan_version,
                flags: validation.flags,
                removed: validation.removed,
                inheritable: validation.inheritable,
                granted: validation.consent_granted,
                denied: validation.consent_denied,
                business_key: validation.business_key.map(|key| json!(key)),
                properties: shown(|it| &it.properties, &event.properties),
                traits: shown(|it| &it.traits, &event.traits),
            }))
        }
    }
}

/// `@hash x` in a row stands for the hash of x as it is written there.
fn hashed(expected: &mut Expected) {
    let Expected::Emit(emitted) = expected else { return };
    let Some(Value::Object(traits)) = &mut emitted.traits else { return };
    for value in traits.values_mut() {
        if let Some(text) = value.as_str().and_then(|text| text.strip_prefix("@hash ")) {
            let hash = key().hash(&Value::from(text), Normalise::None);
            *value = Value::from(format!("hmac:{hash}"));
        }
    }
}

fn holds(row: &Row, catalog: &SourceCatalog) -> Result<(), Failed> {
    let mut expected = row.verdict.clone();
    hashed(&mut expected);
    let verdict = clean(raw(&row.event), NOW, catalog);
    let text = format!("{verdict:?}");
    let found = judged(verdict, &expected);
    if found != expected {
        return Err(format!("expected {expected:#?}\nfound {found:#?}").into());
    }
    for value in ["ada@", "Ada@", "+49", "erased-"] {
        let told = text.split("detail").nth(1).unwrap_or_default();
        if told.contains(value) {
            return Err(format!("a value is shown: {told}").into());
        }
    }
    Ok(())
}

/// Reasons of other stages, of bytes that are no event, and of what the runtime finds.
const NOT_OF_THE_GATE: [&str; 9] = [
    "undecodable",
    "unknown-schema",
    "no-waybill",
    "step-panicked",
    "process-killed",
    "too-large",
    "refused-row",
    "transformation-failed",
    // Flagged only: a row finds it, and no row is rejected for it.
    "deprecated-event",
];

fn every_reason_has_a_row(rows: &[Row]) -> Result<(), Failed> {
    let reasons: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| match &row.verdict {
            Expected::Reject { reason, .. } => Some(reason.as_str()),
            Expected::Discard(reason) => Some(reason),
            Expected::Emit(_) => None,
        })
        .collect();
    let rejects = RejectReason::ALL.iter().map(|reason| reason.word());
    let of_the_gate = rejects.filter(|word| !NOT_OF_THE_GATE.contains(word));
    let discards = [DiscardReason::Suppressed.word(), DiscardReason::NoConsent.word()];
    let without: Vec<&str> =
        of_the_gate.chain(discards).filter(|word| !reasons.contains(word)).collect();
    if without.is_empty() { Ok(()) } else { Err(format!("no row has {without:?}").into()) }
}

fn main() {
    let rows: Vec<Row> = serde_json::from_str(&file("rows.json")).unwrap();
    let catalog = std::sync::Arc::new(catalog());
    let [for_reasons, for_policies] = [rows.clone(), rows.clone()];
    let mut trials = vec![
        Trial::test("every reason has a row", move || every_reason_has_a_row(&for_reasons)),
        Trial::test("every policy has a row", move || policies::each_has_a_row(&for_policies)),
    ];
    trials.extend(rows.into_iter().map(|row| {
        let catalog = std::sync::Arc::clone(&catalog);
        Trial::test(row.name.clone(), move || holds(&row, &catalog))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
