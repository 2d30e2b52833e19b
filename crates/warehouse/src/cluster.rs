//! The same tables on a cluster: statements of `deploy/clickhouse`, told to every replica.

/// How the statements begin that a cluster has to be told; the name of what is made follows.
const HEADS: [&str; 6] = [
    "CREATE DATABASE IF NOT EXISTS ",
    "CREATE TABLE IF NOT EXISTS ",
    "CREATE VIEW IF NOT EXISTS ",
    "CREATE OR REPLACE VIEW ",
    "CREATE OR REPLACE DICTIONARY ",
    "ALTER TABLE ",
];

const ENGINE: &str = "ENGINE = ";
const WINDOW: &str = "non_replicated_deduplication_window = ";
/// Replicated tables also forget tokens by age, by default after an hour. A week is as long as
/// `stitched-events` keeps what may have to be loaded again.
const WINDOW_SECONDS: &str = "replicated_deduplication_window_seconds = 604800";

/// The statement for a cluster of one shard: told to all replicas, with a replicated engine, and with
/// tokens remembered in Keeper. A statement that begins otherwise than those of our files is left as
/// it is.
pub(crate) fn on_cluster(statement: &str, cluster: &str, database: &str) -> String {
    let Some(head) = HEADS.into_iter().find(|head| statement.starts_with(head)) else {
        return statement.to_owned();
    };
    let rest = &statement[head.len()..];
    let end = rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let path = format!("/clickhouse/tables/{{shard}}/{database}/{name}");
    let lines: Vec<String> = rest.lines().map(|line| replicated(line, &path)).collect();
    let more = if rest.ends_with('\n') { "\n" } else { "" };
    format!("{head}{name} ON CLUSTER '{cluster}'{}{more}", lines.join("\n"))
}

/// A line of a statement. The path is spelled out, so that a replica that joins later finds it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::MIGRATIONS;

    /// Those files whose text will not change any more.
    const SETTLED: u32 = 24;

    fn rendered(statement: &str) -> String {
        on_cluster(statement, "events", "waybill")
    }

    #[test]
    fn every_statement_of_every_file_is_told_to_the_cluster_and_no_table_stays_alone() {
        for file in MIGRATIONS {
            for statement in file.statements() {
                let text = rendered(&statement);
                assert_eq!(
                    text.matches(" ON CLUSTER 'events'").count(),
                    1,
                    "{}: {text}",
                    file.name
                );
                assert!(!text.contains(WINDOW), "{}: {text}", file.name);
                let engine = text.lines().find(|line| line.contains("MergeTree"));
                let is_table = text.starts_with("CREATE TABLE ");
                assert!(!is_table || engine.is_some(), "{}: {text}", file.name);
                let replicated = |line: &str| {
                    line.starts_with("ENGINE = Replicated") && line.contains("'{replica}'")
                };
                assert!(engine.is_none_or(replicated), "{}: {text}", file.name);
            }
        }
    }

    /// What a cluster's statements have otherwise, line by line.
    #[test]
    fn the_statements_of_a_cluster_differ_in_these_lines_only() {
        let mut told = Vec::new();
        for file in MIGRATIONS.iter().filter(|file| file.version <= SETTLED) {
            told.push(file.name.to_owned());
            for statement in file.statements() {
                let text = rendered(&statement);
                assert_eq!(text.lines().count(), statement.lines().count());
                for (before, after) in statement.lines().zip(text.lines()).filter(|(a, b)| a != b) {
                    told.push(format!("  - {before}\n  + {after}"));
                }
            }
        }
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn arguments_of_an_engine_stay_and_a_one_line_statement_keeps_its_end() {
        let engine = replicated("ENGINE = ReplacingMergeTree(written_at)", "/p");
        assert_eq!(engine, "ENGINE = ReplicatedReplacingMergeTree('/p', '{replica}', written_at)");
        let database = rendered("CREATE DATABASE IF NOT EXISTS waybill");
        assert_eq!(database, "CREATE DATABASE IF NOT EXISTS waybill ON CLUSTER 'events'");
        assert_eq!(rendered("SYSTEM RELOAD DICTIONARY x"), "SYSTEM RELOAD DICTIONARY x");
    }
}
