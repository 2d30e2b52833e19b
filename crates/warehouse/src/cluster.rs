//! The same tables on a cluster: statements of `deploy/clickhouse`, told to every host.
//!
//! Each table is two there. One has the rows of its shard, is replicated within it, and stands in the
//! storage database: it is what is loaded. The other, under the name that the files give it, reads those
//! of all shards (`Distributed`), so that a query is the same on a cluster as on one host.

use crate::migrations::{TABLE, is_table};

/// How the statements begin that a cluster has to be told; the name of what is made follows.
const HEADS: [&str; 6] = [
    DATABASE,
    TABLE,
    "CREATE VIEW IF NOT EXISTS ",
    "CREATE OR REPLACE VIEW ",
    "CREATE OR REPLACE DICTIONARY ",
    ALTER,
];
const DATABASE: &str = "CREATE DATABASE IF NOT EXISTS ";
const ALTER: &str = "ALTER TABLE ";

const ENGINE: &str = "ENGINE = ";
const WINDOW: &str = "non_replicated_deduplication_window = ";
/// Replicated tables also forget tokens by age, by default after an hour. A week is as long as
/// `stitched-events` keeps what may have to be loaded again.
const WINDOW_SECONDS: &str = "replicated_deduplication_window_seconds = 604800";

/// The clauses of ALTER that a table without rows of its own takes as well.
const OF_COLUMNS: [&str; 3] = ["ADD COLUMN ", "MODIFY COLUMN ", "COMMENT COLUMN "];

/// Whom statements are told.
pub(crate) struct Told<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) database: &'a str,
    pub(crate) storage: &'a str,
}

impl Told<'_> {
    /// The statements for a cluster, in their order. One that begins otherwise than those of our files is
    /// left as it is.
    pub(crate) fn told(&self, statement: &str) -> Vec<String> {
        let Some(head) = HEADS.into_iter().find(|head| statement.starts_with(head)) else {
            return vec![statement.to_owned()];
        };
        let rest = &statement[head.len()..];
        let end = rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let everywhere = |name: &str, rest: &str| self.everywhere(head, name, rest);
        match head {
            DATABASE if name == self.database => {
                vec![everywhere(self.storage, rest), everywhere(name, rest)]
            }
            TABLE => vec![
                everywhere(&self.stored(name), &self.replicated(name, rest)),
                self.reading(name, rest),
            ],
            ALTER if is_table(name) => {
                let stored = everywhere(&self.stored(name), rest);
                let reading = columns_only(rest).map(|rest| everywhere(name, &rest));
                std::iter::once(stored).chain(reading).collect()
            }
            _ => vec![everywhere(name, rest)],
        }
    }

    fn everywhere(&self, head: &str, name: &str, rest: &str) -> String {
        format!("{head}{name} ON CLUSTER '{}'{rest}", self.cluster)
    }

    fn stored(&self, name: &str) -> String {
        format!("{}.{name}", self.storage)
    }

    /// The body of the table with the rows. Its path in Keeper is spelled out, so that a replica that
    /// joins later finds it.
    fn replicated(&self, name: &str, body: &str) -> String {
        let path = format!("/clickhouse/tables/{{shard}}/{}/{name}", self.database);
        let lines: Vec<String> = body.lines().map(|line| replicated(line, &path)).collect();
        let more = if body.ends_with('\n') { "\n" } else { "" };
        lines.join("\n") + more
    }

    /// The table that reads it. It has no key to divide rows by, so that ClickHouse refuses to write
    /// through it where there are several shards.
    fn reading(&self, name: &str, body: &str) -> String {
        let Self { cluster, storage, .. } = self;
        let comment = body.lines().rfind(|line| line.starts_with("COMMENT '")).unwrap_or_default();
        format!(
            "{TABLE}{name} ON CLUSTER '{cluster}' AS {storage}.{name}\n\
             {ENGINE}Distributed('{cluster}', '{storage}', '{name}')\n{comment}"
        )
    }
}

/// A line of a statement.
fn replicated(line: &str, path: &str) -> String {
    if let Some(engine) = line.strip_prefix(ENGINE) {
        let (name, arguments) = match engine.split_once('(') {
            Some((name, arguments)) => (name, format!(", {arguments}")),
            None => (engine, ")".to_owned()),
        };
        return format!("{ENGINE}Replicated{name}('{path}', '{{replica}}'{arguments}");
    }
    let Some((before, rest)) = line.split_once(WINDOW) else { return line.to_owned() };
    let window = WINDOW.trim_start_matches("non_");
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    format!("{before}{window}{number}, {WINDOW_SECONDS}{rest}")
}

