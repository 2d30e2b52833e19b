//! A record that kills the process: found, put aside, and nobody else condemned.

use std::{
    ops::RangeInclusive,
    os::unix::process::ExitStatusExt as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use event::{Origin, RawEvent};
use kafka_runtime::Outgoing;
use pipeline::RejectReason;
use topology::{Service, Stage, Topic};
use waybill_tests::{CRM, Flow, Traffic, WEB, until};

use crate::world::on_the_flow;

const WITHIN: Duration = Duration::from_mins(4);
/// How poison ends a process, and how a crash point does.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
/// Two attempts, from the third on records are handled one by one, and two probes must have died.
/// One more where a death came before the attempt was committed.
const DEATHS: RangeInclusive<u32> = 4..=6;

/// A service's loops run on threads that bear these names.
fn thread_of(stage: Stage) -> &'static str {
    if stage.service() == Service::Forward { stage.name() } else { stage.service().name() }
}

/// An event whose text kills the process that handles it in this stage.
fn send_poison(flow: &Flow, stage: Stage) -> anyhow::Result<Origin> {
    let event = RawEvent {
        source: Some(CRM.id.to_owned()),
        kind: Some("track".to_owned()),
        message_id: Some(format!("poison-{stage}")),
        anonymous_id: Some("poisoner".to_owned()),
        event: Some("Poisoned".to_owned()),
        properties: Some(format!(r#"{{"text":"poison-of-{stage}"}}"#)),
        ..RawEvent::default()
    };
    let record = Outgoing {
        topic: Topic::RawEvents,
        partition: None,
        key: Some(b"poison".to_vec()),
        value: Some(flow.raw_encoder()?.encode(&event)?),
        headers: Vec::new(),
    };
    let at = flow.produce(vec![record])?.first().context("no report")?.position;
    Ok(Origin { epoch: 0, partition: at.partition, offset: at.offset })
}

/// Starts the service again whenever it dies, as a supervisor does, until the poison is
/// dead-lettered. The reason, and how often the service died.
fn supervise(flow: &Flow, stage: Stage, origin: Origin) -> anyhow::Result<(String, u32)> {
    let process = flow.service(stage.service());
    let poison = format!("{}/poison-of-{stage}", thread_of(stage));
    let variables = [("WAYBILL_POISON", poison.as_str())];
    process.start_with(&variables)?;
    let mut deaths = 0;
    let reason = until(&format!("the poison of {stage} is dead-lettered"), WITHIN, || {
        if !process.is_running() {
            let status = process.until_ended(WITHIN)?;
            ensure!(status.signal() == Some(SIGABRT), "{stage} ended otherwise: {status}");
            deaths += 1;
            process.start_with(&variables)?;
        }
        let letters = flow.fates()?.dead_letters.into_iter().map(|placed| placed.value);
        let ours = letters.filter(|letter| letter.origin == Some(origin)).map(|it| it.reason);
        Ok(ours.into_iter().next())
    })?;
    Ok((reason, deaths))
}

fn is_found_and_put_aside(stage: Stage) {
    on_the_flow(&format!("poison-{stage}"), |flow, oracle| {
        let process = flow.service(stage.service());
        Traffic::during(flow, oracle, |traffic| {
            traffic.until_acknowledged(5)?;
            process.kill()?;
            let origin = send_poison(flow, stage)?;
            traffic.until_acknowledged(5)?;
            let begun = Instant::now();
            let (reason, deaths) = supervise(flow, stage, origin)?;
            let took = begun.elapsed();
            eprintln!("{stage}: put aside as {reason} after {deaths} deaths and {took:.1?}");
            ensure!(reason == RejectReason::ProcessKilled.word(), "{reason}");
            ensure!(DEATHS.contains(&deaths), "{deaths} deaths");
            traffic.until_acknowledged(5)
        })?;
        // Nobody else was condemned: every other message has the fate that it was promised.
        oracle.settle(flow).map(drop)
    });
}

#[test]
fn a_record_that_kills_validate_is_put_aside_and_no_other() {
    is_found_and_put_aside(Stage::Validate);
}

#[test]
fn a_record_that_kills_identity_stitch_is_put_aside_and_no_other() {
    is_found_and_put_aside(Stage::IdentityStitch);
}

#[test]
fn a_record_that_kills_the_loader_is_put_aside_and_no_other() {
    is_found_and_put_aside(Stage::ForwardClickhouse);
}

#[test]
fn three_kills_of_a_healthy_stage_condemn_nobody() {
    on_the_flow("kills-in-a-row", |flow, oracle| {
        let process = flow.service(Service::Enrich);
        process.kill()?;
        let messages: Vec<_> = (0..200).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        for _ in 0..3 {
            // Each ends in the middle of its first batch, with the attempt committed; the third,
            // which goes record by record, on its first record.
            process.start_with(&[("WAYBILL_CRASH", "enrich/after-send:2")])?;
            let status = process.until_ended(WITHIN)?;
            ensure!(status.signal() == Some(SIGKILL), "ended otherwise: {status}");
        }
        process.start()?;
        process.until_ready()?;
        let tally = oracle.settle(flow)?;
        ensure!((tally.loaded, tally.dead) == (200, 0), "{tally}");
        let careful = process.metrics()?.sum("waybill_stage_careful_records_total", &[]);
        ensure!(careful > 0.0, "records were not handled one by one");
        Ok(())
    });
}
