//! Limits in two JSON Schemas.

use serde_json::Value;

use super::{change::Changes, schema::Schema};

/// From where on a value is refused: the number, and whether it is refused itself.
type Limit = (f64, bool);

/// Limits from below, and the one of them that excludes its number.
const LOWER: [(&str, Option<&str>); 4] = [
    ("minimum", Some("exclusiveMinimum")),
    ("minLength", None),
    ("minItems", None),
    ("minProperties", None),
];
/// Limits from above.
const UPPER: [(&str, Option<&str>); 4] = [
    ("maximum", Some("exclusiveMaximum")),
    ("maxLength", None),
    ("maxItems", None),
    ("maxProperties", None),
];

/// Compares every limit.
pub(super) fn compare([old, new]: [&Schema; 2], at: &str, changes: &mut Changes) {
    for (word, exclusive) in LOWER {
        let limits = [old, new].map(|schema| {
            // No length is below 0.
            let counts = word != "minimum";
            limit(schema, word, exclusive, max).filter(|(n, _)| !(counts && *n <= 0.0))
        });
        moved(limits, |was, is| max(was, is) == is, word, at, changes);
    }
    for (word, exclusive) in UPPER {
        let limits = [old, new].map(|schema| limit(schema, word, exclusive, min));
        moved(limits, |was, is| min(was, is) == is, word, at, changes);
    }
    steps([old, new], at, changes);
    unique([old, new], at, changes);
}

fn limit(
    schema: &Schema,
    word: &str,
    exclusive: Option<&str>,
    tighter: fn(Limit, Limit) -> Limit,
) -> Option<Limit> {
    let number = |word: &str| schema.get(word).and_then(Value::as_f64);
    let inclusive = number(word).map(|n| (n, false));
    let exclusive = exclusive.and_then(number).map(|n| (n, true));
    match (inclusive, exclusive) {
        (Some(one), Some(other)) => Some(tighter(one, other)),
        (one, other) => one.or(other),
    }
}

fn max(one: Limit, other: Limit) -> Limit {
    if (other.0, other.1) > (one.0, one.1) { other } else { one }
}

fn min(one: Limit, other: Limit) -> Limit {
    if (other.0, !other.1) < (one.0, !one.1) { other } else { one }
}

fn moved(
    [was, is]: [Option<Limit>; 2],
    is_tighter: impl Fn(Limit, Limit) -> bool,
    word: &str,
    at: &str,
    changes: &mut Changes,
) {
    if was == is {
        return;
    }
    let breaks = match (was, is) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(was), Some(is)) => is_tighter(was, is),
    };
    changes.breaking_if(breaks, at, format!("{word}: {} → {}", told(was), told(is)));
}

fn told(limit: Option<Limit>) -> String {
    match limit {
        None => "none".to_owned(),
        Some((number, false)) => number.to_string(),
        Some((number, true)) => format!("{number}, exclusive"),
    }
}

fn steps([old, new]: [&Schema; 2], at: &str, changes: &mut Changes) {
    let step = |schema: &Schema| schema.get("multipleOf").and_then(Value::as_f64);
    let [was, is] = [step(old), step(new)];
    if was == is {
        return;
    }
    let breaks = match (was, is) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(was), Some(is)) => was % is != 0.0,
    };
    let told = |step: Option<f64>| step.map_or_else(|| "none".to_owned(), |step| step.to_string());
    changes.breaking_if(breaks, at, format!("multipleOf: {} → {}", told(was), told(is)));
}

fn unique([old, new]: [&Schema; 2], at: &str, changes: &mut Changes) {
    let unique = |schema: &Schema| schema.get("uniqueItems") == Some(&Value::Bool(true));
    match (unique(old), unique(new)) {
        (false, true) => changes.breaking(at, "may not have the same item twice any more"),
        (true, false) => changes.safe(at, "may have the same item twice now"),
        _ => {}
    }
}
