//! What became of events at destinations.

use event::{Delivery, Origin, Waybill};
use local_stack::Stack;
use warehouse::{
    DeliveryRow, InsertAnswer, InsertRequest, PositionRange, Row as _, RowPosition, Shard,
    Undecodable, Warehouse,
};

use crate::loaded::APPENDED_AT;
use crate::{migrated, number, texts};

const DATABASE: &str = "deliveries";
const TOPIC: &str = "deliveries";

/// The event with this offset, delivered by `crm` within a quarter of a second.
pub(crate) fn delivered(offset: i64) -> Delivery {
    Delivery {
        destination: "crm".to_owned(),
        outcome: "delivered".to_owned(),
        reason: None,
        detail: String::new(),
        status: Some(200),
        origin: Origin { epoch: 0, partition: 3, offset },
        appended_at: APPENDED_AT,
        attempts: 1,
        first_attempted_at: APPENDED_AT + 100,
        settled_at: APPENDED_AT + 250,
        idempotency_key: format!("0-3-{offset}"),
        source: Some("web/app".to_owned()),
        event: Some("Order Completed".to_owned()),
        message_id: Some(format!("m-{offset}")),
        environment: Some("production".to_owned()),
        code_version: "1".to_owned(),
    }
}

/// The same, refused at the third attempt.
pub(crate) fn rejected(offset: i64) -> Delivery {
    Delivery {
        outcome: "rejected".to_owned(),
        reason: Some("refused".to_owned()),
        detail: "the API names the field /currency".to_owned(),
        status: Some(422),
        attempts: 3,
        settled_at: APPENDED_AT + 8_000,
        ..delivered(offset)
    }
}

fn at(offset: i64) -> RowPosition {
    RowPosition { epoch: 0, topic: TOPIC, partition: 1, offset }
}

/// Loads them from offset 0 on.
pub(crate) async fn load(
    warehouse: &Warehouse,
    token: &str,
    deliveries: impl IntoIterator<Item = Delivery>,
) {
    let placed = (0..).zip(deliveries).map(|(offset, it)| DeliveryRow::new(at(offset), it));
    insert(warehouse, token, &placed.collect::<Vec<_>>()).await;
}

async fn insert(warehouse: &Warehouse, token: &str, rows: &[DeliveryRow]) {
    let insert = InsertRequest::new(rows, token.to_owned(), format!("{token}-1"));
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

pub(crate) async fn every_delivery_is_kept_with_all_that_is_known_of_it(stack: &Stack) {
    let warehouse = migrated(stack, DATABASE).await;
    let staging = Delivery { environment: Some("staging".to_owned()), ..delivered(3) };
    let slow = Delivery { settled_at: APPENDED_AT + 5_250, ..delivered(4) };
    load(&warehouse, "d", [delivered(1), rejected(2), staging, slow, delivered(5)]).await;
    // In another block, as after a restart: no token knows it.
    load(&warehouse, "again", [delivered(1)]).await;
    let origin = Origin { epoch: 0, partition: 3, offset: 9 };
    let garbage = |waybill| Undecodable {
        stage: "forward-crm".to_owned(),
        reason: String::new(),
        waybill,
        timestamp: Some(APPENDED_AT),
        value: vec![0xde, 0xad],
    };
    let numbered = garbage(Some(Waybill { origin, appended_at: APPENDED_AT }));
    let raw = [(5, numbered), (6, garbage(None))];
    let raw = raw.map(|(offset, it)| DeliveryRow::undecodable(at(offset), it));
    insert(&warehouse, "raw", &raw).await;

    every_column_holds_what_was_told(stack).await;
    let range = PositionRange {
        shard: Shard::HOME,
        table: DeliveryRow::TABLE,
        epoch: 0,
        topic: TOPIC,
        partition: 1,
        start: 0,
        end: 9,
    };
    assert_eq!(warehouse.present(&range).await.unwrap(), [0, 1, 2, 3, 4, 5, 6]);
    the_view_tells_how_many_and_how_fast(stack).await;
}

async fn every_column_holds_what_was_told(stack: &Stack) {
    let exact = "SELECT count() FROM deliveries FINAL WHERE destination = 'crm' \
        AND outcome = 'rejected' AND reason = 'refused' AND status = 422 AND attempts = 3 \
        AND detail = 'the API names the field /currency' AND idempotency_key = '0-3-2' \
        AND (origin_epoch, origin_partition, origin_offset) = (0, 3, 2) \
        AND toUnixTimestamp64Milli(appended_at) = 1795000000123 \
        AND append_hour = toStartOfHour(appended_at) \
        AND toUnixTimestamp64Milli(first_attempted_at) = 1795000000223 \
        AND toUnixTimestamp64Milli(settled_at) = 1795000008123 \
        AND source = 'web/app' AND environment = 'production' \
        AND event_name = 'Order Completed' AND message_id = 'm-2' AND code_version = '1' \
        AND raw IS NULL";
    assert_eq!(number(stack, DATABASE, exact).await, 1);
    let raw = "SELECT concatWithSeparator(' ', destination, ifNull(toString(origin_offset), '-'), \
        outcome, hex(assumeNotNull(raw)), isNull(reason), toUnixTimestamp64Milli(settled_at)) FROM deliveries \
        WHERE raw IS NOT NULL ORDER BY position_offset";
    let expected = ["forward-crm 9  DEAD 1 1795000000123", "forward-crm -  DEAD 1 1795000000123"];
    assert_eq!(texts(stack, DATABASE, raw).await, expected);
}

/// Three were delivered in production, one of them slowly; what nobody knows of stands by itself.
async fn the_view_tells_how_many_and_how_fast(stack: &Stack) {
    let told = "concatWithSeparator(' ', toUnixTimestamp(hour), destination, outcome, count, \
        ifNull(toString(p50_seconds), '-'))";
    let production =
        format!("SELECT {told} FROM deliveries_by_destination ORDER BY destination, outcome");
    let expected = [
        "1794999600 crm delivered 3 0.25",
        "1794999600 crm rejected 1 8",
        "1794999600 forward-crm  2 0",
    ];
    assert_eq!(texts(stack, DATABASE, &production).await, expected);
    let slowest = "SELECT count() FROM deliveries_by_destination \
        WHERE outcome = 'delivered' AND p95_seconds > 4 AND p95_seconds <= 5.25";
    assert_eq!(number(stack, DATABASE, slowest).await, 1);
    let staging = format!(
        "SELECT {told} FROM deliveries_by_destination_by_environment WHERE environment = 'staging'"
    );
    assert_eq!(texts(stack, DATABASE, &staging).await, ["1794999600 crm delivered 1 0.25"]);
}
