//! Which policies the rows show: each word that a source or a plan may say has one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use libtest_mimic::Failed;
use serde::{
    de::{self, DeserializeOwned, Visitor, value::Error},
    forward_to_deserialize_any,
};
use serde_json::Value;
use tracking_plan::{
    FirstPartyPolicy, SourceConfig, SourceKind,
    plan::{
        Denied, EventRule, Normalise, OnRepeat, OnViolation, PlanDocument, PlanSource,
        PrivacyAction, Unknown, Unplanned, UnplannedProperties,
    },
};

use super::{Emitted, Expected, NOW, PLANS, Row, file};

/// Every policy with each of its words, as `key: word`.
fn policies() -> BTreeSet<String> {
    let all = [
        words::<SourceKind>("kind"),
        words::<FirstPartyPolicy>("first_party"),
        words::<OnViolation>("on_violation"),
        words::<Unplanned>("unplanned_events"),
        words::<UnplannedProperties>("unplanned_properties"),
        words::<Unknown>("unknown"),
        words::<Denied>("denied"),
        words::<PrivacyAction>("do"),
        words::<Normalise>("normalise"),
        words::<OnRepeat>("on_repeat"),
    ];
    all.into_iter().flatten().collect()
}

/// The words are asked of the type itself: one that comes to it is asked for here too.
fn words<T: DeserializeOwned>(key: &str) -> Vec<String> {
    let mut names: &[&str] = &[];
    // It tells the names and gives no value.
    let _none = T::deserialize(Names(&mut names));
    assert!(!names.is_empty(), "{key} has no words");
    names.iter().map(|word| format!("{key}: {word}")).collect()
}

/// Hears which variants an enum has.
struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> de::Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("no enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        Err(de::Error::custom("heard"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The word of a value: enums of policies are written in lower case.
fn word(key: &str, value: impl Debug) -> String {
    format!("{key}: {value:?}").to_lowercase()
}

/// Fails with the policies of which no row shows what follows from them.
pub(super) fn each_has_a_row(rows: &[Row]) -> Result<(), Failed> {
    let sources: BTreeMap<String, SourceConfig> =
        serde_json::from_str(&file("sources.json")).unwrap();
    let read = |name: &&str| PlanSource::read(name, &file(&format!("plans/{name}.yaml"))).unwrap();
    let plans: Vec<PlanDocument> = PLANS.iter().map(|name| read(name).document).collect();
    let mut missing = policies();
    for row in rows {
        let Some(source) = row.event.get("source").and_then(|id| sources.get(id.as_str()?)) else {
            continue;
        };
        missing.remove(&word("kind", source.kind));
        missing.remove(&word("first_party", source.first_party));
        let in_force = |plan: &&PlanDocument| {
            source.plan.as_ref() == Some(&plan.plan)
                && plan.effective_from.is_none_or(|from| from <= NOW)
        };
        for shown in plans.iter().filter(in_force).flat_map(|plan| by_plan(row, plan)) {
            missing.remove(&shown);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("no row has {missing:?}").into()) }
}

/// The policies of the plan that the row shows.
fn by_plan(row: &Row, plan: &PlanDocument) -> Vec<String> {
    let nothing = EventRule::default();
    let kind = row.event["type"].as_str().unwrap_or_default();
    let name = row.event.get("event").and_then(Value::as_str).unwrap_or_default();
    let planned = if kind == "track" { plan.events.get(name) } else { plan.types.get(kind) };
    let rule = planned.unwrap_or(&nothing);
    let mut shown = Vec::new();
    if kind == "track" && planned.is_none() {
        shown.push(word("unplanned_events", plan.unplanned_events));
    }
    if has_unplanned(row, rule) {
        let policy = rule.unplanned_properties.unwrap_or(plan.unplanned_properties);
        shown.push(word("unplanned_properties", policy));
    }
    let policy = rule.on_violation.unwrap_or(plan.on_violation);
    if findings(&row.verdict).iter().any(|finding| broken(finding, policy)) {
        shown.push(word("on_violation", policy));
    }
    shown.extend(by_consent(row, plan));
    if let Expected::Emit(emitted) = &row.verdict {
        shown.extend(by_privacy(emitted, plan));
        let key = rule.business_key.as_ref().filter(|_| emitted.business_key.is_some());
        shown.extend(key.map(|key| word("on_repeat", key.on_repeat)));
    }
    shown
}

fn has_unplanned(row: &Row, rule: &EventRule) -> bool {
    let names = rule.properties.as_ref().and_then(tracking_plan::plan::planned_names);
    let sent = row.event.get("properties").and_then(Value::as_object);
    let Some((names, sent)) = names.zip(sent) else { return false };
    sent.keys().any(|name| !names.contains(name))
}

fn findings(verdict: &Expected) -> &[String] {
    match verdict {
        Expected::Emit(emitted) => &emitted.findings,
        Expected::Reject { findings, .. } => findings,
        Expected::Discard(_) => &[],
    }
}

/// Whether a rule was broken, and what followed is what the policy says.
fn broken(finding: &str, policy: OnViolation) -> bool {
    let outcome = format!("{policy:?} ").to_lowercase();
    let reason = finding.strip_prefix(&outcome);
    reason.is_some_and(|reason| reason.starts_with("missing-") || reason.starts_with("invalid-"))
}

fn by_consent(row: &Row, plan: &PlanDocument) -> Vec<String> {
    let mut shown = Vec::new();
    let silent = !row.event.get("context").is_some_and(|it| it.to_string().contains("consent"));
    let (is_discarded, denied) = match &row.verdict {
        Expected::Emit(emitted) => (false, emitted.denied.as_slice()),
        Expected::Discard(reason) => (reason == "no-consent", [].as_slice()),
        Expected::Reject { .. } => (false, [].as_slice()),
    };
    let refuses = plan.consent.unknown == Unknown::Denied;
    if silent && !plan.consent.categories.is_empty() && is_discarded == refuses {
        shown.push(word("unknown", plan.consent.unknown));
    }
    for (name, category) in &plan.consent.categories {
        let ends = is_discarded && category.denied == Denied::Discard;
        if ends || denied.contains(name) {
            shown.push(word("denied", category.denied));
        }
    }
    shown
}

fn by_privacy(emitted: &Emitted, plan: &PlanDocument) -> Vec<String> {
    let done = |rule: &&tracking_plan::plan::PrivacyRule| {
        emitted.removed.contains(&format!("{} {}", rule.action.word(), rule.path))
    };
    let mut shown = Vec::new();
    for rule in plan.privacy.iter().filter(done) {
        shown.push(word("do", rule.action));
        if rule.action == PrivacyAction::Hash && emitted.traits.is_some() {
            shown.push(word("normalise", rule.normalise));
        }
    }
    shown
}
