//! Promoted columns that will likely hold nothing.

use tracking_plan::plan::{PlanProblem, PlanSource, planned_names, token};

use crate::commands::plan::walk::{Ruled, rules};

/// Columns of a property or trait that the event's schema, which names its members, does not name.
pub(super) fn unnamed(source: &PlanSource) -> Vec<PlanProblem> {
    let mut found = Vec::new();
    for ruled in rules(source) {
        for (column, promoted) in &ruled.rule.columns {
            if is_unnamed(&ruled, &promoted.property) {
                let at = format!("{}/columns/{}/property", ruled.at, token(column));
                let text =
                    "is not in the event's schema: the column holds what nobody plans to send";
                found.push(source.problem(&at, text));
            }
        }
    }
    found
}

fn is_unnamed(ruled: &Ruled<'_>, place: &str) -> bool {
    let mut tokens = place.split('/').skip(1);
    let schema = match tokens.next() {
        Some("properties") => &ruled.rule.properties,
        Some("traits") => &ruled.rule.traits,
        _ => return false,
    };
    let name = tokens.next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
    let names = schema.as_ref().and_then(planned_names);
    names.is_some_and(|names| !names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::{super::told, *};

    #[test]
    fn a_column_that_the_schema_does_not_know_is_told() {
        let text = "\
events:
  A:
    columns:
      p_known: {property: /properties/known}
      p_slip: {property: /properties/konwn, type: string}
      p_app: {property: /context/app/version, type: string}
    properties: {properties: {known: {type: string}}}
  B:
    columns: {p_any: {property: /properties/any, type: string}}
  C:
    columns: {p_open: {property: /properties/any, type: string}}
    properties: {patternProperties: {a: {}}}
";
        assert_eq!(
            told(unnamed, text),
            [
                "p:7: /events/A/columns/p_slip/property: is not in the event's schema: the column holds \
              what nobody plans to send"
            ]
        );
    }
}
