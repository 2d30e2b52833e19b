//! The files of `deploy/clickhouse`, compiled in.

use std::{collections::BTreeSet, sync::LazyLock};

/// One file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) version: u32,
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! migrations {
    ($($version:literal = $name:literal,)*) => {
        /// Every file in the order of its number. Number 0 makes the table that lists them.
        pub(crate) const MIGRATIONS: &[Migration] = &[$(Migration {
            version: $version,
            name: $name,
            text: include_str!(concat!("../../../deploy/clickhouse/", $name)),
        }),*];
    };
}

migrations! {
    0 = "000_schema_migrations.sql",
    1 = "001_events.sql",
    2 = "002_dead_letters.sql",
    3 = "003_discarded_events.sql",
    4 = "004_audit.sql",
    5 = "005_views.sql",
    6 = "006_audit_expired.sql",
    7 = "007_fewer_merges.sql",
    8 = "008_request_facts.sql",
    9 = "009_lost_before_ingest.sql",
    10 = "010_validation_facts.sql",
    11 = "011_dead_letter_environment.sql",
    12 = "012_environments.sql",
    13 = "013_findings.sql",
    14 = "014_enrichment_facts.sql",
    15 = "015_discard_environment.sql",
    16 = "016_identity_facts.sql",
    17 = "017_identity_tables.sql",
    18 = "018_identity_resolution.sql",
    19 = "019_identity_dictionaries.sql",
    20 = "020_events_resolved.sql",
    21 = "021_sessions.sql",
    22 = "022_people.sql",
    23 = "023_identity_health.sql",
    24 = "024_erasures.sql",
    25 = "025_completeness.sql",
    26 = "026_changed_since.sql",
    27 = "027_segment_layout.sql",
    28 = "028_promoted_columns.sql",
    29 = "029_less_read.sql",
    30 = "030_deliveries.sql",
    31 = "031_one_index_of_ranges.sql",
    32 = "032_origin_apart.sql",
    33 = "033_given_up_hours.sql",
}

/// How a statement begins that makes a table.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS ";
/// How a statement begins that makes a dictionary.
pub(crate) const DICTIONARY: &str = "CREATE OR REPLACE DICTIONARY ";

impl Migration {
    /// The statements, without the comments between them. A statement ends with `;` at the end of
    /// a line, or with the file.
    pub(crate) fn statements(&self) -> Vec<String> {
        let lines: Vec<&str> = self.text.lines().filter(|line| !line.starts_with("--")).collect();
        let text = lines.join("\n") + "\n";
        let statements = text.split(";\n").map(str::trim);
        statements.filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
    }
}

/// Whether a file makes a table of this name.
pub(crate) fn is_table(name: &str) -> bool {
    static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let statements = MIGRATIONS.iter().flat_map(Migration::statements);
        let made = |it: String| Some(it.strip_prefix(TABLE)?.lines().next()?.to_owned());
        statements.filter_map(made).collect()
    });
    NAMES.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_told_from_views() {
        assert!(is_table("events") && is_table("identity_settings"));
        assert!(!is_table("a_table_of_theirs") && !is_table("sessions"));
    }

    #[test]
    fn every_file_is_listed_under_its_number() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/clickhouse");
        let entries = std::fs::read_dir(folder).unwrap();
        let names: BTreeSet<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.rsplit_once('.').is_some_and(|(_, end)| end == "sql"))
            .collect();
        let listed: BTreeSet<_> = MIGRATIONS.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(listed, names);
        for (index, file) in MIGRATIONS.iter().enumerate() {
            assert_eq!(file.version as usize, index);
            assert!(file.name.starts_with(&format!("{:03}_", file.version)), "{}", file.name);
        }
    }

    #[test]
    fn every_statement_may_be_repeated() {
        for file in MIGRATIONS {
            let statements = file.statements();
            let begun = ["CREATE ", "ALTER "].map(|word| file.text.matches(word).count());
            assert_eq!(statements.len(), begun.iter().sum::<usize>(), "{}", file.name);
            for statement in statements {
                let first = statement.lines().next().unwrap();
                let creates = first.starts_with("CREATE ") && first.contains(" IF NOT EXISTS ")
                    || ["CREATE OR REPLACE VIEW ", DICTIONARY]
                        .iter()
                        .any(|it| first.starts_with(it));
                let alters = first.starts_with("ALTER TABLE ");
                let again = statement.contains(" ADD COLUMN IF NOT EXISTS ")
                    || statement.contains(" ADD INDEX IF NOT EXISTS ")
                    || statement.contains(" MATERIALIZE INDEX IF EXISTS ")
                    || statement.contains(" DROP INDEX IF EXISTS ")
                    || statement.contains(" COMMENT COLUMN IF EXISTS ")
                    || statement.contains(" MODIFY SETTING ");
                assert!(creates || alters && again, "{statement}");
            }
        }
    }

    #[test]
    fn every_column_has_a_comment() {
        for file in MIGRATIONS {
            let columns = file.text.lines().filter(|line| {
                line.starts_with("    ") && line.contains(" COMMENT ") || line.contains(" CODEC(")
            });
            for column in columns {
                assert!(column.contains(" COMMENT '"), "{}: {column}", file.name);
            }
        }
    }
}
