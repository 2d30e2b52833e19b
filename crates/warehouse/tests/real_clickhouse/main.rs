//! The warehouse against a real ClickHouse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod changes;
mod completeness;
mod deliveries;
mod dictionary;
mod erase;
mod given_up;
mod hosts;
mod keep;
mod loaded;
mod measure;
mod models;
mod people;
mod promoted;
mod refusals;
mod resolution;
mod sample;
mod segment;
mod views;

use std::time::Duration;

use event::Origin;
use loaded::{APPENDED_AT, dead_letter, origins, positions, request};
use local_stack::{Part, Stack, StackConfig};
use warehouse::{
    AuditFinding, AuditHour, Counts, DeadLetterRow, InsertAnswer, InsertRequest, MigrationState,
    PositionRange, Row, RowPosition, Shard, Undecodable, Warehouse, WarehouseConfig,
    WarehouseError,
};

fn warehouse(stack: &Stack, database: &str) -> Warehouse {
    let config = WarehouseConfig {
        url: stack.clickhouse_url(),
        database: database.to_owned(),
        timeout_seconds: 20,
        ..WarehouseConfig::default()
    };
    Warehouse::new(&config).unwrap()
}

async fn migrated(stack: &Stack, database: &str) -> Warehouse {
    let warehouse = warehouse(stack, database);
    warehouse.migrate_apply().await.unwrap();
    execute(stack, database, "SYSTEM STOP MERGES").await;
    warehouse
}

fn client(stack: &Stack, database: &str) -> clickhouse::Client {
    clickhouse::Client::default().with_url(stack.clickhouse_url()).with_database(database)
}

async fn execute(stack: &Stack, database: &str, sql: &str) {
    client(stack, database).query_raw(sql).execute().await.unwrap();
}

async fn number(stack: &Stack, database: &str, sql: &str) -> u64 {
    client(stack, database).query_raw(sql).fetch_one().await.unwrap()
}

async fn texts(stack: &Stack, database: &str, sql: &str) -> Vec<String> {
    client(stack, database).query_raw(sql).fetch_all().await.unwrap()
}

/// One stack for all: what takes the time is starting it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_warehouse_keeps_its_promises_on_a_real_clickhouse() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(StackConfig::new(folder.path())).await.unwrap();
    dictionary::the_data_dictionary_is_that_of_the_database(&stack).await;
    segment::models_written_for_segment_run(&stack).await;
    changes::a_model_that_rebuilds_what_changed_equals_a_full_rebuild(&stack).await;
    completeness::hours_are_complete_when_nothing_awaits_repair(&stack).await;
    promoted::columns_are_promoted_without_costing_a_row(&stack).await;
    erase::one_person_is_erased_and_nobody_else(&stack).await;
    people::views_tell_who_did_what(&stack).await;
    resolution::sql_knows_the_same_persons_as_the_pure_function(&stack).await;
    migrating_twice_and_twice_at_once_changes_nothing_more(&stack).await;
    a_changed_file_is_refused(&stack).await;
    an_insert_with_the_same_token_leaves_one_copy(&stack).await;
    what_is_read_back_is_what_is_there(&stack).await;
    keep::rows_are_kept_as_long_as_the_configuration_says(&stack).await;
    hosts::a_host_that_refuses_is_left_for_the_next_until_that_one_cannot(&stack).await;
    hosts::what_is_uncertain_is_settled_at_every_host_and_read_back_where_most_agree(&stack).await;
    hosts::rows_arrive_in_any_compression_and_half_of_them_are_none(&stack).await;
    hosts::rows_of_many_pieces_arrive_whole_and_some_of_them_too(&stack).await;
    hosts::an_insert_is_one_block_whatever_an_operator_has_set(&stack).await;
    hosts::clickhouse_reads_what_a_cluster_is_told(&stack).await;
    hosts::plain_tables_are_refused_for_a_cluster(&stack).await;
    what_was_erased_or_changed_is_read_back(&stack).await;
    sample::a_sample_has_each_event_once_and_no_more_of_a_name_than_asked_for(&stack).await;
    every_fact_arrives_as_it_was(&stack).await;
    side_tables_and_books_take_their_rows(&stack).await;
    deliveries::every_delivery_is_kept_with_all_that_is_known_of_it(&stack).await;
    views::views_show_production_unless_asked(&stack).await;
    a_wrong_row_is_refused_and_a_missing_table_is_not_its_fault(&stack).await;
    hosts::a_yes_to_fewer_rows_than_were_sent_is_uncertain(&stack).await;
    refusals::a_refused_body_leaves_nothing_behind_and_its_token_free(&stack).await;
    refusals::the_codes_of_rows_have_the_names_that_the_list_says(&stack).await;
    refusals::a_time_that_cannot_be_held_is_taken_in_silence_as_another(&stack).await;
    refusals::troubles_of_the_server_are_never_the_fault_of_a_row(&stack).await;
    settling_ends_what_still_runs_and_nothing_else(&stack).await;
    a_frozen_server_leaves_it_uncertain_and_a_dead_one_is_away(&stack).await;
    stack.stop().await.unwrap();
}

