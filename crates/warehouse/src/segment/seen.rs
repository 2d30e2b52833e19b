//! What was sent and no plan declares: noted by `waybill migrate` in the table `segment_columns`, so that a
//! column that was made once stays, with its type, when its property is not sent any more.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Field, FieldKind, Part, PlannedEvent, SegmentSource};
use crate::{Warehouse, WarehouseError};

/// Most track events of a source that get a view without being declared by a plan.
const MOST_EVENTS: usize = 200;
/// Most columns of a view that no plan declares.
const MOST_COLUMNS: usize = 200;
/// Newest events of a name that are looked at.
const SAMPLE: usize = 1_000;

/// Types whose properties or traits become columns.
const TYPES: [&str; 4] = ["identify", "page", "screen", "group"];

/// A row of `segment_columns`. The event itself has one with an empty part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, clickhouse::Row, Deserialize)]
pub(super) struct SeenColumn {
    pub(super) source: String,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) event_name: String,
    pub(super) part: String,
    pub(super) property: String,
    pub(super) kind: String,
}

#[derive(Debug, clickhouse::Row, Deserialize)]
struct Named {
    event_type: String,
    event_name: String,
}

#[derive(Debug, clickhouse::Row, Deserialize)]
struct Sampled {
    property: String,
    kinds: Vec<String>,
}

impl Warehouse {
    /// What is noted of a source.
    pub(super) async fn noted_columns(
        &self,
        source: &str,
    ) -> Result<Vec<SeenColumn>, WarehouseError> {
        const SQL: &str = "SELECT toString(source) AS source, toString(type) AS type, event_name, \
            toString(part) AS part, property, argMin(toString(kind), noted_at) AS kind \
            FROM segment_columns WHERE source = ? \
            GROUP BY source, type, event_name, part, property \
            ORDER BY source, type, event_name, part, property";
        self.rows(self.question(SQL).bind(source)).await
    }

    /// What of a source is to be noted: the newest events of each name are looked at, so it does not
    /// take longer with more events, but for finding their names.
    pub(super) async fn unnoted_columns(
        &self,
        source: &SegmentSource,
        noted: &[SeenColumn],
    ) -> Result<Vec<SeenColumn>, WarehouseError> {
        let mut found = Vec::new();
        for event in self.event_names(source, noted).await? {
            let is_noted = noted.iter().any(|it| {
                (&it.event_type, &it.event_name) == (&event.event_type, &event.event_name)
            });
            let row = |part: &str, property: String, kind: &str| SeenColumn {
                source: source.source.clone(),
                event_type: event.event_type.clone(),
                event_name: event.event_name.clone(),
                part: part.to_owned(),
                property,
                kind: kind.to_owned(),
            };
            if !is_noted {
                found.push(row("", String::new(), ""));
            }
            let part = part_of(&event.event_type).column();
            let known: BTreeSet<&str> = known(source, noted, &event);
            let room = MOST_COLUMNS.saturating_sub(noted_of(noted, &event));
            let sampled = self.sampled(source, &event, part).await?;
            let new = sampled.into_iter().filter(|it| !known.contains(it.property.as_str()));
            let typed = new.filter_map(|it| Some((kind(&it.kinds)?, it.property)));
            found.extend(typed.take(room).map(|(kind, name)| row(part, name, kind.word())));
        }
        Ok(found)
    }

    /// Names of a source's events, the planned and the noted and as many others as there is room for.
    async fn event_names(
        &self,
        source: &SegmentSource,
        noted: &[SeenColumn],
    ) -> Result<Vec<Named>, WarehouseError> {
        const SQL: &str = "SELECT toString(type) AS event_type, toString(event_name) AS event_name \
            FROM events WHERE source = ? AND environment = 'production' \
            AND type IN ('track', 'identify', 'page', 'screen', 'group') \
            AND appended_at >= now() - INTERVAL 30 DAY \
            GROUP BY event_type, event_name ORDER BY count() DESC, event_type, event_name";
        let all: Vec<Named> = self.rows(self.question(SQL).bind(&source.source)).await?;
        let is_known = |event: &Named| {
            let of_plan = source.planned.iter().any(|it| it.name == event.event_name);
            event.event_type != "track"
                || of_plan
                || noted.iter().any(|it| it.event_name == event.event_name)
        };
        let tracked = noted.iter().filter(|it| it.event_type == "track" && it.part.is_empty());
        let mut room = MOST_EVENTS.saturating_sub(tracked.count());
        let mut chosen = Vec::new();
        for mut event in all {
            if TYPES.contains(&event.event_type.as_str()) {
                event.event_name.clone_from(&event.event_type);
            } else if !is_known(&event) {
                let Some(less) = room.checked_sub(1) else { continue };
                room = less;
            }
            chosen.push(event);
        }
        chosen.sort_by(|a, b| (&a.event_type, &a.event_name).cmp(&(&b.event_type, &b.event_name)));
        chosen.dedup_by(|a, b| (&a.event_type, &a.event_name) == (&b.event_type, &b.event_name));
        Ok(chosen)
    }

