//! The same rows on one host and on two shards: whatever is asked, the answer is the same.

use std::fmt::Write as _;

use warehouse::{Warehouse, WarehouseConfig};

use crate::Cluster;
use crate::document::examples;

const ONE: &str = "one";
pub(crate) const TWO: &str = "two";

/// So many append days of the shop are loaded: each has some 55,000 events.
const DAYS: u64 = 1;

const EVENTS: &str = include_str!("../example_queries/events.sql");
const LINKS: &str = include_str!("../example_queries/links.sql");

/// What else there is, of events in several hours. Each partition of Kafka has some.
const MORE: [&str; 6] = [
    "INSERT INTO dead_letters (position_topic, position_partition, position_offset, stage, reason, \
     origin_epoch, origin_partition, origin_offset, appended_at, rejected_topic, attempts, failed_at, \
     source, event_name, environment) SELECT 'dead-letters.validate', number % 6, number, 'validate', \
     ['malformed', 'plan-violation'][1 + number % 2], 0, number % 6, 9000000 + number, \
     toDateTime64('2026-07-01 00:00:00', 3, 'UTC') + number * 60, 'raw-events', 1, \
     toDateTime64('2026-07-01 00:00:01', 3, 'UTC') + number * 60, 'web/shop', 'Order Completed', \
     'production' FROM numbers(500)",
    "INSERT INTO discarded_events (position_topic, position_partition, position_offset, stage, reason, \
     origin_epoch, origin_partition, origin_offset, appended_at, discarded_at, source, event_name, \
     environment) SELECT 'discarded-events', number % 6, number, 'identity-stitch', 'repeat', 0, \
     number % 6, 8000000 + number, toDateTime64('2026-07-01 00:00:00', 3, 'UTC') + number * 60, \
     toDateTime64('2026-07-01 00:00:01', 3, 'UTC') + number * 60, 'web/shop', 'Product Viewed', \
     'production' FROM numbers(500)",
    "INSERT INTO deliveries (position_topic, position_partition, position_offset, destination, outcome, \
     origin_epoch, origin_partition, origin_offset, appended_at, attempts, settled_at, source, \
     event_name, environment) SELECT 'deliveries', number % 6, number, 'ads', 'delivered', 0, \
     number % 6, number, toDateTime64('2026-07-01 00:00:00', 3, 'UTC') + number * 60, 1, \
     toDateTime64('2026-07-01 00:00:02', 3, 'UTC') + number * 60, 'web/shop', 'Order Completed', \
     'production' FROM numbers(500)",
    "INSERT INTO identity_aliases (position_topic, position_partition, position_offset, kind, \
     previous_id, user_id, rule, cause_epoch, cause_partition, cause_offset, event_time, appended_at) \
     SELECT 'identity-aliases', number % 6, number, 'merge', concat('u-', leftPad(toString(number), 5, \
     '0')), concat('u-', leftPad(toString(number + 1000), 5, '0')), 'alias', 0, number % 6, number, \
     toDateTime64('2026-07-01 00:00:00', 3, 'UTC'), toDateTime64('2026-07-01 00:00:00', 3, 'UTC') \
     FROM numbers(200)",
    "INSERT INTO audit_hours (revision, hour, epoch, state, raw, loaded, dead, closed_at) \
     SELECT 1, toDateTime('2026-07-01 00:00:00', 'UTC') + number * 3600, 0, 'balanced', 2000, 1990, 10, \
     toDateTime64('2026-07-01 02:00:00', 3, 'UTC') + number * 3600 FROM numbers(60)",
    "INSERT INTO audit_findings (found_at, hour, kind, origin_epoch, origin_partition, origin_offset) \
     SELECT toDateTime64('2026-07-02 00:00:00', 3, 'UTC'), toDateTime('2026-07-01 00:00:00', 'UTC'), \
     'missing', 0, 1, 7000000 + number FROM numbers(20)",
];

const WITH_PARAMETERS: [&str; 11] = [
    "events_of(environment = 'staging')",
    "hour_states_of(environment = 'staging')",
    "complete_hours_of(environment = 'production')",
    "complete_through_of(environment = 'production')",
    "identity_as_of(at = '2026-07-02 12:00:00.000')",
    "identity_merges_as_of(at = '2026-07-02 12:00:00.000')",
    "events_as_of(at = '2026-07-02 12:00:00.000')",
    "relinked_users_since(since = '2026-07-01 00:00:00.000')",
    "relinked_devices_since(since = '2026-07-01 00:00:00.000')",
    "changed_since(since = '2026-07-01 00:00:00.000')",
    "changed_since(since = '2027-07-01 00:00:00.000')",
];

