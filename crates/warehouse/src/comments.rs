//! Comments on the columns of views.
//!
//! A view that is made with `SELECT *` has its columns without their comments. Naming a hundred columns in
//! each such file would have to be done anew with every column that `events` gets; so `migrate` gives
//! each column the comment of the one that it shows.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Warehouse, WarehouseError};

/// What views add to the columns of `events`, under names that mean the same in each of them.
const ADDED: [(&str, &str); 9] = [
    ("known_person_id", "The person as known now: 32 hex digits"),
    ("known_basis", "What known_person_id follows from: user_id, link, anonymous_id or message_id"),
    ("known_user_id", "The user id that stands for the person; NULL where no user is known"),
    ("known_link_origin", "Waybill number of what linked the device, where the basis is link"),
    ("known_link_time", "Event time of what linked the device, where the basis is link"),
    (
        "known_alias_origin",
        "Waybill number of what merged the user id with another; NULL where nothing did",
    ),
    (
        "known_group_id",
        "The group that the event names, else the only one that its person was known to be in at that time",
    ),
    (
        "known_session_id",
        "The session of the event, else of a server's event the only one that its person had at that time",
    ),
    ("known_session_device", "Anonymous id of the device that the session belongs to"),
];

/// How often it is tried: whoever migrates at the same time may put a view in the place of another.
const TRIES: usize = 5;

/// A column as the database has it.
#[derive(Debug, Clone, clickhouse::Row, Deserialize)]
struct Described {
    table: String,
    name: String,
    comment: String,
    of_view: bool,
}

impl Warehouse {
    /// Gives each column of a view that has no comment the comment of the column that it shows.
    pub(crate) async fn comment_views(&self) -> Result<(), WarehouseError> {
        for last in (0..TRIES).map(|at| at + 1 == TRIES) {
            match self.comment_views_once().await {
                Err(WarehouseError::Exception(_)) if !last => {}
                done => return done,
            }
        }
        Ok(())
    }

    async fn comment_views_once(&self) -> Result<(), WarehouseError> {
        const COLUMNS: &str = "SELECT table, name, comment, table IN \
            (SELECT name FROM system.tables WHERE database = ? AND engine = 'View') AS of_view \
            FROM system.columns WHERE database = ? ORDER BY table, position";
        let query = self.server(COLUMNS).bind(&self.database).bind(&self.database);
        let columns: Vec<Described> = self.rows(query).await?;
        for statement in statements(&columns) {
            self.apply(&statement).await?;
        }
        Ok(())
    }
}

/// One statement for each view that lacks comments which can be told.
fn statements(columns: &[Described]) -> Vec<String> {
    let told: BTreeMap<(&str, &str), &str> = columns
        .iter()
        .filter(|it| !it.comment.is_empty())
        .map(|it| ((it.table.as_str(), it.name.as_str()), it.comment.as_str()))
        .collect();
    let mut by_view: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for column in columns.iter().filter(|it| it.of_view && it.comment.is_empty()) {
        if let Some(comment) = comment(&column.table, &column.name, &told) {
            let comment = comment.replace('\\', "\\\\").replace('\'', "\\'");
            let clause = format!("COMMENT COLUMN `{}` '{comment}'", column.name);
            by_view.entry(&column.table).or_default().push(clause);
        }
    }
    let alter = |(view, clauses): (&str, Vec<String>)| {
        format!("ALTER TABLE `{view}` {}", clauses.join(", "))
    };
    by_view.into_iter().map(alter).collect()
}

/// The comment of what a view's column shows: the same column of the view for every environment, what
/// views add, the column of `events`.
fn comment<'a>(view: &str, name: &str, told: &BTreeMap<(&str, &str), &'a str>) -> Option<&'a str> {
    let every_environment = format!("{view}_by_environment");
    let of = |table: &str| told.get(&(table, name)).copied();
    let added = || ADDED.iter().find(|(added, _)| *added == name).map(|(_, comment)| *comment);
    of(&every_environment).or_else(added).or_else(|| of("events"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(table: &str, name: &str, comment: &str) -> Described {
        Described {
            table: table.to_owned(),
            name: name.to_owned(),
            comment: comment.to_owned(),
            of_view: table != "events",
        }
    }

    #[test]
    fn a_column_of_a_view_gets_the_comment_of_what_it_shows_and_keeps_its_own() {
        let columns = [
            column("events", "source", "Id"),
            column("events", "untold", ""),
            column("people", "source", ""),
            column("people", "since", ""),
            column("people_by_environment", "source", "The person's source"),
            column("production_events", "source", ""),
            column("production_events", "known_basis", ""),
            column("production_events", "untold", ""),
            column("sessions", "source", "Its own"),
        ];
        assert_eq!(
            statements(&columns),
            [
                r"ALTER TABLE `people` COMMENT COLUMN `source` 'The person\'s source'",
                "ALTER TABLE `production_events` COMMENT COLUMN `source` 'Id', COMMENT COLUMN \
                 `known_basis` 'What known_person_id follows from: user_id, link, anonymous_id or \
                 message_id'",
            ]
        );
    }
}