    async fn sampled(
        &self,
        source: &SegmentSource,
        event: &Named,
        part: &str,
    ) -> Result<Vec<Sampled>, WarehouseError> {
        let name = if event.event_type == "track" { "event_name" } else { "type" };
        let sql = format!(
            "SELECT pair.1 AS property, arraySort(groupUniqArray(toString(JSONType(pair.2)))) AS kinds \
             FROM (SELECT {part} FROM events \
             WHERE source = ? AND environment = 'production' AND type = ? AND {name} = ? \
             AND appended_at >= now() - INTERVAL 30 DAY \
             ORDER BY source DESC, event_name DESC, toDate(appended_at) DESC LIMIT {SAMPLE}) \
             ARRAY JOIN JSONExtractKeysAndValuesRaw({part}) AS pair \
             GROUP BY property ORDER BY count() DESC, property"
        );
        let query = self.question(&sql).bind(&source.source).bind(&event.event_type);
        self.rows(query.bind(&event.event_name)).await
    }

    /// Notes it.
    pub(super) async fn note_columns(&self, rows: &[SeenColumn]) -> Result<(), WarehouseError> {
        for rows in rows.chunks(100) {
            let values = vec!["(?, ?, ?, ?, ?, ?)"; rows.len()].join(", ");
            let sql = format!(
                "INSERT INTO {} (source, type, event_name, part, property, kind) VALUES {values}",
                self.stored("segment_columns")
            );
            let mut query = self.writing(&sql);
            for row in rows {
                query = query.bind(&row.source).bind(&row.event_type).bind(&row.event_name);
                query = query.bind(&row.part).bind(&row.property).bind(&row.kind);
            }
            self.execute(query).await?;
        }
        Ok(())
    }
}

/// What was noted, as if a plan said it.
pub(super) fn as_planned(noted: &[SeenColumn]) -> Vec<PlannedEvent> {
    let mut events: BTreeMap<(&str, &str), Vec<Field>> = BTreeMap::new();
    for row in noted {
        let fields = events.entry((&row.event_type, &row.event_name)).or_default();
        if !row.part.is_empty() {
            fields.push(Field {
                part: part_of(&row.event_type),
                path: vec![row.property.clone()],
                kind: FieldKind::of_word(&row.kind),
                description: None,
            });
        }
    }
    let event = |((kind, name), fields): ((&str, &str), _)| PlannedEvent {
        kind: kind.to_owned(),
        name: name.to_owned(),
        fields,
    };
    events.into_iter().map(event).collect()
}

fn part_of(event_type: &str) -> Part {
    if matches!(event_type, "identify" | "group") { Part::Traits } else { Part::Properties }
}

/// Names of the properties that are declared or noted.
fn known<'a>(
    source: &'a SegmentSource,
    noted: &'a [SeenColumn],
    event: &Named,
) -> BTreeSet<&'a str> {
    let is = |kind: &str, name: &str| kind == event.event_type && name == event.event_name;
    let planned = source.planned.iter().filter(|it| is(&it.kind, &it.name));
    let planned = planned.flat_map(|it| &it.fields).filter_map(|it| it.path.first());
    let noted = noted.iter().filter(|it| is(&it.event_type, &it.event_name));
    planned.map(String::as_str).chain(noted.map(|it| it.property.as_str())).collect()
}

fn noted_of(noted: &[SeenColumn], event: &Named) -> usize {
    let of = |it: &&SeenColumn| {
        it.event_type == event.event_type
            && it.event_name == event.event_name
            && !it.part.is_empty()
    };
    noted.iter().filter(of).count()
}

/// What ClickHouse calls the types that were seen, as a kind; `None` where nothing was but null.
fn kind(types: &[String]) -> Option<FieldKind> {
    let of = |name: &str| match name {
        "Null" => None,
        "Bool" => Some(FieldKind::Boolean),
        "Int64" => Some(FieldKind::Integer),
        "Double" => Some(FieldKind::Number),
        _ => Some(FieldKind::Text),
    };
    types.iter().filter_map(|name| of(name)).reduce(FieldKind::with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_were_seen_come_to_the_kind_that_holds_all_of_them() {
        for (types, expected) in [
            (&["Null"][..], None),
            (&["Bool", "Null"], Some(FieldKind::Boolean)),
            (&["Double", "Int64"], Some(FieldKind::Number)),
            (&["Int64", "UInt64"], Some(FieldKind::Text)),
            (&["Array"], Some(FieldKind::Text)),
        ] {
            let types: Vec<String> = types.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(kind(&types), expected);
        }
    }
}