pub(crate) async fn every_question_is_answered_as_by_one_host(cluster: &Cluster) {
    let one = WarehouseConfig {
        url: cluster.stack.clickhouse_url(),
        database: ONE.to_owned(),
        ..WarehouseConfig::default()
    };
    Warehouse::new(&one).unwrap().migrate_apply().await.unwrap();
    cluster.warehouse(TWO).migrate_apply().await.unwrap();
    fill_one(cluster).await;
    spread(cluster).await;
    for shard in 0..2 {
        for dictionary in ["identity_devices", "identity_users", "identity_groups"] {
            let reload = format!("SYSTEM RELOAD DICTIONARY {dictionary}");
            cluster.ask(shard, TWO, &reload).await;
        }
    }
    let mut wrong = String::new();
    let mut asked = 0;
    for question in questions(cluster).await {
        let [one, first, second] = [(0, ONE), (0, TWO), (1, TWO)]
            .map(|(shard, database)| cluster.answer(shard, database, &question));
        let (one, first, second) = tokio::join!(one, first, second);
        asked += 1;
        if one != first || one != second {
            write!(
                wrong,
                "\n{question}\n  one host {one:?}\n  shard 1 {first:?}\n  shard 2 {second:?}"
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!("{asked} questions have the same answer on one host and on each of two shards");
}

async fn fill_one(cluster: &Cluster) {
    for day in 0..DAYS {
        cluster.ask(0, ONE, &without_comments(EVENTS).replace("{day}", &day.to_string())).await;
    }
    cluster.ask(0, ONE, &without_comments(LINKS)).await;
    for sql in MORE {
        cluster.ask(0, ONE, sql).await;
    }
    for dictionary in ["identity_devices", "identity_users", "identity_groups"] {
        cluster.ask(0, ONE, &format!("SYSTEM RELOAD DICTIONARY {dictionary}")).await;
    }
}

/// As the loader would have it: what came from a partition is in its shard, the rest in the first.
async fn spread(cluster: &Cluster) {
    let from = format!("remote('{}', {ONE}", cluster.stack.clickhouse_tcp());
    for table in tables(cluster, "engine LIKE '%MergeTree' AND name != 'schema_migrations'").await {
        let placed = format!(
            "SELECT count() FROM system.columns WHERE database = '{ONE}' AND table = '{table}' \
             AND name = 'position_partition'"
        );
        let is_placed = cluster.ask(0, ONE, &placed).await == ["1"];
        for shard in 0..2 {
            let mine = match (is_placed, shard) {
                (true, _) => format!("WHERE position_partition % 2 = {shard}"),
                (false, 0) => String::new(),
                (false, _) => continue,
            };
            let sql =
                format!("INSERT INTO {TWO}_shard.{table} SELECT * FROM {from}.{table}) {mine}");
            cluster.ask(shard, TWO, &sql).await;
        }
        let both = format!("SELECT count() FROM {table}");
        let expected = cluster.ask(0, ONE, &both).await;
        assert_eq!(cluster.ask(1, TWO, &both).await, expected, "{table}");
        if is_placed {
            let shards = format!("SELECT uniqExact(_shard_num) FROM {table}");
            assert_eq!(cluster.ask(0, TWO, &shards).await, ["2"], "{table} is in one shard alone");
        }
    }
}

async fn tables(cluster: &Cluster, condition: &str) -> Vec<String> {
    let sql = format!(
        "SELECT name FROM system.tables WHERE database = '{ONE}' AND {condition} ORDER BY name"
    );
    cluster.ask(0, ONE, &sql).await
}

/// Every view, by the sum of its rows' hashes, and the ten examples of the documentation.
async fn questions(cluster: &Cluster) -> Vec<String> {
    let all = tables(cluster, "engine = 'View'").await;
    let parameters = "SELECT name FROM system.tables WHERE database = currentDatabase() \
        AND engine = 'View' AND length(parameterized_view_parameters) > 0";
    let with_parameters = cluster.ask(0, ONE, parameters).await;
    let plain = all.into_iter().filter(|it| !with_parameters.contains(it));
    let asked = plain.chain(WITH_PARAMETERS.map(str::to_owned));
    let sum = |view: String| {
        // What was relinked is said to have changed just now.
        let except = if view.starts_with("changed_since") { "EXCEPT changed_at" } else { "" };
        format!("SELECT count(), sum(cityHash64(* {except})) FROM {view}")
    };
    let sums = asked.map(sum);
    sums.chain(examples().into_iter().map(|it| it.sql.to_owned())).collect()
}

fn without_comments(sql: &str) -> String {
    sql.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n")
}
