//! What ClickHouse works out of an event's exact text for a promoted column.
//!
//! The expressions are the DEFAULT of their columns: ClickHouse evaluates them when a row is inserted
//! without the column, and when a part is read that has no such column. None of them may throw, whatever
//! the text is, or it would cost the whole block of rows. `JSONExtract(…, 'Decimal(38, 9)')`, for one,
//! throws where a number is too large, so it is not used here. What does not fit is NULL.

use std::collections::BTreeMap;

use tracking_plan::plan::{ColumnType, Promotion};

/// A column of `events` that no file of `deploy/clickhouse` has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExtraColumn {
    pub(crate) name: String,
    /// Its type as ClickHouse writes it.
    pub(crate) sql_type: String,
    pub(crate) default: String,
    pub(crate) comment: String,
    /// The columns that the expression reads.
    pub(crate) reads: Vec<&'static str>,
}

impl ExtraColumn {
    /// The column that these promotions, of one column and type, share.
    pub(crate) fn promoted(name: &str, kind: ColumnType, promotions: &[&Promotion]) -> Self {
        let mut by_place: BTreeMap<&str, Vec<&Promotion>> = BTreeMap::new();
        for promotion in promotions {
            by_place.entry(&promotion.place).or_default().push(promotion);
        }
        let mut reads = vec!["event_name", "type"];
        let mut branches = Vec::new();
        for of_place in by_place.values() {
            let (part, names) = of_place[0].way();
            reads.extend(MEMBERS.into_iter().filter(|member| *member == part));
            branches.push(condition(of_place));
            branches.push(Place::new(&part, &names).value(kind));
        }
        reads.sort_unstable();
        reads.dedup();
        let otherwise = if kind == ColumnType::Strings { "[]" } else { "NULL" };
        Self {
            name: name.to_owned(),
            sql_type: sql_type(kind).to_owned(),
            default: format!("multiIf({}, {otherwise})", branches.join(", ")),
            comment: comment(kind, promotions),
            reads,
        }
    }

    /// The column as it stands after `ADD COLUMN` and `MODIFY COLUMN`.
    pub(crate) fn definition(&self) -> String {
        format!(
            "{} {} DEFAULT {} COMMENT '{}' CODEC(ZSTD)",
            self.name,
            self.sql_type,
            self.default,
            quoted(&self.comment)
        )
    }
}

const MEMBERS: [&str; 3] = ["context", "properties", "traits"];

/// Type of a column of this kind.
pub(crate) const fn sql_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::String => "Nullable(String)",
        ColumnType::Number => "Nullable(Float64)",
        ColumnType::Integer => "Nullable(Int64)",
        ColumnType::Decimal => "Nullable(Decimal(38, 9))",
        ColumnType::Boolean => "Nullable(Bool)",
        ColumnType::DateTime => "Nullable(DateTime64(3, 'UTC'))",
        // An array cannot be NULL.
        ColumnType::Strings => "Array(String)",
    }
}

/// What stands between quotation marks for this text.
pub(crate) fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// Which events the promotions are of.
fn condition(promotions: &[&Promotion]) -> String {
    let of = |track: bool| {
        let chosen = promotions.iter().filter(move |it| (it.event_type == "track") == track);
        let names = chosen.map(|it| if track { &it.event_name } else { &it.event_type });
        let mut names: Vec<String> = names.map(|name| format!("'{}'", quoted(name))).collect();
        names.sort();
        names.dedup();
        names.join(", ")
    };
    let track = format!("type = 'track' AND event_name IN ({})", of(true));
    let types = format!("type IN ({})", of(false));
    match (of(true).is_empty(), of(false).is_empty()) {
        (false, true) => track,
        (true, _) => types,
        (false, false) => format!("{track} OR {types}"),
    }
}

fn comment(kind: ColumnType, promotions: &[&Promotion]) -> String {
    let mut told: Vec<String> = promotions
        .iter()
        .map(|it| format!("{} of {} (plan {})", it.place, it.event(), it.plan))
        .collect();
    told.sort();
    told.dedup();
    let otherwise = if kind == ColumnType::Strings { "empty" } else { "NULL" };
    format!("Promoted, {kind}: {}; {otherwise} where the value does not fit", told.join(", "))
}

/// A decimal that may fit: no more than 29 digits before the point, 39 behind it once the exponent is
/// spent, so that both comparisons below are exact.
const DECIMAL: &str = "'^-?[0-9]{1,29}([.][0-9]{1,30})?([eE]([+]?[0-9]{1,2}|-0?[0-9]))?$'";
/// RFC 3339, for the years that `DateTime64` has. What is no day, such as 30 February, is left to the
/// parser.
const RFC_3339: &str = "'^(19|2[0-2])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]\
    ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,12})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$'";

/// A place of an event's text.
struct Place<'a> {
    member: &'a str,
    /// The names below it, quoted and separated by commas.
    path: String,
    last: &'a str,
}

