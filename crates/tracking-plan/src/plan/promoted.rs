//! Promoted columns: properties that the warehouse also keeps in a typed column of their own.
//!
//! They judge nothing: what an event is worth does not depend on them, so they may change at any time.

use std::fmt;

use serde::Deserialize;

use super::{
    compile::Plan,
    paths::tokens,
    read::{PlanProblem, PlanSource},
};

/// What the name of every promoted column begins with: no column of Waybill's own does, today or in a
/// later version.
pub const COLUMN_PREFIX: &str = "p_";

/// A property that has a column of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnRule {
    /// JSON pointer of the place, such as `/properties/total`; below `/properties`, `/traits` or `/context`.
    pub property: String,
    /// Type of the column; that of the schema if it says nothing.
    #[serde(default, rename = "type")]
    pub kind: Option<ColumnType>,
}

/// What a promoted column holds. A value that does not fit is as if there were none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// A text.
    String,
    /// A number, as a double.
    Number,
    /// A whole number that fits into 64 bits.
    Integer,
    /// A number, or a text that is one, with at most 29 digits before the point and 9 behind it: exact.
    Decimal,
    /// True or false.
    Boolean,
    /// A text with date, time and offset as RFC 3339 has it, of the years 1900 to 2299, to the
    /// millisecond.
    DateTime,
    /// An array of texts.
    Strings,
}

impl ColumnType {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::String,
        Self::Number,
        Self::Integer,
        Self::Decimal,
        Self::Boolean,
        Self::DateTime,
        Self::Strings,
    ];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::DateTime => "date-time",
            Self::Strings => "strings",
        }
    }

    /// Whether a column of this type can hold values that the schema describes as `described`.
    pub(super) fn holds(self, described: Self) -> bool {
        use ColumnType::{DateTime, Decimal, Integer, Number, String};
        self == described
            || matches!(
                (self, described),
                (String, DateTime)
                    | (DateTime | Decimal, String)
                    | (Number | Decimal, Integer)
                    | (Integer | Decimal, Number)
            )
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One event whose property goes into a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// Name of the column.
    pub column: String,
    /// Its type.
    pub kind: ColumnType,
    /// `track`, or the type that the rule is for.
    pub event_type: String,
    /// Name of the track event; empty for a type.
    pub event_name: String,
    /// JSON pointer of the place from the event's top.
    pub place: String,
    /// Name of the plan.
    pub plan: String,
    /// Pointer into the plan's file.
    pub(super) at: String,
}

impl Promotion {
    /// What a plan promoted at another time, of the event type and name.
    pub fn former(
        column: &str,
        kind: ColumnType,
        [event_type, event_name]: [&str; 2],
        place: &str,
        plan: &str,
    ) -> Self {
        Self {
            column: column.to_owned(),
            kind,
            event_type: event_type.to_owned(),
            event_name: event_name.to_owned(),
            place: place.to_owned(),
            plan: plan.to_owned(),
            at: String::new(),
        }
    }

    /// The event in words: its name, else `all` of a type.
    pub fn event(&self) -> String {
        if self.event_name.is_empty() {
            format!("all {}", self.event_type)
        } else {
            self.event_name.clone()
        }
    }

    /// The member that it is in, such as `properties`, and the names below it.
    pub fn way(&self) -> (String, Vec<String>) {
        let mut all = tokens(&self.place).unwrap_or_default();
        if all.is_empty() {
            return (String::new(), all);
        }
        let part = all.remove(0);
        (part, all)
    }

    /// What keeps the two out of one column, if they are in one.
    fn conflict(&self, other: &Self) -> Option<String> {
        if self.column != other.column {
            return None;
        }
        let of = format!("of {} in plan {}", other.event(), other.plan);
        if self.kind != other.kind {
            return Some(format!(
                "is {} here and {} as the column {of}: a column has one type, so give this one another \
                 name or that type",
                self.kind, other.kind
            ));
        }
        let same_event =
            (&self.event_type, &self.event_name) == (&other.event_type, &other.event_name);
        (same_event && self.place != other.place).then(|| {
            format!(
                "holds {} here and {} {of}: an event fills a column from one place, so give this one \
                 another name",
                self.place, other.place
            )
        })
    }
}

impl Plan {
    /// What the version promotes to columns of the warehouse, in the order of the file's events.
    pub fn promotions(&self) -> &[Promotion] {
        &self.promotions
    }

    /// What keeps its columns from standing beside those of `others`, or beside one another.
    pub(super) fn column_conflicts<'a>(
        &self,
        source: &PlanSource,
        others: impl Iterator<Item = &'a Self>,
    ) -> Vec<PlanProblem> {
        let others: Vec<&Promotion> = others.flat_map(|plan| &plan.promotions).collect();
        let mut problems = Vec::new();
        for (index, ours) in self.promotions.iter().enumerate() {
            let mut before = others.iter().copied().chain(&self.promotions[..index]);
            let conflict = before.find_map(|other| ours.conflict(other));
            problems.extend(conflict.map(|text| source.problem(&ours.at, text)));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::PlanSet;

    fn read(files: &[&str]) -> Result<PlanSet, Vec<String>> {
        let named = |(index, text): (usize, &&str)| (format!("{index}.yaml"), (*text).to_owned());
        let files: Vec<(String, String)> = files.iter().enumerate().map(named).collect();
        PlanSet::read(&files).map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn plans_that_want_one_column_in_two_ways_are_refused_and_those_that_agree_share_it() {
        let plan = |name: &str, event: &str, place: &str, kind: &str| {
            format!(
                "plan: {name}\nversion: 1\nevents: {{{event}: {{columns: {{p_x: {{property: {place}, type: {kind}}}}}}}}}\n"
            )
        };
        let one = plan("a", "A", "/properties/x", "number");
        let other = |event, place, kind| read(&[&one, &plan("b", event, place, kind)]);
        assert!(other("B", "/properties/y", "number").is_ok());
        assert!(other("A", "/properties/x", "number").is_ok());
        let type_differs = other("B", "/properties/x", "string").unwrap_err();
        assert_eq!(
            type_differs,
            [
                "1.yaml:3: /events/B/columns/p_x: is string here and number as the column of A in plan \
              a: a column has one type, so give this one another name or that type"
            ]
        );
        let place_differs = other("A", "/properties/y", "number").unwrap_err();
        assert_eq!(
            place_differs,
            [
                "1.yaml:3: /events/A/columns/p_x: holds /properties/y here and /properties/x of A in \
              plan a: an event fills a column from one place, so give this one another name"
            ]
        );
        let within = "plan: c\nversion: 1\nevents:\n  A: {columns: {p_x: {property: /properties/x, type: number}}}\ntypes:\n  page: {columns: {p_x: {property: /properties/x, type: string}}}\n";
        assert_eq!(read(&[within]).unwrap_err().len(), 1);
    }

    #[test]
    fn a_column_may_come_and_go_while_the_version_holds() {
        let plan = |columns: &str| {
            read(&[&format!("plan: a\nversion: 1\nevents: {{A: {{{columns}}}}}\n")]).unwrap()
        };
        let with = plan("columns: {p_x: {property: /properties/x, type: number}}");
        assert_eq!(with.changes_before(&plan(""), 0), Vec::<String>::new());
    }
}
