//! What a real ClickHouse says of rows that it does not take, and of its own troubles.

use event::Origin;
use local_stack::Stack;
use warehouse::{
    AliasRow, CODES_ABOUT_ROWS, DeadLetterRow, DiscardRow, EventRow, Exception, InsertAnswer,
    InsertRequest, LinkRow, Row, TIMES, Undecodable, Warehouse, WarehouseConfig,
};

use crate::{
    execute,
    loaded::{dead_letter, positions, row},
    migrated, texts,
};

const CONSTRAINT: &str = "ALTER TABLE events ADD CONSTRAINT no_odd_ones \
    CHECK NOT startsWith(message_id, 'odd')";

/// Rows at these offsets; those in `odd` break the constraint.
fn rows(offsets: std::ops::Range<i64>, odd: &[i64]) -> Vec<EventRow> {
    let made = offsets.map(|offset| {
        let mut made = row(offset);
        if odd.contains(&offset) {
            made.stitched.event.message_id = format!("odd-ann@example.org-{offset}");
        }
        made
    });
    made.collect()
}

fn insert(rows: &[EventRow], token: &str, attempt: u32) -> InsertRequest {
    InsertRequest::new(rows, token.to_owned(), format!("{token}-{attempt}-test"))
}

pub(crate) async fn a_refused_body_leaves_nothing_behind_and_its_token_free(stack: &Stack) {
    let warehouse = migrated(stack, "constrained").await;
    execute(stack, "constrained", CONSTRAINT).await;
    for (case, odd) in [[0].as_slice(), &[5], &[9], &[3, 7]].into_iter().enumerate() {
        let token = format!("t-{case}");
        let all = rows(0..10, odd);
        let InsertAnswer::Refused(exception) = warehouse.insert(insert(&all, &token, 1)).await
        else {
            panic!("{odd:?} break the constraint");
        };
        assert_eq!((exception.code, exception.name.as_str()), (469, "VIOLATED_CONSTRAINT"));
        assert_eq!(exception.row, Some(u64::try_from(odd[0] + 1).unwrap()), "{odd:?}");
        let said = &exception.said;
        assert!(said.starts_with("Constraint `no_odd_ones` for table"), "{said}");
        assert!(!said.contains("ann") && !said.contains("odd-"), "{said}");
        assert!(warehouse.present(&positions(0, 9)).await.unwrap().is_empty(), "{odd:?}");
        // Other rows under the same token: nothing was taken under it.
        let sound: Vec<EventRow> =
            all.into_iter().filter(|it| !odd.contains(&it.position.offset)).collect();
        assert_eq!(warehouse.insert(insert(&sound, &token, 2)).await, InsertAnswer::Loaded);
        let present = warehouse.present(&positions(0, 9)).await.unwrap();
        assert_eq!(present.len(), sound.len(), "{odd:?}");
        execute(stack, "constrained", "TRUNCATE TABLE events").await;
    }
}

pub(crate) async fn the_codes_of_rows_have_the_names_that_the_list_says(stack: &Stack) {
    for (code, name) in CODES_ABOUT_ROWS {
        let sql = format!("SELECT errorCodeToName({code})");
        assert_eq!(texts(stack, "default", &sql).await, [name], "{code}");
    }
}

/// The code of the exception that a statement ends with under these settings.
async fn code(stack: &Stack, settings: &str, user: &str, sql: &str) -> u32 {
    let url = format!("{}/?database=troubles{settings}", stack.clickhouse_url());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http.post(url).header("x-clickhouse-user", user).body(sql.to_owned());
    let answer = asked.send().await.unwrap();
    let header = answer.headers().get("x-clickhouse-exception-code").cloned();
    let text = answer.text().await.unwrap();
    let header = header.unwrap_or_else(|| panic!("{sql} went well: {text}"));
    header.to_str().unwrap().parse().unwrap()
}

fn busy(answer: InsertAnswer) -> Exception {
    let InsertAnswer::Busy(exception) = answer else {
        panic!("{answer:?} is no fault of the rows");
    };
    exception
}