async fn migrating_twice_and_twice_at_once_changes_nothing_more(stack: &Stack) {
    let warehouse = warehouse(stack, "migrated");
    let before = warehouse.migrate_plan().await.unwrap();
    assert!(!before.database_exists && !before.is_done());
    assert!(before.steps.iter().all(|step| step.state == MigrationState::Pending));
    let (one, other) = tokio::join!(warehouse.migrate_apply(), warehouse.migrate_apply());
    one.unwrap();
    other.unwrap();
    let after = warehouse.migrate_plan().await.unwrap();
    assert!(after.is_done(), "{after}");
    let tables = "SELECT count() FROM system.tables WHERE database = 'migrated'";
    let made = number(stack, "migrated", tables).await;
    warehouse.migrate_apply().await.unwrap();
    assert_eq!(number(stack, "migrated", tables).await, made);
    let statements = before.steps.iter().flat_map(|step| &step.statements);
    let names: std::collections::BTreeSet<_> = statements.filter_map(|it| created(it)).collect();
    assert_eq!(made, names.len() as u64, "{names:?}");
}

/// The name of the table, view or dictionary that a statement makes.
fn created(statement: &str) -> Option<&str> {
    let heads = [
        "CREATE TABLE IF NOT EXISTS ",
        "CREATE VIEW IF NOT EXISTS ",
        "CREATE OR REPLACE VIEW ",
        "CREATE OR REPLACE DICTIONARY ",
    ];
    let rest = heads.iter().find_map(|head| statement.strip_prefix(head))?;
    rest.split([' ', '\n']).next()
}

async fn a_changed_file_is_refused(stack: &Stack) {
    let warehouse = migrated(stack, "changed").await;
    let sql = "INSERT INTO schema_migrations (version, name, checksum) VALUES (1, 'x', 'y')";
    execute(stack, "changed", sql).await;
    let error = warehouse.migrate_apply().await.unwrap_err();
    assert_eq!(error, WarehouseError::ChangedMigration("001_events.sql".to_owned()));
}

async fn an_insert_with_the_same_token_leaves_one_copy(stack: &Stack) {
    let warehouse = migrated(stack, "tokens").await;
    for attempt in 1..=2 {
        let answer = warehouse.insert(request(&[0, 1, 2], "0-t-3-0-2-1-0", attempt)).await;
        assert_eq!(answer, InsertAnswer::Loaded);
    }
    let copies = warehouse.copies(&origins(0, 10)).await.unwrap();
    assert_eq!(copies.counts(), Counts { rows: 3, origins: 3 });
    assert_eq!(copies.duplicated(), []);
}

