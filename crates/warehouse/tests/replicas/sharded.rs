//! Two shards of two replicas each.

use std::time::Duration;

use warehouse::{Counts, ErasedPerson, InsertAnswer, Shard};

use crate::{DATABASE, World, loaded::origins, request_to};

pub(crate) async fn each_shard_replicates_its_rows_and_any_host_reads_all(world: &World) {
    let warehouse = world.warehouse();
    let second = Shard::numbered(1);
    for (shard, offsets, token) in [(Shard::HOME, &[0, 2, 4][..], "a"), (second, &[1, 3], "b")] {
        for attempt in [1, 2] {
            let answer = warehouse.insert(request_to(shard, offsets, token, attempt)).await;
            assert_eq!(answer, InsertAnswer::Loaded);
        }
    }
    let here = format!("SELECT count() FROM {DATABASE}_shard.events");
    assert_eq!(world.of_each("events", &here).await, [["3"], ["3"], ["2"], ["2"]]);
    for sql in
        ["SELECT count() FROM replicated.events", "SELECT count() FROM replicated.events_resolved"]
    {
        assert_eq!(world.of_each("events", sql).await, [["5"]; 4]);
    }
    let counts = warehouse.copies(&origins(0, 99)).await.unwrap().counts();
    assert_eq!(counts, Counts { rows: 5, origins: 5 });

    let devices = vec!["device-1".to_owned()];
    let person = ErasedPerson { users: Vec::new(), devices, spans: Vec::new() };
    let mut tell = |_| {};
    let erasure = "5f0a8d0e-6c1e-4e0c-8f0e-0a7a5d9f3b12";
    let mut eraser = warehouse.eraser(erasure, Duration::from_mins(1), &mut tell);
    assert_eq!(eraser.events(&person).await.unwrap(), 5);
    for host in 0..4 {
        assert_eq!(world.ask(host, &here).await, ["0"]);
    }
}
