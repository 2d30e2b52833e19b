//! Plans and events made by chance: no event that passes by the old version is stopped by the new one
//! if every change is called safe.

use proptest::{collection, option, prelude::*, sample, test_runner::RngSeed};
use serde_json::{Map, Value, json};
use tracking_plan::SourceKind;

use super::*;

/// One name breaks the rule for names that some of the plans have.
const NAMES: [&str; 3] = ["a", "bC", "c"];

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    sample::select(words).prop_map(Value::from)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1..4_i64).prop_map(Value::from),
        Just(json!(1.5)),
        word(&["", "a", "abc"]),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            object(inner).prop_map(Value::from),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let member = (sample::select(&NAMES[..]), inner);
    collection::vec(member, 0..4)
        .prop_map(|members| members.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
}

fn schema() -> impl Strategy<Value = Value> {
    let types = prop_oneof![
        word(&["string", "integer", "number", "object", "array", "null"]),
        Just(json!(["string", "null"])),
    ];
    let leaf = prop_oneof![
        3 => types.prop_map(|kind| json!({"type": kind})),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(json!({"$ref": "#/$defs/x"})),
        2 => Just(json!({})),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![limited(inner.clone()), of_objects(inner.clone()), combined(inner)]
    })
}

/// The members that are there.
fn there(members: Vec<(&str, Option<Value>)>) -> Value {
    members.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it?))).collect()
}

fn limited(inner: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Value> {
    let number = || option::weighted(0.3, (-1..3_i64).prop_map(Value::from));
    let count = || option::weighted(0.3, (0..3_i64).prop_map(Value::from));
    let values = collection::vec(prop_oneof![value(), Just(json!(1.0))], 1..3);
    let kind = option::of(word(&["string", "integer", "number", "array"]));
    let words = (kind, number(), number(), number(), number(), count(), count());
    let more = (
        option::weighted(0.2, values.prop_map(Value::from)),
        option::weighted(0.2, inner),
        option::weighted(0.2, word(&["^a", "b"])),
        option::weighted(0.2, (1..4_i64).prop_map(Value::from)),
    );
    (words, more).prop_map(
        |((kind, low, over, high, under, min, max), (all, items, like, step))| {
            there(vec![
                ("type", kind),
                ("minimum", low),
                ("exclusiveMinimum", over),
                ("maximum", high),
                ("exclusiveMaximum", under),
                ("minLength", min.clone()),
                ("maxItems", max),
                ("minProperties", min),
                ("enum", all),
                ("items", items),
                ("pattern", like),
                ("multipleOf", step),
            ])
        },
    )
}

fn of_objects(inner: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Value> {
    let required = sample::subsequence(&NAMES[..], 0..3).prop_map(Value::from);
    let members = object(inner.clone()).prop_map(Value::from);
    let patterns = inner.clone().prop_map(|inner| json!({"^a": inner}));
    (
        option::weighted(0.5, required),
        option::weighted(0.8, members),
        option::weighted(0.3, inner),
        option::weighted(0.1, patterns),
    )
        .prop_map(|(required, members, others, patterns)| {
            there(vec![
                ("required", required),
                ("properties", members),
                ("additionalProperties", others),
                ("patternProperties", patterns),
            ])
        })
}

fn combined(inner: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Value> {
    let words =
        word(&["allOf", "anyOf", "oneOf", "not", "contains", "propertyNames", "prefixItems"]);
    (words, inner.clone(), inner, any::<bool>()).prop_map(|(word, one, other, closed)| {
        let word = word.as_str().unwrap_or_default();
        let said = match word {
            "not" | "contains" | "propertyNames" => one,
            _ => json!([one, other.clone()]),
        };
        let mut schema = json!({word: said, "properties": {"a": other}});
        if closed {
            schema["unevaluatedProperties"] = json!(false);
        }
        schema
    })
}

/// A schema of an event is an object.
fn top() -> impl Strategy<Value = Value> {
    prop_oneof![3 => schema().prop_filter("no object", Value::is_object), 1 => Just(json!({}))]
}

fn plan() -> impl Strategy<Value = Value> {
    let rule = (option::weighted(0.9, top()), option::of(word(&["flag", "reject"])));
    let rule = rule.prop_map(|(properties, word)| {
        there(vec![("properties", properties), ("on_violation", word)])
    });
    let words = (
        option::weighted(0.3, word(&["flag", "reject"])),
        option::of(word(&["allow", "flag", "strip", "reject"])),
        option::weighted(0.3, word(&["allow", "flag", "reject"])),
        option::weighted(0.3, word(&["snake"])),
    );
    (option::weighted(0.9, rule), words, schema()).prop_map(|(rule, words, def)| {
        let (on_violation, properties, events, case) = words;
        let mut plan = there(vec![
            ("on_violation", on_violation),
            ("unplanned_properties", properties),
            ("unplanned_events", events),
            ("naming", case.map(|case| json!({"properties": {"case": case}}))),
            ("events", rule.map(|rule| json!({"A": rule}))),
        ]);
        plan["plan"] = json!("p");
        plan["version"] = json!(1);
        plan["$defs"] = json!({"x": def});
        plan
    })
}

const PARTS: [&str; 6] =
    ["on_violation", "unplanned_properties", "unplanned_events", "naming", "events", "$defs"];

/// The same plan with one part of another: most changes are small.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    (plan(), plan(), sample::subsequence(&PARTS[..], 1..=2)).prop_map(|(old, other, parts)| {
        let mut new = old.clone();
        for part in parts {
            match other.get(part) {
                Some(it) => new[part] = it.clone(),
                None => drop(new.as_object_mut().map(|members| members.remove(part))),
            }
        }
        (old, new)
    })
}

/// JSON is YAML. `None` where the plan cannot stand, such as one with a reference in a circle.
fn court(plan: &Value) -> Option<(PlanDocument, Court)> {
    let text = plan.to_string();
    let source = PlanSource::read("p", &text).ok()?;
    let plans = replay::plan(("p".to_owned(), text)).ok()?;
    let setting = Setting { kind: SourceKind::Server, at: 0, key: None };
    Some((source.document, Court::new(plans, &setting).ok()?))
}

/// The same cases each time; others, as many as are asked for, by `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    const CASES: u32 = 1_500;
    let asked = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked.cases > CASES {
        return asked;
    }
    ProptestConfig { cases: CASES, rng_seed: RngSeed::Fixed(20_261_125), ..asked }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_stops_an_event_is_never_called_safe(
        (old, new) in pair(),
        events in collection::vec(object(value()), 8),
    ) {
        let (Some((was, before)), Some((is, after))) = (court(&old), court(&new)) else {
            return Ok(());
        };
        let changes = compare(&was, &is);
        if changes.iter().any(|change| change.class != Class::Safe) {
            return Ok(());
        }
        let lines: Vec<String> = events
            .into_iter()
            .map(|it| json!({"type": "track", "event": "A", "userId": "u", "properties": it}).to_string())
            .collect();
        let text = lines.join("\n");
        let replayed = Replayed::new(&before.judge(&text), &after.judge(&text));
        prop_assert!(replayed.stopped.is_empty(), "{old}\n{new}\n{replayed:?}\n{changes:?}");
    }
}
