//! The queries of `docs/example-queries.md` over five million events, on a real ClickHouse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it measured"
)]

mod answers;
mod document;
mod shop;

use std::time::{Duration, Instant};

use local_stack::{Stack, StackConfig};
use warehouse::{Warehouse, WarehouseConfig};

use answers::ANSWERS;
use document::{Example, examples};
use shop::{DAYS, EVENTS, Persons};

const DATABASE: &str = "shop";
const MERGED_WITHIN: Duration = Duration::from_mins(5);
/// Of all rows, what a query that names events and days may read.
const MOST_PERCENT: f64 = 10.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_answers_right_and_reads_little_of_five_million_events() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(StackConfig::new(folder.path())).await.unwrap();
    let server = Server { url: stack.clickhouse_url(), client: reqwest::Client::new() };
    migrate(&stack).await;
    let persons = Persons::told();
    fill(&server).await;
    all_that_was_meant_is_there_once(&server, &persons).await;
    let examples = examples();
    let headings: Vec<_> = examples.iter().map(|it| it.heading).collect();
    assert_eq!(headings, ANSWERS.map(|(heading, _)| heading));
    let mut table = Vec::new();
    for (example, (_, answer)) in examples.iter().zip(ANSWERS) {
        let asked = server.ask(example.sql).await;
        table.push(row(example, &asked));
        println!("{}", table[table.len() - 1]);
        assert_eq!(asked.lines, answer(&persons), "{}", example.heading);
    }
    let narrow: Vec<_> = examples.iter().zip(&table).filter(|it| it.0.is_narrow()).collect();
    assert!(narrow.len() >= 6, "only {} name events and days, or one event", narrow.len());
    for (example, row) in narrow {
        assert!(row.percent < MOST_PERCENT, "{} reads too much: {row}", example.heading);
    }
    stack.stop().await.unwrap();
}

async fn migrate(stack: &Stack) {
    let config = WarehouseConfig {
        url: stack.clickhouse_url(),
        database: DATABASE.to_owned(),
        ..WarehouseConfig::default()
    };
    Warehouse::new(&config).unwrap().migrate_apply().await.unwrap();
}

/// A day at a time, as parts come in life; two at once, or one core would look on.
async fn fill(server: &Server) {
    let begun = Instant::now();
    let events = without_comments(include_str!("events.sql"));
    let days = |first: u64| {
        let events = &events;
        async move {
            for day in (first..DAYS).step_by(2) {
                server.ask(&events.replace("{day}", &day.to_string())).await;
            }
        }
    };
    tokio::join!(days(0), days(1));
    server.ask(&without_comments(include_str!("links.sql"))).await;
    for dictionary in ["identity_devices", "identity_users", "identity_groups"] {
        server.ask(&format!("SYSTEM RELOAD DICTIONARY {dictionary}")).await;
    }
    println!("{EVENTS} events and their links were made in {:.0?}", begun.elapsed());
    until_merged(server).await;
}

/// How much a query reads hangs on how far ClickHouse has merged. It does so all the time; this waits for
/// what is left when it has kept pace.
async fn until_merged(server: &Server) {
    let parts = format!(
        "SELECT count() < 30 FROM system.parts \
         WHERE active AND database = '{DATABASE}' AND table = 'events'"
    );
    let begun = Instant::now();
    while server.ask(&parts).await.lines != ["1"] {
        assert!(begun.elapsed() < MERGED_WITHIN, "ClickHouse does not merge");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("merged {:.0?} later", begun.elapsed());
}

/// A comment before INSERT is no trouble for ClickHouse, but the text is shorter without.
fn without_comments(sql: &str) -> String {
    sql.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n")
}

async fn all_that_was_meant_is_there_once(server: &Server, persons: &Persons) {
    let events =
        server.ask("SELECT count(), uniqExact(origin_offset), max(origin_offset) FROM events");
    let last = EVENTS - 1;
    assert_eq!(events.await.lines, [format!("{EVENTS}\t{EVENTS}\t{last}")]);
    let links = server.ask("SELECT count() FROM identity_intervals WHERE user_id IS NOT NULL");
    assert_eq!(links.await.lines, [persons.links().to_string()]);
}

/// A line of the table in the document.
struct TableRow {
    heading: &'static str,
    taken: Duration,
    rows_read: u64,
    percent: f64,
}

fn row(example: &Example, asked: &Asked) -> TableRow {
    let Asked { rows_read, taken, .. } = *asked;
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    let percent = rows_read as f64 * 100.0 / EVENTS as f64;
    TableRow { heading: example.heading, taken, rows_read, percent }
}

impl std::fmt::Display for TableRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { heading, taken, rows_read, percent } = self;
        write!(f, "| {heading} | {:.2} s | {rows_read} | {percent:.1} % |", taken.as_secs_f64())
    }
}

/// ClickHouse over plain HTTP, which says how many rows it read.
struct Server {
    url: String,
    client: reqwest::Client,
}

struct Asked {
    lines: Vec<String>,
    rows_read: u64,
    taken: Duration,
}

impl Server {
    async fn ask(&self, sql: &str) -> Asked {
        // Without waiting the summary would be that of the answer's first bytes.
        let url = format!("{}/?database={DATABASE}&wait_end_of_query=1", self.url);
        let begun = Instant::now();
        let answer = self.client.post(url).body(sql.to_owned()).send().await.unwrap();
        let status = answer.status();
        let summary = answer.headers().get("X-ClickHouse-Summary");
        let rows_read = summary.map_or(0, |it| read_rows(it.to_str().unwrap()));
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{text}: {sql}");
        let lines = text.lines().map(str::to_owned).collect();
        Asked { lines, rows_read, taken: begun.elapsed() }
    }
}

/// Of a summary such as `{"read_rows":"8192","read_bytes":"117000"}`.
fn read_rows(summary: &str) -> u64 {
    let (_, rest) = summary.split_once(r#""read_rows":""#).unwrap();
    rest.split('"').next().unwrap().parse().unwrap()
}
