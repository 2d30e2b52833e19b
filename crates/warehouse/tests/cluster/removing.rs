//! What is changed where the rows are, in every shard.

use std::time::Duration;

use local_stack::Manner;
use tracking_plan::plan::{Plan, PlanSet};
use warehouse::{
    BackfillProgress, ErasedPerson, JsonProperties, KeepDays, OriginRange, Place, WantedColumns,
    Warehouse, WarehouseConfig, WarehouseError,
};

use crate::Cluster;
use crate::reading::TWO;

const PATIENCE: Duration = Duration::from_mins(1);
async fn of_shards(cluster: &Cluster, sql: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    for shard in 0..2 {
        let lines = cluster.ask(shard, &format!("{TWO}_shard"), sql).await;
        numbers.push(lines[0].parse().unwrap());
    }
    numbers
}

async fn a_user_of_each_shard(cluster: &Cluster) -> Vec<String> {
    let sql = "SELECT min(user_id) FROM events WHERE user_id IS NOT NULL GROUP BY _shard_num";
    cluster.ask(0, TWO, sql).await
}

fn place(partition: i32) -> Place {
    Place {
        epoch: 0,
        topic: "dead-letters.validate".to_owned(),
        partition,
        offset: i64::from(partition),
    }
}

fn each_host_caught_up_before_it_deleted(cluster: &Cluster) {
    for door in &cluster.doors {
        let asked = door.asked();
        let at = |part: &str| asked.iter().position(|it| it.contains(part));
        let noted = at(&format!("\nSYSTEM SYNC REPLICA {TWO}_shard.erased_events LIGHTWEIGHT"));
        let counted = at(&format!("\nSYSTEM SYNC REPLICA {TWO}_shard.events LIGHTWEIGHT"));
        let deleted = at(&format!("\nALTER TABLE {TWO}_shard.events DELETE WHERE"));
        assert!(noted.is_some() && noted < counted && counted < deleted, "{asked:#?}");
    }
}

pub(crate) async fn a_person_is_erased_and_old_rows_expire_in_every_shard(cluster: &Cluster) {
    let warehouse = cluster.warehouse(TWO);
    cluster.merge(true).await;
    let users = a_user_of_each_shard(cluster).await;
    let events_where = |which: &str| {
        let list = users.join("', '");
        format!("SELECT count() FROM events WHERE {which} ifNull(user_id, '') IN ('{list}')")
    };
    let (hers, others) = (events_where(""), events_where("NOT"));
    let before = of_shards(cluster, &hers).await;
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    let untouched = of_shards(cluster, &others).await;

    let person = ErasedPerson { users, devices: Vec::new(), spans: Vec::new() };
    let all = warehouse.events_of_person(&person).await.unwrap();
    assert!(all >= before.iter().sum::<u64>(), "{all} of {before:?}");
    let mut tell = |_| {};
    let erasure = "5f0a8d0e-6c1e-4e0c-8f0e-0a7a5d9f3b11";
    let mut eraser = warehouse.eraser(erasure, PATIENCE, &mut tell);
    cluster.doors[1].behave(Manner::ReadOnly);
    let error = eraser.events(&person).await.unwrap_err();
    assert!(
        matches!(&error, WarehouseError::Unheard { host, .. } if cluster.doors[1].url().ends_with(host)),
        "{error}"
    );
    assert_eq!(of_shards(cluster, &hers).await, before, "before every host knows what is to go");
    cluster.doors[1].behave(Manner::Open);
    let _before = [cluster.doors[0].asked(), cluster.doors[1].asked()];
    assert_eq!(eraser.events(&person).await.unwrap(), all);
    each_host_caught_up_before_it_deleted(cluster);
    assert_eq!(eraser.rows("dead_letters", &[place(0), place(1)]).await.unwrap(), 2);
    warehouse.forget_persons().await.unwrap();

    assert_eq!(of_shards(cluster, &hers).await, [0, 0]);
    assert_eq!(of_shards(cluster, &others).await, untouched);
    let letters = "SELECT count() FROM dead_letters WHERE position_offset IN (0, 1)";
    assert_eq!(of_shards(cluster, letters).await, [0, 0]);
    // The numbers stay, in the first shard; those of the try that failed are the same.
    let noted =
        "SELECT uniqExact(origin_epoch, origin_partition, origin_offset) FROM erased_events";
    let noted = of_shards(cluster, noted).await;
    assert_eq!(noted, [all + 2, 0]);
    for partition in 0..6 {
        let range = OriginRange { epoch: 0, partition, start: 0, end: 6_999_999 };
        let gone = warehouse.erased_ranges(&range).await.unwrap();
        let there = warehouse.copies(&range).await.unwrap().ranges();
        assert!(gone.iter().all(|(first, _)| there.iter().all(|(a, b)| first < a || first > b)));
    }

    let keep_days = KeepDays { events: 10_000, dead_letters: 9_000, ..KeepDays::default() };
    let config = WarehouseConfig { keep_days, ..cluster.config(TWO) };
    let keeping = Warehouse::new(&config).unwrap();
    keeping.migrate_apply().await.unwrap();
    assert!(keeping.migrate_plan().await.unwrap().is_done());
    let kept = format!(
        "SELECT countIf(engine_full LIKE '%toIntervalDay(10000)%' OR engine_full LIKE \
         '%toIntervalDay(9000)%') FROM system.tables WHERE database = '{TWO}_shard'"
    );
    assert_eq!(of_shards(cluster, &kept).await, [2, 2]);
}

