//! A source whose senders cannot send again, while Kafka is away.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use local_stack::Part;
use topology::Service;
use waybill_tests::{Flow, Issued, KIOSK, Oracle, WEB, until};

use crate::world::on_the_flow;

/// Once Kafka is back: the longest pause between two attempts, and then some.
const REPLAYED_WITHIN: Duration = Duration::from_mins(1);

/// What ingest says of the spool of [`KIOSK`].
fn spooled(flow: &Flow, what: &str) -> anyhow::Result<f64> {
    let metrics = flow.service(Service::Ingest).metrics()?;
    let source = format!("source=\"{}\"", KIOSK.id);
    Ok(metrics.sum(&format!("waybill_ingest_spool_{what}"), &[&source]))
}

/// Kills every service, and starts what does not run.
fn all_anew(flow: &Flow) -> anyhow::Result<()> {
    Service::RUNNABLE.into_iter().try_for_each(|service| flow.service(service).kill())?;
    flow.mend()
}

fn until_replayed(flow: &Flow) -> anyhow::Result<()> {
    until("the spool is empty", REPLAYED_WITHIN, || {
        Ok((spooled(flow, "events")? < 0.5).then_some(()))
    })
}

/// Sends messages once, as a sender does that cannot do it again. A broker that comes back may take
/// them from a request or a batch that it then does not acknowledge: they may come in once more.
fn post_once(flow: &Flow, oracle: &Oracle, messages: &[Issued]) -> anyhow::Result<bool> {
    oracle.sending(messages);
    oracle.post(flow, messages)
}

/// Sends each message by itself; each must be answered 200.
fn post_each(flow: &Flow, oracle: &Oracle, count: usize) -> anyhow::Result<Vec<Issued>> {
    let messages: Vec<_> = (0..count).map(|_| oracle.issue(KIOSK)).collect();
    for message in &messages {
        let taken = post_once(flow, oracle, std::slice::from_ref(message))?;
        ensure!(taken, "a spooled event is refused");
    }
    Ok(messages)
}

fn now(flow: &Flow) -> anyhow::Result<i64> {
    Ok(flow.clickhouse("SELECT toUnixTimestamp64Milli(now64(3))")?.parse()?)
}

/// Each message by its partition and offset with the time of its receipt, in milliseconds.
fn received(flow: &Flow, messages: &[Issued]) -> anyhow::Result<Vec<(i64, String, i64)>> {
    let ids: Vec<_> = messages.iter().map(|message| format!("'{}'", message.message_id)).collect();
    let rows = flow.rows(&format!(
        "SELECT origin_partition, message_id, toUnixTimestamp64Milli(received_at) AS received \
         FROM events WHERE message_id IN ({}) ORDER BY origin_partition, origin_offset",
        ids.join(", ")
    ))?;
    let row = |row: &serde_json::Value| {
        let id = row["message_id"].as_str()?.to_owned();
        Some((row["origin_partition"].as_i64()?, id, row["received"].as_i64()?))
    };
    rows.iter().map(|it| row(it).with_context(|| it.to_string())).collect()
}

/// Each device's events stand in the order in which they were sent.
fn check_order(sent: &[Issued], stored: &[(i64, String, i64)]) -> anyhow::Result<()> {
    let place = |id: &str| sent.iter().position(|message| message.message_id == id);
    for pair in stored.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        ensure!(place(&pair[0].1) < place(&pair[1].1), "{} overtook {}", pair[1].1, pair[0].1);
    }
    Ok(())
}

