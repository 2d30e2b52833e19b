//! Making the tables and loading them.

use std::time::{Duration, Instant};

use local_stack::Manner;
use warehouse::{Counts, InsertAnswer};

use crate::{DATABASE, World, present, request};

pub(crate) async fn tables_are_replicated_and_made_once(world: &World) {
    let warehouse = world.warehouse();
    let begun = Instant::now();
    let (one, other) = tokio::join!(warehouse.migrate_apply(), warehouse.migrate_apply());
    one.unwrap();
    other.unwrap();
    println!("migrated twice at once in {:?}", begun.elapsed());
    let plan = warehouse.migrate_plan().await.unwrap();
    assert!(plan.is_done() && plan.problems.is_empty(), "{plan}");
    for replica in 0..world.doors.len() {
        let unreplicated = format!(
            "SELECT name FROM system.tables WHERE database = '{DATABASE}_shard' \
             AND engine NOT LIKE 'Replicated%'"
        );
        assert_eq!(world.ask(replica, &unreplicated).await, Vec::<String>::new());
    }
    world.each_is_whole().await;
}

pub(crate) async fn a_row_is_there_once_whichever_replica_takes_it(world: &World) {
    let warehouse = world.warehouse();
    let first = request(&[0, 1, 2], "0-t-3-0-2", 1);
    assert_eq!(warehouse.insert(first).await, InsertAnswer::Loaded);
    // The answer is lost: the next host is asked from now on, and drops the repeat.
    world.doors[0].behave(Manner::Mute);
    let answer = warehouse.insert(request(&[3, 4], "0-t-3-3-4", 1)).await;
    assert!(matches!(answer, InsertAnswer::Uncertain(_)), "{answer:?}");
    world.doors[0].behave(Manner::Open);
    warehouse.settle(warehouse::Shard::HOME, "0-t-3-", Duration::ZERO).await.unwrap();
    assert_eq!(present(&warehouse, 0).await.unwrap(), [0, 1, 2, 3, 4]);
    let _before = world.doors[1].asked();
    for (offsets, token) in [(&[3, 4][..], "0-t-3-3-4"), (&[0, 1, 2], "0-t-3-0-2")] {
        let repeat = warehouse.insert(request(offsets, token, 2)).await;
        assert_eq!(repeat, InsertAnswer::Loaded);
    }
    let asked = world.doors[1].asked();
    let inserts = asked.iter().filter(|it| it.contains("INSERT")).count();
    assert_eq!(inserts, 2, "the other replica was asked: {asked:?}");
    world.each_has(Counts { rows: 5, origins: 5 }).await;
}

/// Two of three have a row, and that is what was acknowledged.
pub(crate) async fn a_replica_that_lags_is_not_believed(world: &World) {
    let warehouse = world.warehouse();
    world.ask(2, &format!("SYSTEM STOP FETCHES {DATABASE}_shard.events")).await;
    let answer = warehouse.insert(request(&[5, 6], "0-t-3-5-6", 1)).await;
    assert_eq!(answer, InsertAnswer::Loaded);
    let here = format!("SELECT count() FROM {DATABASE}_shard.events");
    assert_eq!(world.ask(2, &here).await, ["5"], "the third is to lag");
    assert_eq!(present(&warehouse, 0).await.unwrap(), [0, 1, 2, 3, 4, 5, 6]);
    // One of those that have it is away: what the third has is no answer.
    world.doors[0].behave(Manner::ReadOnly);
    assert!(present(&warehouse, 0).await.is_err());
    world.doors[0].behave(Manner::Open);
    world.ask(2, &format!("SYSTEM START FETCHES {DATABASE}_shard.events")).await;
    assert_eq!(present(&warehouse, 0).await.unwrap(), [0, 1, 2, 3, 4, 5, 6]);
    world.each_has(Counts { rows: 7, origins: 7 }).await;
}

/// One has a row and the others do not fetch it: nobody may wait for ever, and nothing is decided before
/// most have it.
pub(crate) async fn an_insert_without_a_quorum_is_in_doubt(world: &World) {
    let warehouse = world.warehouse();
    for replica in [1, 2] {
        world.ask(replica, &format!("SYSTEM STOP FETCHES {DATABASE}_shard.events")).await;
    }
    let begun = Instant::now();
    let answer = warehouse.insert(request(&[7], "0-t-3-7-7", 1)).await;
    println!("an INSERT without a quorum: {answer:?} after {:?}", begun.elapsed());
    assert!(!matches!(answer, InsertAnswer::Loaded), "{answer:?}");
    let begun = Instant::now();
    warehouse.settle(warehouse::Shard::HOME, "0-t-3-7-", Duration::ZERO).await.unwrap();
    println!("settled after {:?}", begun.elapsed());
    assert!(present(&warehouse, 0).await.is_err());
    for replica in [1, 2] {
        world.ask(replica, &format!("SYSTEM START FETCHES {DATABASE}_shard.events")).await;
    }
    assert_eq!(present(&warehouse, 0).await.unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
    world.each_has(Counts { rows: 8, origins: 8 }).await;
}

pub(crate) async fn a_replica_that_lost_everything_gets_it_back(world: &World) {
    let warehouse = world.warehouse();
    for database in [DATABASE.to_owned(), format!("{DATABASE}_shard")] {
        world.ask(2, &format!("DROP DATABASE {database} SYNC")).await;
    }
    let plan = warehouse.migrate_plan().await.unwrap();
    assert!(!plan.newcomers.is_empty() && plan.problems.is_empty(), "{plan}");
    warehouse.migrate_apply().await.unwrap();
    let plan = warehouse.migrate_plan().await.unwrap();
    assert!(plan.is_done(), "{plan}");
    world.each_has(Counts { rows: 8, origins: 8 }).await;
}
