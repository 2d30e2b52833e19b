//! The column `properties_json`: properties as ClickHouse's JSON type, where it is asked for.

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::promoted_sql::{ExtraColumn, quoted};

/// Name of the column.
pub(crate) const COLUMN: &str = "properties_json";
/// Paths beyond so many in a part share one column, in which a query for one of them reads all.
const TYPE: &str = "JSON(max_dynamic_paths=256)";

/// Whose properties `events` also has as ClickHouse's JSON type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum JsonProperties {
    /// Nobody's.
    #[default]
    None,
    /// Those of all sources.
    All,
    /// Those of these sources.
    Sources(Vec<String>),
}

/// `true`, `false` or a list of ids of sources.
impl<'de> Deserialize<'de> for JsonProperties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bool(bool),
            Sources(Vec<String>),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Bool(true)) => Ok(Self::All),
            Ok(Written::Bool(false)) => Ok(Self::None),
            Ok(Written::Sources(ids)) if ids.is_empty() => Ok(Self::None),
            Ok(Written::Sources(ids)) => Ok(Self::Sources(ids)),
            Err(_) => Err(D::Error::custom("expected true, false or a list of ids of sources")),
        }
    }
}

impl JsonProperties {
    /// The sources by name; none where it is nobody's or everybody's.
    pub fn sources(&self) -> &[String] {
        match self {
            Self::Sources(ids) => ids,
            Self::None | Self::All => &[],
        }
    }

    pub(crate) fn column(&self) -> Option<ExtraColumn> {
        // A plain cast would refuse the whole block for one text that the type does not take.
        let taken =
            format!("ifNull(accurateCastOrNull(properties, '{TYPE}'), CAST('{{}}', '{TYPE}'))");
        let (default, whose) = match self {
            Self::None => return None,
            Self::All => (taken, "all sources".to_owned()),
            Self::Sources(ids) => {
                let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                ids.sort_unstable();
                ids.dedup();
                let list: Vec<String> = ids.iter().map(|id| format!("'{}'", quoted(id))).collect();
                let list = list.join(", ");
                let default = format!("if(source IN ({list}), {taken}, CAST('{{}}', '{TYPE}'))");
                (default, ids.join(", "))
            }
        };
        Some(ExtraColumn {
            name: COLUMN.to_owned(),
            sql_type: TYPE.to_owned(),
            default,
            comment: format!(
                "properties as JSON, of {whose}; {{}} where the type does not take the text. Not exact: \
                 see docs/querying.md"
            ),
            reads: vec!["properties", "source"],
        })
    }
}
