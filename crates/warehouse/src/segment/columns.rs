//! From members of properties, traits and context to columns.

use std::collections::BTreeMap;

use super::{Field, FieldKind, Part, names};

/// A column that a view has beside the shared ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: FieldKind,
    /// SQL of its value. No value of any row makes it fail.
    pub(super) value: String,
    pub(super) comment: String,
}

impl Column {
    pub(super) const fn sql_type(&self) -> &'static str {
        match self.kind {
            FieldKind::Boolean => "Nullable(Bool)",
            FieldKind::Integer => "Nullable(Int64)",
            FieldKind::Number => "Nullable(Float64)",
            FieldKind::Text => "Nullable(String)",
            FieldKind::Time => "Nullable(DateTime64(3, 'UTC'))",
        }
    }
}

/// The columns of these members, by name. Members that come to the same name share the column: the one
/// whose name is the column's own goes first, then the others in the order of their names; where they are of
/// several kinds, it is text. Of two words on one member the later holds.
pub(super) fn columns<'a>(
    fields: impl IntoIterator<Item = &'a Field>,
    reserved: &dyn Fn(&str) -> bool,
) -> Vec<Column> {
    let mut members: BTreeMap<(Part, &[String]), &Field> = BTreeMap::new();
    for field in fields {
        members.insert((field.part, &field.path), field);
    }
    let mut by_name: BTreeMap<String, Vec<&Field>> = BTreeMap::new();
    for field in members.into_values() {
        by_name.entry(name(field, reserved)).or_default().push(field);
    }
    by_name.into_iter().filter_map(|(name, fields)| merged(name, fields)).collect()
}

fn name(field: &Field, reserved: &dyn Fn(&str) -> bool) -> String {
    match field.part {
        Part::Context => {
            let path: Vec<String> =
                std::iter::once("context".to_owned()).chain(field.path.iter().cloned()).collect();
            names::column(&path, "context", |_| false)
        }
        Part::Properties => names::column(&field.path, "property", reserved),
        Part::Traits => names::column(&field.path, "trait", reserved),
    }
}

fn merged(name: String, mut fields: Vec<&Field>) -> Option<Column> {
    fields.sort_by_key(|field| field.path.join("_") != name);
    let kind = fields.iter().map(|field| field.kind).reduce(FieldKind::with)?;
    let values: Vec<String> = fields.iter().map(|field| value(field, kind)).collect();
    let value = match values.as_slice() {
        [one] => one.clone(),
        many => format!("coalesce({})", many.join(", ")),
    };
    let places: Vec<String> = fields.iter().map(|field| pointer(field)).collect();
    let words = fields.iter().find_map(|field| field.description.as_deref());
    let places = places.join(", else ");
    let comment =
        words.map_or_else(|| places.clone(), |words| format!("{places}: {}", words.trim()));
    Some(Column { name, kind, value, comment })
}

/// JSON pointer of the member, from the event's top.
fn pointer(field: &Field) -> String {
    let names = field.path.iter().map(|name| name.replace('~', "~0").replace('/', "~1"));
    names.fold(format!("/{}", field.part.column()), |pointer, name| format!("{pointer}/{name}"))
}

fn value(field: &Field, kind: FieldKind) -> String {
    let path: Vec<String> = field.path.iter().map(|name| quoted(name)).collect();
    let extracted = |kind: &str| {
        format!("JSONExtract({}, {}, 'Nullable({kind})')", field.part.column(), path.join(", "))
    };
    let text = extracted("String");
    match kind {
        FieldKind::Text => text,
        FieldKind::Number => extracted("Float64"),
        FieldKind::Boolean => format!("accurateCastOrNull({text}, 'Bool')"),
        // As Int64, JSONExtract would cut 1.5 down to 1.
        FieldKind::Integer => format!(r"toInt64OrNull(replaceRegexpOne({text}, '\\.0+$', ''))"),
        // Read freely, 12 would be a day of this month.
        FieldKind::Time => format!(
            "if(match({text}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}'), \
             parseDateTime64BestEffortOrNull({text}, 3, 'UTC'), NULL)"
        ),
    }
}

/// A text of SQL.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &[&str], kind: FieldKind) -> Field {
        Field {
            part: Part::Properties,
            path: path.iter().map(|it| (*it).to_owned()).collect(),
            kind,
            description: None,
        }
    }

    #[test]
    fn members_of_one_name_share_a_column_and_their_own_name_goes_first() {
        let fields = [
            field(&["orderId"], FieldKind::Integer),
            field(&["order_id"], FieldKind::Integer),
            field(&["total"], FieldKind::Integer),
            field(&["Total"], FieldKind::Number),
            field(&["ok"], FieldKind::Boolean),
            field(&["OK"], FieldKind::Text),
            field(&["it's", "a/b"], FieldKind::Text),
            field(&["id"], FieldKind::Text),
        ];
        let columns = columns(&fields, &|name| name == "id");
        let shown: Vec<String> = columns
            .iter()
            .map(|it| format!("{} {} {}", it.name, it.sql_type(), it.comment))
            .collect();
        assert_eq!(
            shown,
            [
                "it_s_a_b Nullable(String) /properties/it's/a~1b",
                "ok Nullable(String) /properties/ok, else /properties/OK",
                "order_id Nullable(Int64) /properties/order_id, else /properties/orderId",
                "property_id Nullable(String) /properties/id",
                "total Nullable(Float64) /properties/total, else /properties/Total",
            ]
        );
        assert_eq!(
            columns[0].value,
            r"JSONExtract(properties, 'it\'s', 'a/b', 'Nullable(String)')"
        );
        assert!(columns[4].value.starts_with("coalesce(JSONExtract(properties, 'total',"));
    }

    #[test]
    fn of_two_words_on_one_member_the_later_holds() {
        let fields = [field(&["a"], FieldKind::Text), field(&["a"], FieldKind::Time)];
        let columns = columns(&fields, &|_| false);
        assert_eq!(columns.len(), 1);
        assert_eq!(columns[0].kind, FieldKind::Time);
    }
}
