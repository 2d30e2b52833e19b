//! Promoted columns in two versions of a plan. They stop no event; what changes is what the warehouse
//! keeps.

use tracking_plan::plan::{ColumnType, EventRule, token};

use super::change::Changes;

/// Compares the columns of one event, at `at` in the plan.
pub(super) fn compare(was: &EventRule, is: &EventRule, at: &str, changes: &mut Changes) {
    for (name, new) in &is.columns {
        let at = format!("{at}/columns/{}", token(name));
        let Some(old) = was.columns.get(name) else {
            changes.safe(&at, format!("{} is promoted to a column now", new.property));
            continue;
        };
        if old.property != new.property {
            let text = format!(
                "{} → {}: an event fills a column from one place, so the two cannot stand side by side",
                old.property, new.property
            );
            changes.unknown(&format!("{at}/property"), text);
        }
        if old.kind != new.kind {
            let word =
                |kind: Option<ColumnType>| kind.map_or("that of the schema", ColumnType::word);
            let text = format!("{} → {}: a column keeps its type", word(old.kind), word(new.kind));
            changes.unknown(&format!("{at}/type"), text);
        }
    }
    for (name, old) in was.columns.iter().filter(|(name, _)| !is.columns.contains_key(*name)) {
        let at = format!("{at}/columns/{}", token(name));
        changes.safe(&at, format!("{} is promoted no more: the column stays", old.property));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;

    const AT: &str = "/events/A/columns/p_x";

    fn plan(column: &str) -> String {
        format!("events:\n  A:\n    columns: {{{column}}}\n")
    }

    #[test]
    fn a_column_that_comes_or_goes_is_safe_and_of_one_that_changes_it_is_told() {
        let one = plan("p_x: {property: /properties/x, type: number}");
        let none = plan("");
        assert_eq!(
            told(&none, &one),
            [format!("safe {AT}: /properties/x is promoted to a column now")]
        );
        assert_eq!(
            told(&one, &none),
            [format!("safe {AT}: /properties/x is promoted no more: the column stays")]
        );
        let moved = plan("p_x: {property: /properties/y, type: number}");
        let text = "/properties/x → /properties/y: an event fills a column from one place, so the two \
                    cannot stand side by side";
        assert_eq!(told(&one, &moved), [format!("unknown {AT}/property: {text}")]);
        let typed = plan("p_x: {property: /properties/x}");
        assert_eq!(
            told(&one, &typed),
            [format!("unknown {AT}/type: number → that of the schema: a column keeps its type")]
        );
    }

    #[test]
    fn columns_come_and_go_with_their_events() {
        let one = plan("p_x: {property: /properties/x, type: number}");
        let new = format!("safe {AT}: /properties/x is promoted to a column now");
        assert_eq!(told("", &one), ["safe /events/A: is new".to_owned(), new]);
        let gone = format!("safe {AT}: /properties/x is promoted no more: the column stays");
        assert_eq!(told(&one, ""), ["safe /events/A: is not planned any more".to_owned(), gone]);
    }
}
