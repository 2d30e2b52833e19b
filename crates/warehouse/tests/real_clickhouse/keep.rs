//! How long rows are kept.

use std::time::{Duration, Instant};

use local_stack::Stack;
use warehouse::{KeepDays, Warehouse, WarehouseConfig};

use crate::{execute, number, texts};

fn keeping(stack: &Stack, keep_days: KeepDays) -> Warehouse {
    let config = WarehouseConfig {
        url: stack.clickhouse_url(),
        database: "kept".to_owned(),
        keep_days,
        ..WarehouseConfig::default()
    };
    Warehouse::new(&config).unwrap()
}

async fn ttls(stack: &Stack) -> Vec<String> {
    let sql = "SELECT concat(name, ' ', extract(engine_full, ' TTL (.*) SETTINGS ')) \
        FROM system.tables WHERE database = 'kept' AND engine_full LIKE '% TTL %' ORDER BY name";
    texts(stack, "kept", sql).await
}

/// One event of so many days ago.
async fn event_of(stack: &Stack, days: u32) {
    let sql = format!(
        "INSERT INTO events (appended_at, origin_offset) SELECT now64(3) - toIntervalDay({days}), {days}"
    );
    execute(stack, "kept", &sql).await;
}

pub(crate) async fn rows_are_kept_as_long_as_the_configuration_says(stack: &Stack) {
    let for_ever = keeping(stack, KeepDays::default());
    for_ever.migrate_apply().await.unwrap();
    assert!(for_ever.migrate_plan().await.unwrap().is_done());
    assert_eq!(ttls(stack).await, Vec::<String>::new());
    for days in [0, 200] {
        event_of(stack, days).await;
    }

    let keep = KeepDays {
        events: 100,
        dead_letters: 60,
        discarded_events: 50,
        deliveries: 45,
        audit_hours: 40,
        audit_findings: 30,
    };
    let bounded = keeping(stack, keep);
    let plan = bounded.migrate_plan().await.unwrap();
    assert_eq!(plan.retention.len(), 6);
    let said =
        "events will keep rows 100 days after appended_at (now: for ever); older ones are DELETED";
    assert!(plan.to_string().contains(said), "{plan}");
    let (one, other) = tokio::join!(bounded.migrate_apply(), bounded.migrate_apply());
    one.unwrap();
    other.unwrap();
    let plan = bounded.migrate_plan().await.unwrap();
    assert!(plan.is_done(), "{plan}");
    assert_eq!(
        ttls(stack).await,
        [
            "audit_findings toDateTime(hour) + toIntervalDay(30)",
            "audit_hours toDateTime(hour) + toIntervalDay(40)",
            "dead_letters toDateTime(failed_at) + toIntervalDay(60)",
            "deliveries toDateTime(settled_at) + toIntervalDay(45)",
            "discarded_events toDateTime(discarded_at) + toIntervalDay(50)",
            "events toDateTime(appended_at) + toIntervalDay(100)",
        ]
    );
    // Also what was there before is forgotten, and nothing that is young enough.
    let patience = Instant::now() + Duration::from_mins(5);
    while number(stack, "kept", "SELECT count() FROM events").await > 1 {
        assert!(Instant::now() < patience, "the old event is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        number(stack, "kept", "SELECT count() FROM events WHERE origin_offset = 0").await,
        1
    );

    let (one, other) = tokio::join!(for_ever.migrate_apply(), for_ever.migrate_apply());
    one.unwrap();
    other.unwrap();
    assert_eq!(ttls(stack).await, Vec::<String>::new());
}