impl<'a> Place<'a> {
    fn new(member: &'a str, names: &'a [String]) -> Self {
        let path: Vec<String> = names.iter().map(|name| format!("'{}'", quoted(name))).collect();
        let last = names.last().map(String::as_str).unwrap_or_default();
        Self { member, path: path.join(", "), last }
    }

    /// The value as JSON, written anew by ClickHouse: numbers are those of a double.
    fn raw(&self) -> String {
        format!("JSONExtractRaw({}, {})", self.member, self.path)
    }

    fn value(&self, kind: ColumnType) -> String {
        let raw = self.raw();
        match kind {
            ColumnType::String => {
                format!("if(startsWith({raw}, '\"'), JSONExtractString({raw}), NULL)")
            }
            ColumnType::Number => format!(
                "if(match({raw}, '^[-0-9]'), JSONExtract({raw}, 'Nullable(Float64)'), NULL)"
            ),
            // With 16 digits and more, a whole number may be what is left of one with a fraction.
            ColumnType::Integer => format!(
                "if(match({raw}, '^-?[0-9]{{1,19}}$') AND (length({raw}) <= 15 OR \
                 JSONType({}, {}) = 'Int64'), toInt64OrNull({raw}), NULL)",
                self.member, self.path
            ),
            ColumnType::Decimal => self.decimal(),
            ColumnType::Boolean => {
                format!("multiIf({raw} = 'true', true, {raw} = 'false', false, NULL)")
            }
            ColumnType::DateTime => format!(
                "if(startsWith({raw}, '\"') AND match(JSONExtractString({raw}), {RFC_3339}), \
                 parseDateTime64BestEffortOrNull(upper(JSONExtractString({raw})), 3, 'UTC'), NULL)"
            ),
            ColumnType::Strings => format!(
                "if(startsWith({raw}, '[') AND arrayAll(it -> startsWith(it, '\"'), \
                 JSONExtractArrayRaw({raw})), arrayMap(it -> JSONExtractString(it), \
                 JSONExtractArrayRaw({raw})), [])"
            ),
        }
    }

    /// Fits if nothing is lost by the ninth digit. Beyond it, 36 more are compared: a decimal of 256
    /// bits has room for them, and for every whole part that 38 digits leave.
    fn decimal(&self) -> String {
        format!(
            "arrayMap(it -> if(match(it, {DECIMAL}) AND ifNull(toDecimal256OrNull(it, 45) = \
             toDecimal256(toDecimal128OrNull(it, 9), 45), false), toDecimal128OrNull(it, 9), NULL), \
             [{}])[1]",
            self.decimal_text()
        )
    }

    /// The digits as they were sent. ClickHouse reads numbers as doubles, which are exact to 15 digits:
    /// where the text has no longer run of digits anywhere, what it writes is what was sent. Elsewhere
    /// the digits are looked for behind the name, and taken if all that are the same double are the
    /// same number.
    fn decimal_text(&self) -> String {
        let raw = self.raw();
        let same = format!(
            "arrayFilter(it -> ifNull(JSONExtract(it, 'Nullable(Float64)') = JSONExtract({raw}, \
             'Nullable(Float64)'), false), extractAll({}, '{}'))",
            self.member,
            quoted(&behind_name(self.last))
        );
        format!(
            "multiIf(startsWith({raw}, '\"'), JSONExtractString({raw}), NOT match({raw}, '^[-0-9]'), '', \
             NOT match({}, '[0-9.]{{16}}'), {raw}, arrayMap(same -> if(notEmpty(same) AND arrayAll(it -> \
             match(it, {DECIMAL}) AND ifNull(toDecimal256OrNull(it, 45) = toDecimal256OrNull(same[1], 45), \
             false), same), same[1], ''), [{same}])[1])",
            self.member
        )
    }
}

/// A pattern for what stands behind a name, written as JSON writes it without need.
fn behind_name(name: &str) -> String {
    let mut pattern = String::from("\"");
    let written = serde_json::Value::from(name).to_string();
    for c in written[1..written.len() - 1].chars() {
        if c.is_alphanumeric() || !c.is_ascii() {
            pattern.push(c);
        } else {
            pattern.push('\\');
            pattern.push(c);
        }
    }
    pattern.push_str("\"[ \\t\\r\\n]*:[ \\t\\r\\n]*(-?[0-9][-+.0-9eE]*)");
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_as_json_writes_it_and_is_no_pattern() {
        for (name, expected) in [
            ("total", r#""total""#),
            ("a.b", r#""a\.b""#),
            ("a\"b", r#""a\\\"b""#),
            ("\"", r#""\\\"""#),
            ("größe", r#""größe""#),
            ("", r#""""#),
        ] {
            let rest = r"[ \t\r\n]*:[ \t\r\n]*(-?[0-9][-+.0-9eE]*)";
            assert_eq!(behind_name(name), format!("{expected}{rest}"));
        }
    }
}
