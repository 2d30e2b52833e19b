//! A backend that writes `raw-events` itself, in Avro.

use anyhow::{Context as _, anyhow};
use event::RawEvent;
use kafka_runtime::Outgoing;
use topology::Topic;
use waybill_tests::{CRM, Flow};

use crate::steps::Steps;

const ACCOUNTS: usize = 80;

/// Produces the CRM's day; how many records the broker acknowledged.
pub(crate) fn produce(steps: &Steps, flow: &Flow) -> anyhow::Result<u64> {
    let encoder = flow.registry().encoder(Topic::RawEvents).map_err(|halt| anyhow!("{halt:?}"))?;
    let mut records = Vec::new();
    for event in day() {
        let value = encoder.encode(&event).context("a raw event")?;
        records.push(record(event.user_id.as_deref(), value));
    }
    // Somebody's script mistook the topic for a JSON one.
    records.push(record(None, br#"{"event":"I am no Avro"}"#.to_vec()));
    let mut delivered = 0;
    for some in records.chunks(20) {
        delivered += flow.produce(some.to_vec())?.len() as u64;
    }
    steps.say(&format!("the CRM wrote {delivered} records to raw-events by itself"));
    Ok(delivered)
}

fn day() -> Vec<RawEvent> {
    let mut events: Vec<_> = (1..=ACCOUNTS).map(contact_updated).collect();
    // Its job was started twice for some accounts, and an old instance still runs.
    let again: Vec<_> = events.iter().step_by(16).cloned().collect();
    events.extend(again);
    let old =
        |event: &RawEvent| RawEvent { source: Some("server/old-crm".to_owned()), ..event.clone() };
    let of_the_old: Vec<_> = events.iter().take(3).map(old).collect();
    events.extend(of_the_old);
    events
}

fn contact_updated(number: usize) -> RawEvent {
    RawEvent {
        source: Some(CRM.id.to_owned()),
        kind: Some("track".to_owned()),
        message_id: Some(format!("crm-{number}")),
        user_id: Some(format!("user-{number:04}")),
        event: Some("Contact Updated".to_owned()),
        properties: Some(format!(r#"{{"score":{},"owner":"team-{}"}}"#, number % 100, number % 3)),
        ..RawEvent::default()
    }
}

fn record(key: Option<&str>, value: Vec<u8>) -> Outgoing {
    Outgoing {
        topic: Topic::RawEvents,
        partition: None,
        key: key.map(|key| key.as_bytes().to_vec()),
        value: Some(value),
        headers: Vec::new(),
    }
}
