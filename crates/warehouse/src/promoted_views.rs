//! Views that show all columns of `events`.
//!
//! A view keeps the columns that its table had when the view was made.

use crate::migrations::{MIGRATIONS, Migration};

/// Views with every column of `events`, each after those that it reads.
pub(crate) const ALL_COLUMNS: [&str; 7] = [
    "production_events",
    "events_of",
    "events_resolved_by_environment",
    "events_resolved",
    "events_as_of",
    "events_in_sessions_by_environment",
    "events_in_sessions",
];

const VIEW: &str = "CREATE OR REPLACE VIEW ";

/// The newest statement that makes a view.
pub(crate) fn statement(view: &str) -> Option<String> {
    let mut statements = MIGRATIONS.iter().flat_map(Migration::statements);
    statements.rfind(|statement| made(statement) == Some(view))
}

/// Which view the statement makes.
fn made(statement: &str) -> Option<&str> {
    statement.strip_prefix(VIEW)?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Views that take all columns of what they read, and read no view of all columns of `events`.
    const OF_OTHERS: [&str; 16] = [
        "changed_since",
        "complete_hours",
        "complete_through",
        "deliveries_by_destination",
        "discards",
        "first_seen_properties",
        "groups",
        "hour_states",
        "identity_health",
        "memberships",
        "open_dead_letters",
        "people",
        "plan_violations",
        "rejections",
        "sessions",
        "traits_history",
    ];

    fn takes_all(statement: &str) -> bool {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let star = |word: &str| {
            let word = word.trim_end_matches(',');
            word == "*" || word.ends_with(".*")
        };
        words.windows(2).any(|pair| {
            let selects =
                pair[0].ends_with("SELECT") || pair[0] == "DISTINCT" || pair[0].ends_with(',');
            star(pair[1]) && (selects || pair[1].contains(".*"))
        })
    }

    #[test]
    fn every_view_that_takes_all_columns_is_listed() {
        let statements = MIGRATIONS.iter().flat_map(Migration::statements);
        let newest: BTreeMap<String, String> = statements
            .filter_map(|statement| Some((made(&statement)?.to_owned(), statement)))
            .collect();
        let found: Vec<&str> = newest
            .iter()
            .filter(|(_, statement)| takes_all(statement))
            .map(|(view, _)| view.as_str())
            .collect();
        let mut listed: Vec<&str> = ALL_COLUMNS.into_iter().chain(OF_OTHERS).collect();
        listed.sort_unstable();
        assert_eq!(found, listed, "a view with SELECT * is new: say here what it takes all of");
        for view in ALL_COLUMNS {
            assert_eq!(statement(view).as_ref(), newest.get(view));
        }
    }
}
