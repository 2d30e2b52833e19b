//! A dead letter that is mended and sent back in.

use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use event::{RawEvent, Waybill};
use kafka_runtime::{Outgoing, header};
use pipeline::RejectReason;
use topology::Stage;
use waybill_tests::{CRM, Fate, Flow, Placed};

use crate::world::on_the_flow;

const STAGE: Stage = Stage::Validate;
const WAIT: Duration = Duration::from_mins(1);

#[test]
fn a_redriven_event_keeps_its_number_and_settles_its_dead_letter() {
    on_the_flow("redrive", |flow, oracle| {
        let reason = RejectReason::MissingField;
        let message = oracle.issue_for(CRM, Fate::Dead(STAGE, reason));
        let whole = RawEvent {
            source: Some(CRM.id.to_owned()),
            kind: Some("track".to_owned()),
            message_id: Some(message.message_id.clone()),
            anonymous_id: Some(message.anonymous_id()),
            event: Some(message.event.clone()),
            properties: Some(message.properties.clone()),
            ..RawEvent::default()
        };
        let nameless = RawEvent { event: None, ..whole.clone() };
        let messages = std::slice::from_ref(&message);
        oracle.sending(messages);
        flow.produce(vec![outgoing(flow, topology::Topic::RawEvents, &nameless)?])?;
        oracle.acknowledged(messages);
        oracle.settle(flow)?;
        let before = flow.audit(WAIT)?.report.books();

        let letter = dead_letter(flow, &message.message_id)?;
        let origin = letter.value.origin.context("it had a number")?;
        let appended_at = letter.value.appended_at.context("it had an append time")?;
        let waybill = Waybill { origin, appended_at };
        let settles = format!("{}-{}", letter.position.partition, letter.position.offset);
        let mut mended = outgoing(flow, STAGE.redrive(), &whole)?;
        mended.partition = Some(letter.value.partition);
        mended.headers = vec![
            (header::WAYBILL.into(), Some(waybill.to_header().to_vec().into())),
            (header::SETTLES.into(), Some(settles.into())),
        ];
        flow.produce(vec![mended.clone()])?;
        oracle.now_owes(&message, Fate::Redriven(STAGE, reason));
        oracle.settle(flow)?;

        let loaded_as = flow.clickhouse(&format!(
            "SELECT concat(origin_epoch, '-', origin_partition, '-', origin_offset) FROM events \
             WHERE message_id = '{}'",
            message.message_id
        ))?;
        ensure!(loaded_as == origin.to_string(), "loaded as {loaded_as}, was {origin}");
        let after = flow.audit(WAIT)?.report.books();
        ensure!(after.dead + 1 == before.dead, "{before:?}, then {after:?}");

        // Sent back a second time, it changes nothing.
        flow.produce(vec![mended])?;
        oracle.settle(flow)?;
        Ok(())
    });
}

fn outgoing(flow: &Flow, topic: topology::Topic, event: &RawEvent) -> anyhow::Result<Outgoing> {
    let encoder = flow.registry().encoder(topic).map_err(|halt| anyhow!("{halt:?}"))?;
    let value = Some(encoder.encode(event)?);
    Ok(Outgoing { topic, partition: None, key: None, value, headers: Vec::new() })
}

fn dead_letter(flow: &Flow, id: &str) -> anyhow::Result<Placed<event::DeadLetter>> {
    let letters = flow.fates()?.dead_letters;
    let found = letters.into_iter().find(|letter| letter.value.message_id.as_deref() == Some(id));
    found.with_context(|| format!("{id} has no dead letter"))
}
