//! Erasing a person from every replica.

use std::time::Duration;

use warehouse::{Counts, ErasedPerson, WarehouseError};

use crate::{DATABASE, World, loaded::origins};

const ERASURE: &str = "5f0a8d0e-6c1e-4e0c-8f0e-0a7a5d9f3b11";

/// All rows are one device's.
pub(crate) async fn nobody_is_erased_while_a_replica_has_not_caught_up(world: &World) {
    let warehouse = world.warehouse();
    let devices = vec!["device-1".to_owned()];
    let person = ErasedPerson { users: Vec::new(), devices, spans: Vec::new() };
    let all = warehouse.events_of_person(&person).await.unwrap();
    let mut tell = |_| {};
    let mut eraser = warehouse.eraser(ERASURE, Duration::from_mins(1), &mut tell);

    world.ask(2, &format!("SYSTEM STOP FETCHES {DATABASE}_shard.erased_events")).await;
    let error = eraser.events(&person).await.unwrap_err();
    let third = world.doors[2].url();
    assert!(
        matches!(&error, WarehouseError::Unheard { host, .. } if third.ends_with(host)),
        "{error}"
    );
    assert_eq!(warehouse.events_of_person(&person).await.unwrap(), all);

    world.ask(2, &format!("SYSTEM START FETCHES {DATABASE}_shard.erased_events")).await;
    assert_eq!(eraser.events(&person).await.unwrap(), all);
    // At each, without waiting.
    for replica in 0..3 {
        let left = format!("SELECT count() FROM {DATABASE}_shard.events");
        assert_eq!(world.ask(replica, &left).await, ["0"]);
    }
    let noted = format!(
        "SELECT uniqExact(origin_epoch, origin_partition, origin_offset) \
         FROM {DATABASE}_shard.erased_events"
    );
    let noted = world.of_each("erased_events", &noted).await;
    assert_eq!(noted, vec![vec![all.to_string()]; 3]);
    let left = warehouse.copies(&origins(0, 99_999)).await.unwrap().counts();
    assert_eq!(left, Counts { rows: 0, origins: 0 });
}
