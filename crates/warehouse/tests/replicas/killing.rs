//! Replicas die by SIGKILL, in turn, while they are loaded by the loader's rules.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::{Duration, Instant},
};

use warehouse::{Counts, InsertAnswer, Shard, Warehouse};

use crate::{World, present, request};

const BATCHES: i64 = 40;
const ROWS: i64 = 50;
const FIRST: i64 = 10_000;
const PATIENCE: Duration = Duration::from_mins(4);

/// How INSERTs ended.
#[derive(Debug, Default)]
struct Seen {
    loaded: u32,
    busy: u32,
    uncertain: u32,
    away: u32,
    found_all: u32,
    found_none: u32,
    found_some: u32,
}

pub(crate) async fn nothing_is_lost_or_doubled_while_replicas_are_killed(world: &World) {
    let warehouse = world.warehouse();
    let (kills, is_done) = (AtomicU32::new(0), AtomicBool::new(false));
    let killing = async {
        while !is_done.load(Ordering::Relaxed) {
            let number = kills.load(Ordering::Relaxed) as usize % 3;
            let replica = world.replicas.replica(number).unwrap();
            replica.kill().await.unwrap();
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            replica.restart().await.unwrap();
            kills.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    };
    let loading = async {
        let mut seen = Seen::default();
        for batch in 0..BATCHES {
            load(&warehouse, FIRST + batch * 100, &mut seen).await;
        }
        is_done.store(true, Ordering::Relaxed);
        seen
    };
    let ((), seen) = tokio::join!(killing, loading);
    let kills = kills.into_inner();
    println!("{kills} kills of three replicas under {BATCHES} INSERTs of {ROWS} rows: {seen:?}");
    assert!(kills >= 5, "too few kills");
    assert!(seen.busy + seen.uncertain + seen.away > 0, "no INSERT met one: {seen:?}");
    let rows = u64::try_from(8 + BATCHES * ROWS).unwrap();
    world.each_is_whole().await;
    world.each_has(Counts { rows, origins: rows }).await;
}

/// Loads one batch: after whatever is no yes, settled and read back before anything is sent again.
async fn load(warehouse: &Warehouse, from: i64, seen: &mut Seen) {
    let all: Vec<i64> = (from..from + ROWS).collect();
    let prefix = format!("0-t-3-{from}-");
    let (mut missing, mut token) = (all.clone(), format!("{prefix}all"));
    let begun = Instant::now();
    for attempt in 1.. {
        assert!(begun.elapsed() < PATIENCE, "{from} cannot be loaded: {seen:?}");
        match warehouse.insert(request(&missing, &token, attempt)).await {
            InsertAnswer::Loaded => {
                seen.loaded += 1;
                return;
            }
            InsertAnswer::Refused(exception) => panic!("{exception}"),
            InsertAnswer::Busy(_) => seen.busy += 1,
            InsertAnswer::Uncertain(_) => seen.uncertain += 1,
            InsertAnswer::Away(_) => seen.away += 1,
        }
        let found = read_back(warehouse, from, &prefix, begun).await;
        missing = all.iter().copied().filter(|it| !found.contains(it)).collect();
        match missing.len() {
            0 => {
                seen.found_all += 1;
                return;
            }
            count if count == all.len() => seen.found_none += 1,
            _ => {
                seen.found_some += 1;
                token = format!("{prefix}rest-{attempt}");
            }
        }
    }
}

async fn read_back(warehouse: &Warehouse, from: i64, prefix: &str, begun: Instant) -> Vec<i64> {
    loop {
        let settled = warehouse.settle(Shard::HOME, prefix, Duration::from_secs(1)).await;
        let found = match settled {
            Ok(()) => present(warehouse, from).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(found) => return found,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{from} is in doubt: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