pub(crate) async fn troubles_of_the_server_are_never_the_fault_of_a_row(stack: &Stack) {
    let warehouse = migrated(stack, "troubles").await;
    let rows = rows(0..3, &[]);
    let try_it = |attempt| insert(&rows, &format!("trouble-{attempt}"), attempt);

    let full =
        "ALTER TABLE events MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 1";
    execute(stack, "troubles", full).await;
    assert_eq!(warehouse.insert(try_it(1)).await, InsertAnswer::Loaded);
    assert_eq!(busy(warehouse.insert(try_it(2)).await).code, 252, "too many parts");
    let roomy = "ALTER TABLE events RESET SETTING parts_to_delay_insert, parts_to_throw_insert";
    execute(stack, "troubles", roomy).await;

    let elsewhere = WarehouseConfig {
        url: stack.clickhouse_url(),
        database: "nonesuch".to_owned(),
        ..WarehouseConfig::default()
    };
    let elsewhere = Warehouse::new(&elsewhere).unwrap();
    assert_eq!(busy(elsewhere.insert(try_it(3)).await).code, 81, "no such database");
    let InsertRequest { columns, .. } = try_it(4);
    let columns = columns.into_iter().chain(["nonesuch"]).collect();
    let unknown_column = InsertRequest { columns, ..try_it(4) };
    assert_eq!(busy(warehouse.insert(unknown_column).await).code, 16, "no such column");

    // Rights and quotas cannot be given here; their codes are those of other statements.
    let one = "INSERT INTO discarded_events (stage, reason) SELECT 'enrich', toString(number) \
        FROM numbers(1000000)";
    let slow =
        "INSERT INTO discarded_events (stage) SELECT toString(sleepEachRow(1)) FROM numbers(9)";
    for (settings, user, sql, expected) in [
        ("&max_memory_usage=1", "default", one, 241),
        ("&readonly=1", "default", one, 164),
        (
            "&max_execution_time=1&timeout_before_checking_execution_speed=0&max_block_size=1",
            "default",
            slow,
            159,
        ),
        ("", "default", "CREATE USER ann", 497),
        ("", "nobody", one, 516),
        ("", "default", "INSERT INTO nonesuch (a) VALUES (1)", 60),
    ] {
        assert_eq!(code(stack, settings, user, sql).await, expected, "{settings}: {sql}");
        let of_rows = CODES_ABOUT_ROWS.iter().any(|(of_rows, _)| *of_rows == expected);
        assert!(!of_rows, "{expected} is no fault of a row");
    }
    let loaded = warehouse.present(&positions(0, 9)).await.unwrap();
    assert_eq!(loaded, [0, 1, 2]);
}

async fn assert_all_times_are_looked_at<R: Row>(stack: &Stack, row: &R) {
    let sql = format!(
        "SELECT name FROM system.columns WHERE database = 'times' AND table = '{}' \
         AND type LIKE '%DateTime64%' AND name != 'loaded_at' ORDER BY name",
        R::TABLE
    );
    let mut looked_at: Vec<&str> = row.times().into_iter().map(|(column, _)| column).collect();
    looked_at.sort_unstable();
    assert_eq!(looked_at, texts(stack, "times", &sql).await, "{}", R::TABLE);
}

/// Why a loader has to look at the times itself.
pub(crate) async fn a_time_that_cannot_be_held_is_taken_in_silence_as_another(stack: &Stack) {
    let warehouse = migrated(stack, "times").await;
    let at = row(0).position;
    let raw = || Undecodable {
        stage: String::new(),
        reason: String::new(),
        waybill: None,
        timestamp: None,
        value: Vec::new(),
    };
    assert_all_times_are_looked_at(stack, &row(0)).await;
    assert_all_times_are_looked_at(stack, &DeadLetterRow::new(at, dead_letter())).await;
    assert_all_times_are_looked_at(stack, &DiscardRow::undecodable(at, raw())).await;
    assert_all_times_are_looked_at(stack, &LinkRow::undecodable(at, raw())).await;
    assert_all_times_are_looked_at(stack, &AliasRow::undecodable(at, raw())).await;
    let times = [TIMES.start, TIMES.end - 1, TIMES.start - 1, TIMES.end, i64::MIN, i64::MAX];
    let rows: Vec<EventRow> = (0..)
        .zip(times)
        .map(|(offset, time)| {
            let mut made = row(offset);
            made.stitched.event.timestamp = time;
            made.stitched.event.original_timestamp = None;
            made.waybill.origin = Origin { epoch: 0, partition: 3, offset };
            made
        })
        .collect();
    let unheld: Vec<Option<&str>> = rows.iter().map(Row::unheld_time).collect();
    let wrong = Some("timestamp");
    assert_eq!(unheld, [None, None, wrong, wrong, wrong, wrong]);
    assert_eq!(warehouse.insert(insert(&rows, "times", 1)).await, InsertAnswer::Loaded);
    let shown = "SELECT toString(timestamp) FROM events ORDER BY origin_offset";
    let shown = texts(stack, "times", shown).await;
    assert_eq!(shown[..2], ["1900-01-01 00:00:00.000", "2299-12-31 23:59:59.999"]);
    // The year -292277022, and the year 292278994.
    assert!(shown[4].starts_with("0000-01-01") && shown[5].starts_with("9999-12-31"), "{shown:?}");
    let days = "SELECT toString(toDate32(timestamp)) FROM events ORDER BY origin_offset";
    let days = texts(stack, "times", days).await;
    assert_eq!(days[..2], ["1900-01-01", "2299-12-31"]);
}