/// What is left of the clauses of an ALTER, one a line; `None` if that is nothing.
fn columns_only(clauses: &str) -> Option<String> {
    let clauses = clauses.lines().map(|line| line.trim().trim_end_matches(','));
    let ours = clauses.filter(|clause| OF_COLUMNS.iter().any(|it| clause.starts_with(it)));
    let ours: Vec<&str> = ours.collect();
    (!ours.is_empty()).then(|| format!("\n    {}", ours.join(",\n    ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::{MIGRATIONS, Migration};

    /// Those files whose text will not change any more.
    const SETTLED: u32 = 32;

    fn rendered(statement: &str) -> Vec<String> {
        Told { cluster: "events", database: "waybill", storage: "waybill_shard" }.told(statement)
    }

    #[test]
    fn every_statement_of_every_file_is_told_to_the_cluster_and_no_table_stays_alone() {
        for statement in MIGRATIONS.iter().flat_map(Migration::statements) {
            let texts = rendered(&statement);
            for text in &texts {
                assert_eq!(text.matches(" ON CLUSTER 'events'").count(), 1, "{text}");
                assert!(!text.contains(WINDOW), "{text}");
                let engine = text.lines().find(|line| line.contains("MergeTree"));
                let replicated = |line: &str| {
                    line.starts_with("ENGINE = Replicated") && line.contains("'{replica}'")
                };
                assert!(engine.is_none_or(replicated), "{text}");
            }
            if statement.starts_with(TABLE) {
                assert_eq!(texts.len(), 2, "{statement}");
                assert!(texts[0].starts_with("CREATE TABLE IF NOT EXISTS waybill_shard."));
                assert!(texts[0].contains("\nENGINE = Replicated"), "{}", texts[0]);
                assert!(
                    texts[1].contains("\nENGINE = Distributed(")
                        && texts[1].contains("\nCOMMENT '")
                );
            }
        }
    }

    /// An ALTER has each clause in a line of its own; what a table that reads lacks is a column of nothing.
    #[test]
    fn every_column_is_added_to_both_tables() {
        for statement in MIGRATIONS.iter().flat_map(Migration::statements) {
            let Some(rest) = statement.strip_prefix(ALTER) else { continue };
            assert!(is_table(rest.split_whitespace().next().unwrap()), "{statement}");
            let texts = rendered(&statement);
            assert!(texts[0].starts_with("ALTER TABLE waybill_shard."), "{}", texts[0]);
            for word in OF_COLUMNS {
                let count = |text: &str| text.matches(word).count();
                let reading = texts.get(1).map_or(0, |text| count(text));
                assert_eq!(reading, count(&statement), "{statement}");
            }
        }
    }

    /// What a cluster's statements have otherwise, line by line, and which there are besides.
    #[test]
    fn the_statements_of_a_cluster_differ_in_these_lines_only() {
        let mut told = Vec::new();
        for file in MIGRATIONS.iter().filter(|file| file.version <= SETTLED) {
            told.push(file.name.to_owned());
            for statement in file.statements() {
                let texts = rendered(&statement);
                assert_eq!(texts[0].lines().count(), statement.lines().count());
                let lines = statement.lines().zip(texts[0].lines());
                for (before, after) in lines.filter(|(a, b)| a != b) {
                    told.push(format!("  - {before}\n  + {after}"));
                }
                let more = texts[1..].iter().flat_map(|text| text.lines());
                told.extend(more.map(|line| format!("  + {line}")));
            }
        }
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn arguments_of_an_engine_stay_and_a_one_line_statement_keeps_its_end() {
        let engine = replicated("ENGINE = ReplacingMergeTree(written_at)", "/p");
        assert_eq!(engine, "ENGINE = ReplicatedReplacingMergeTree('/p', '{replica}', written_at)");
        assert_eq!(
            rendered("CREATE DATABASE IF NOT EXISTS waybill"),
            [
                "CREATE DATABASE IF NOT EXISTS waybill_shard ON CLUSTER 'events'",
                "CREATE DATABASE IF NOT EXISTS waybill ON CLUSTER 'events'"
            ]
        );
        let database = rendered("CREATE DATABASE IF NOT EXISTS waybill_web COMMENT 'x'");
        assert_eq!(
            database,
            ["CREATE DATABASE IF NOT EXISTS waybill_web ON CLUSTER 'events' COMMENT 'x'"]
        );
        assert_eq!(rendered("SYSTEM RELOAD DICTIONARY x"), ["SYSTEM RELOAD DICTIONARY x"]);
    }

    #[test]
    fn what_is_no_column_is_changed_where_the_rows_are() {
        assert_eq!(
            rendered("ALTER TABLE events MODIFY TTL x"),
            ["ALTER TABLE waybill_shard.events ON CLUSTER 'events' MODIFY TTL x"]
        );
        assert_eq!(
            rendered(
                "ALTER TABLE events\n    ADD INDEX i a TYPE minmax,\n    ADD COLUMN b String,\n    ADD COLUMN c String"
            ),
            [
                "ALTER TABLE waybill_shard.events ON CLUSTER 'events'\n    ADD INDEX i a TYPE minmax,\n    ADD COLUMN b String,\n    ADD COLUMN c String",
                "ALTER TABLE events ON CLUSTER 'events'\n    ADD COLUMN b String,\n    ADD COLUMN c String"
            ]
        );
        let view = rendered("ALTER TABLE `people` COMMENT COLUMN `a` 'x'");
        assert_eq!(view, ["ALTER TABLE `people` ON CLUSTER 'events' COMMENT COLUMN `a` 'x'"]);
    }
}