#[test]
fn what_was_acknowledged_without_kafka_outlives_ingest_and_arrives_once_as_of_its_receipt() {
    on_the_flow("spool", |flow, oracle| {
        let ingest = flow.service(Service::Ingest);
        flow.kill_part(Part::Kafka)?;
        let began = now(flow)?;
        let mut sent = post_each(flow, oracle, 5)?;
        let other = oracle.issue(WEB);
        let refused = !oracle.post(flow, std::slice::from_ref(&other))?;
        ensure!(refused, "a source without a spool is told 200 without Kafka");
        ensure!((spooled(flow, "events")? - 5.0).abs() < 0.5, "they are not in the spool");
        ensure!(spooled(flow, "oldest_seconds")? > 0.0 && spooled(flow, "bytes")? > 0.0);
        ingest.kill()?;
        ingest.start()?;
        ingest.until_ready()?;
        ensure!((spooled(flow, "events")? - 5.0).abs() < 0.5, "they were forgotten by SIGKILL");
        sent.extend(post_each(flow, oracle, 5)?);
        let ended = now(flow)?;
        all_anew(flow)?;
        until_replayed(flow)?;
        let tally = oracle.settle(flow)?;
        eprintln!("{tally}");
        ensure!(tally.loaded == 10 && tally.acknowledged == 10, "{tally}");
        let stored = received(flow, &sent)?;
        let all_as_sent = stored.iter().all(|(_, _, at)| (began..=ended).contains(at));
        ensure!(stored.len() == 10 && all_as_sent, "{began}..={ended}: {stored:?}");
        check_order(&sent, &stored)?;
        // With nothing in the spool the next one is told its number again.
        let next = oracle.issue(KIOSK);
        oracle.sending(std::slice::from_ref(&next));
        let answer = flow.post("/v1/events", KIOSK.write_key, next.json().as_bytes())?.ok()?;
        oracle.acknowledged(std::slice::from_ref(&next));
        ensure!(answer.contains("\"origin\""), "{answer}");
        let left = fs::read_dir(flow.folder().join("spool/server.kiosk"))?;
        let left: Vec<_> =
            left.map(|file| file.map(|it| it.file_name())).collect::<Result<_, _>>()?;
        ensure!(left == ["progress"], "{left:?}");
        Ok(())
    });
}

#[test]
fn what_a_broker_that_stood_still_may_have_taken_after_all_is_loaded_once() {
    on_the_flow("spool-frozen", |flow, oracle| {
        flow.freeze_part(Part::Kafka)?;
        post_each(flow, oracle, 3)?;
        flow.thaw_part(Part::Kafka)?;
        until_replayed(flow)?;
        let tally = oracle.settle(flow)?;
        eprintln!("{tally}");
        ensure!(tally.loaded == 3, "{tally}");
        Ok(())
    });
}

#[test]
fn what_was_acknowledged_is_there_though_ingest_was_killed_while_it_wrote_to_the_spool() {
    on_the_flow("spool-kills", |flow, oracle| {
        let ingest = flow.service(Service::Ingest);
        flow.kill_part(Part::Kafka)?;
        // From now on something lies there, and nobody waits for Kafka.
        post_each(flow, oracle, 1)?;
        let ended = AtomicBool::new(false);
        let send = || {
            while !ended.load(Ordering::Relaxed) {
                let messages: Vec<_> = (0..5).map(|_| oracle.issue(KIOSK)).collect();
                if !post_once(flow, oracle, &messages).unwrap_or(false) {
                    thread::sleep(Duration::from_millis(10));
                }
            }
        };
        thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(send)));
            let killed = (0..3).try_for_each(|_| {
                let goal = oracle.acknowledged_messages() + 200;
                until("200 more are acknowledged", REPLAYED_WITHIN, || {
                    Ok((oracle.acknowledged_messages() >= goal).then_some(()))
                })?;
                ingest.kill()?;
                ingest.start()?;
                ingest.until_ready()
            });
            ended.store(true, Ordering::Relaxed);
            killed
        })?;
        let acknowledged = oracle.acknowledged_messages();
        all_anew(flow)?;
        until_replayed(flow)?;
        let tally = oracle.settle(flow)?;
        eprintln!("ingest killed three times while it spooled {acknowledged} events: {tally}");
        ensure!(tally.acknowledged == acknowledged && tally.loaded >= acknowledged, "{tally}");
        ensure!(ingest.metrics()?.sum("waybill_ingest_spool_corrupt_segments", &[]) < 0.5);
        Ok(())
    });
}