pub(crate) async fn a_column_is_promoted_and_filled_in_every_shard(cluster: &Cluster) {
    let warehouse = cluster.warehouse(TWO);
    let text = "plan: shop\nversion: 1\nevents:\n  Order Completed:\n    columns: \
        {p_order: {property: /properties/order_id, type: string}}\n";
    let set = PlanSet::read(&[("shop.yaml".to_owned(), text.to_owned())]).unwrap();
    let promotions = set.versions().flat_map(Plan::promotions).cloned().collect();
    let wanted = WantedColumns { promotions, json: JsonProperties::None };
    warehouse.columns_apply(&wanted).await.unwrap();
    let plan = warehouse.columns_plan(&wanted).await.unwrap();
    assert!(plan.is_done(), "{:?}", plan.lines());

    let steps = warehouse.backfill_plan(&plan).await.unwrap();
    let rows = of_shards(cluster, "SELECT count() FROM events").await;
    assert_eq!(steps.iter().map(|step| step.rows).sum::<u64>(), rows.iter().sum::<u64>());
    for step in &steps {
        let begun = warehouse.backfill_begin(step).await.unwrap();
        while warehouse.backfill_progress(step, begun).await.unwrap() != BackfillProgress::Done {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(warehouse.backfill_plan(&plan).await.unwrap(), []);
    let lacking = format!(
        "SELECT countIf(NOT has(columns, 'p_order')) FROM (SELECT name, groupArray(column) AS columns \
         FROM system.parts_columns WHERE database = '{TWO}_shard' AND table = 'events' AND active \
         GROUP BY name)"
    );
    assert_eq!(of_shards(cluster, &lacking).await, [0, 0]);
    let orders =
        "SELECT countIf(event_name = 'Order Completed'), countIf(p_order IS NOT NULL) FROM events";
    for shard in 0..2 {
        let counts = cluster.ask(shard, TWO, orders).await;
        let (orders, filled) = counts[0].split_once('\t').unwrap();
        assert!(orders != "0" && orders == filled, "{counts:?}");
    }
    let shown = "SELECT count() > 0 FROM production_events WHERE p_order LIKE 'o-%'";
    assert_eq!(cluster.ask(1, TWO, shown).await, ["1"]);
}
