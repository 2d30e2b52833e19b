//! Facts as pairs of a path and a value.

use serde_json::Value;

use super::Explanation;
use crate::Facts;

/// Path and value.
pub(super) type Leaf = (String, String);

/// Everything that is known, but for what ran. An item of a list that has a name of its own is found by
/// it (`money.amounts.revenue`), any other has the path of its list (`flags`).
pub(super) fn of(facts: &Facts<'_>) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    if let Ok(Value::Object(mut members)) = serde_json::to_value(facts) {
        members.remove("applied");
        gather("", &Value::Object(members), &mut leaves);
    }
    leaves
}

/// What is there after and was not, or not so, before; and what is there no more.
pub(super) fn changed(before: &[Leaf], after: &[Leaf]) -> Vec<Explanation> {
    let told = |(field, value): &Leaf, gone: bool| Explanation {
        field: field.clone(),
        value: (!gone).then(|| value.clone()),
        from: Vec::new(),
    };
    let is_gone = |leaf: &&Leaf| !after.iter().any(|(field, _)| *field == leaf.0);
    let new = after.iter().filter(|leaf| !before.contains(leaf)).map(|leaf| told(leaf, false));
    new.chain(before.iter().filter(is_gone).map(|leaf| told(leaf, true))).collect()
}

fn gather(path: &str, value: &Value, leaves: &mut Vec<Leaf>) {
    let under =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, member) in members {
                gather(&under(name), member, leaves);
            }
        }
        Value::Array(items) => {
            for item in items {
                match named(item) {
                    Some(name) => gather(&under(name), &unnamed(item, name), leaves),
                    None => gather(path, item, leaves),
                }
            }
        }
        Value::String(text) => leaves.push((path.to_owned(), text.clone())),
        other => leaves.push((path.to_owned(), other.to_string())),
    }
}

/// The name that an item of a list has, beside its value.
fn named(item: &Value) -> Option<&str> {
    item.get("value")?;
    ["name", "property", "field"].iter().find_map(|member| item.get(*member)?.as_str())
}

/// What an item says beside its name: its value alone, where that is all.
fn unnamed(item: &Value, name: &str) -> Value {
    let Value::Object(members) = item else { return item.clone() };
    let rest = members.iter().filter(|(_, member)| member.as_str() != Some(name));
    let rest: serde_json::Map<_, _> = rest.map(|(key, it)| (key.clone(), it.clone())).collect();
    if rest.len() == 1 {
        rest.into_iter().next().map_or(Value::Null, |it| it.1)
    } else {
        rest.into()
    }
}