async fn what_is_read_back_is_what_is_there(stack: &Stack) {
    let warehouse = migrated(stack, "read_back").await;
    let inserts: [(&[i64], &str); 3] = [(&[0, 1, 2, 5, 6, 9], "a"), (&[5], "b"), (&[5, 9], "c")];
    for (offsets, token) in inserts {
        assert_eq!(warehouse.insert(request(offsets, token, 1)).await, InsertAnswer::Loaded);
    }
    let present = warehouse.present(&positions(1, 8)).await.unwrap();
    assert_eq!(present, [1, 2, 5, 6]);
    let elsewhere = [
        PositionRange { partition: 4, ..positions(0, 9) },
        PositionRange { epoch: 1, ..positions(0, 9) },
        PositionRange { topic: "redrive.forward-clickhouse", ..positions(0, 9) },
    ];
    for range in elsewhere {
        assert!(warehouse.present(&range).await.unwrap().is_empty(), "{range:?}");
    }
    let copies = warehouse.copies(&origins(0, 100)).await.unwrap();
    assert_eq!(copies.ranges(), [(1_000, 1_002), (1_005, 1_006), (1_009, 1_009)]);
    let cut = warehouse.copies(&origins(1, 5)).await.unwrap().ranges();
    assert_eq!(cut, [(1_001, 1_002), (1_005, 1_005)]);
    assert_eq!(copies.duplicated(), [(1_005, 3), (1_009, 2)]);
    assert_eq!(copies.counts(), Counts { rows: 9, origins: 6 });
    let asked: Vec<Origin> = (990..16_000)
        .map(|offset| Origin { epoch: 0, partition: 3, offset })
        .chain([Origin { epoch: 1, partition: 3, offset: 1_000 }])
        .collect();
    let loaded = warehouse.loaded_origins(&asked).await.unwrap();
    let offsets: Vec<i64> = loaded.iter().map(|origin| origin.offset).collect();
    assert_eq!(offsets.len(), 6);
    assert!([1_000, 1_001, 1_002, 1_005, 1_006, 1_009].iter().all(|o| offsets.contains(o)));
    assert!(loaded.iter().all(|origin| origin.epoch == 0));
    let copies =
        warehouse.describe(Origin { epoch: 0, partition: 3, offset: 1_009 }).await.unwrap();
    assert_eq!(copies.len(), 2);
    let copy = &copies[0];
    assert_eq!((copy.source.as_str(), copy.event_name.as_str()), ("web/app", "Order Completed"));
    assert_eq!((copy.message_id.as_str(), copy.position_offset), ("m-9", 9));
    assert!(copy.loaded_at > 1_700_000_000_000);
}

/// With the rows of the test before.
async fn what_was_erased_or_changed_is_read_back(stack: &Stack) {
    const HOUR: i64 = 3_600_000;
    let warehouse = warehouse(stack, "read_back");
    let now = warehouse.clock().await.unwrap();
    let runs = async |since| {
        let changes = warehouse.changed_origins(since).await.unwrap();
        assert!(changes.iter().all(|it| (it.epoch, it.partition) == (0, 3)), "{changes:?}");
        changes.iter().map(|it| (it.first, it.last)).collect::<Vec<_>>()
    };
    assert_eq!(runs(0).await, [(1_000, 1_009)]);
    assert_eq!(runs(now + HOUR).await, []);
    let note = "INSERT INTO erased_events SELECT 0, 3, arrayJoin([1001, 1002, 1009]), \
        fromUnixTimestamp64Milli(1795000000123, 'UTC'), 'web/app', 'Order Completed', \
        '2026-11-18', 'e-1', fromUnixTimestamp64Milli(7000, 'UTC')";
    execute(stack, "read_back", note).await;
    let erased = warehouse.erased_ranges(&origins(0, 100)).await.unwrap();
    assert_eq!(erased, [(1_001, 1_002), (1_009, 1_009)]);
    assert_eq!(warehouse.erased_ranges(&origins(3, 8)).await.unwrap(), []);
    let of = |offset| warehouse.erasures_of(Origin { epoch: 0, partition: 3, offset });
    assert_eq!(of(1_009).await.unwrap(), [("e-1".to_owned(), 7_000)]);
    assert_eq!(of(1_000).await.unwrap(), []);
    assert_eq!(runs(now + HOUR).await, [], "noted long ago");
    let done = format!(
        "INSERT INTO erasures VALUES ('e-1', 'done', fromUnixTimestamp64Milli({}, 'UTC'), \
         'user', 'asked', map())",
        now + 2 * HOUR
    );
    execute(stack, "read_back", &done).await;
    assert_eq!(runs(now + HOUR).await, [(1_001, 1_009)], "deleted since");
}

async fn every_fact_arrives_as_it_was(stack: &Stack) {
    let warehouse = migrated(stack, "facts").await;
    assert_eq!(warehouse.insert(request(&[0], "f", 1)).await, InsertAnswer::Loaded);
    let exact = r#"SELECT count() FROM events WHERE
        properties = '{"total":1.10,"a.b":1,"a":{"b":2}}' AND clock_offset_ms = -5
        AND validation_flags = ['no-plan']
        AND findings = [('invalid-field', '/properties/revenue', 'has a value of another type',
            'number', NULL, 'flag', 'shop@3')]
        AND findings.outcome = ['flag'] AND removed = ['hash /properties/email']
        AND inheritable = ['/context/page/url', '/context/locale']
        AND consent_granted = ['analytics'] AND consent_denied = ['ads']
        AND enrichments = [('bot', '1')] AND is_bot AND bot_class = 'bot'
        AND click_ids = [('gclid', 'Cj0', 'Google')] AND country = 'DE' AND region = 'BY' AND city IS NULL
        AND asn = 4294967295 AND ip = '198.51.100.0' AND ip_kind = 'documentation'
        AND ip_policy = 'truncate' AND currency = 'EUR' AND amounts['revenue'] = toDecimal64('-12.5', 9)
        AND amounts['tax'] = toDecimal64('0.000000001', 9) AND amounts['x'] IS NULL
        AND enrichment_flags = ['invalid-locale'] AND enrichment_derived['campaign.source'] = 'x'
        AND enrichment_removed = ['/context/page/url?token']
        AND bot_indicators = ['user-agent'] AND user_agent IS NULL AND page_url IS NULL
        AND user_id IS NULL AND anonymous_id = 'device-1' AND device_key = 'device-1'
        AND toUnixTimestamp64Milli(timestamp) = 1795000000123
        AND toUnixTimestamp64Milli(appended_at) = 1795000000123
        AND original_timestamp IS NOT NULL AND identity_flags = [] AND timezone IS NULL
        AND business_key = 'shop/Order Completed/1001' AND person_alias_origin = '0-3-1'
        AND supersedes = '0-3-2' AND told_first = '0-3-3' AND session_id = '0-3-4'
        AND session_basis = 'derived' AND session_number = 7
        AND toUnixTimestamp64Milli(session_started_at) = 1795000000123
        AND inherited = [('campaign_source', 'newsletter', '0-3-4')]
        AND person_id = '0123456789abcdef0123456789abcdef' AND extra = '{}'"#;
    assert_eq!(number(stack, "facts", exact).await, 1);
    let volumes = "SELECT sum(count) FROM event_volumes WHERE event = 'Order Completed'";
    assert_eq!(number(stack, "facts", volumes).await, 1);
}

async fn side_tables_and_books_take_their_rows(stack: &Stack) {
    let warehouse = migrated(stack, "side").await;
    let at =
        |offset| RowPosition { epoch: 0, topic: "dead-letters.validate", partition: 1, offset };
    let garbage = Undecodable {
        stage: "validate".to_owned(),
        reason: String::new(),
        waybill: None,
        timestamp: None,
        value: vec![0xde, 0xad],
    };
    let rows =
        [DeadLetterRow::new(at(4), dead_letter()), DeadLetterRow::undecodable(at(5), garbage)];
    let insert = InsertRequest::new(&rows, "d".to_owned(), "d-1".to_owned());
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
    let exact = "SELECT count() FROM dead_letters WHERE (value = unhex('00FFFE22') \
        AND headers = [('h', unhex('FF'))] AND rejected_offset = 7 AND raw IS NULL \
        AND findings.outcome = ['reject', 'flag'] AND findings.expected = ['number', 'number']) \
        OR (raw = unhex('DEAD') AND rejected_offset IS NULL AND value IS NULL \
        AND findings = [])";
    assert_eq!(number(stack, "side", exact).await, 2);
    let table = DeadLetterRow::TABLE;
    let range = PositionRange {
        shard: Shard::HOME,
        table,
        epoch: 0,
        topic: "dead-letters.validate",
        partition: 1,
        start: 0,
        end: 9,
    };
    assert_eq!(warehouse.present(&range).await.unwrap(), [4, 5]);

    let hour = |revision, state: &str, closed_at| AuditHour {
        revision,
        hour: 1_794_996_000,
        epoch: 0,
        state: state.to_owned(),
        raw: 10,
        loaded: 8,
        discarded: 1,
        dead: 1,
        missing: 0,
        expired: 0,
        erased: 0,
        duplicated: 0,
        counts: vec![("raw-events".to_owned(), 10)],
        held_by: String::new(),
        closed_at,
    };
    let verdicts = [hour(1, "open", None), hour(2, "balanced", Some(APPENDED_AT))];
    warehouse.append(&verdicts, "audit-1".to_owned()).await.unwrap();
    let read = warehouse.audit_hours(0, 1_794_996_000, 1_794_996_000).await.unwrap();
    assert_eq!(read, [verdicts[1].clone()]);
    let finding = AuditFinding {
        found_at: APPENDED_AT,
        hour: 1_794_996_000,
        kind: "missing",
        origin: Origin { epoch: 0, partition: 3, offset: 1 },
        source: None,
        event_name: None,
        message_id: None,
        detail: String::new(),
    };
    warehouse.append(&[finding], "audit-2".to_owned()).await.unwrap();
    assert_eq!(number(stack, "side", "SELECT count() FROM audit_findings").await, 1);
}

async fn a_wrong_row_is_refused_and_a_missing_table_is_not_its_fault(stack: &Stack) {
    let warehouse = migrated(stack, "refused").await;
    let mut cut = request(&[0, 1], "cut", 1);
    let last = cut.rows.last_mut().unwrap();
    last.truncate(last.length() - 3);
    let InsertAnswer::Refused(exception) = warehouse.insert(cut).await else {
        panic!("a body that ends within a row is refused");
    };
    assert_eq!((exception.code, exception.row), (33, Some(2)), "{exception}");
    let elsewhere = InsertRequest { table: "nonesuch", ..request(&[0], "none", 1) };
    let InsertAnswer::Busy(exception) = warehouse.insert(elsewhere).await else {
        panic!("a table that is not there is no fault of the rows");
    };
    assert_eq!((exception.code, exception.name.as_str()), (60, "UNKNOWN_TABLE"));
    assert!(warehouse.present(&positions(0, 9)).await.unwrap().is_empty());
}

async fn settling_ends_what_still_runs_and_nothing_else(stack: &Stack) {
    let warehouse = migrated(stack, "settled").await;
    warehouse.settle(Shard::HOME, "0-stitched-events-1-", Duration::ZERO).await.unwrap();
    let slow = |id: &str| {
        let sql = "SELECT sum(sleepEachRow(1)) FROM numbers(100) \
            SETTINGS function_sleep_max_microseconds_per_block = 0, max_block_size = 1";
        let query = client(stack, "settled").query_raw(sql).with_setting("query_id", id);
        tokio::spawn(async move { query.fetch_one::<u64>().await })
    };
    let (ours, neighbour) = (slow("0-stitched-events-1-a"), slow("0-stitched-events-11-a"));
    let running = "SELECT count() FROM system.processes WHERE startsWith(query_id, '0-stitched')";
    while number(stack, "settled", running).await < 2 {
        tokio::task::yield_now().await;
    }
    warehouse
        .settle(Shard::HOME, "0-stitched-events-1-", Duration::from_millis(200))
        .await
        .unwrap();
    assert!(ours.await.unwrap().is_err());
    assert_eq!(number(stack, "settled", running).await, 1);
    warehouse.settle(Shard::HOME, "0-stitched-events-11-", Duration::ZERO).await.unwrap();
    assert!(neighbour.await.unwrap().is_err());
}

async fn a_frozen_server_leaves_it_uncertain_and_a_dead_one_is_away(stack: &Stack) {
    let patient = migrated(stack, "faults").await;
    let config = WarehouseConfig {
        url: stack.clickhouse_url(),
        database: "faults".to_owned(),
        timeout_seconds: 1,
        ..WarehouseConfig::default()
    };
    let warehouse = Warehouse::new(&config).unwrap();
    let server = stack.part(Part::ClickHouse);
    server.freeze().unwrap();
    let answer = warehouse.insert(request(&[0], "frozen", 1)).await;
    assert!(matches!(answer, InsertAnswer::Uncertain(_)), "{answer:?}");
    assert!(matches!(warehouse.ping().await, Err(WarehouseError::Away(_))));
    server.thaw().unwrap();
    server.kill().await.unwrap();
    let answer = warehouse.insert(request(&[1], "dead", 1)).await;
    assert!(matches!(answer, InsertAnswer::Away(_)), "{answer:?}");
    assert!(matches!(warehouse.present(&positions(0, 9)).await, Err(WarehouseError::Away(_))));
    server.restart().await.unwrap();
    assert_eq!(patient.insert(request(&[1], "dead", 2)).await, InsertAnswer::Loaded);
}
