//! What must hold of an answer.

use std::sync::LazyLock;

use anyhow::{Context as _, anyhow, ensure};
use event::{RawEvent, codec::Decoder, frame, schema};
use kafka_runtime::Outgoing;
use serde_json::Value;

use crate::{
    answer::{Answer, EPOCH},
    input::Input,
    kept::{is_kept, of_batch},
    log::Way,
    routes::Takes,
    scan::{elements, is_json, members},
};

/// Stands for what is personal: no refusal may repeat it.
pub(crate) const PERSONAL: &str = "ada@example.com";

/// Less than this is not too large for the broker, in bytes.
const LARGE: usize = 900_000;

static DECODER: LazyLock<anyhow::Result<Decoder>> = LazyLock::new(|| {
    let ours = &schema::RAW_EVENTS;
    Ok(Decoder::new(ours, ours.parsed()?)?)
});

/// An error tells what does not hold.
pub(crate) fn judge(input: &Input<'_>, answer: &Answer) -> anyhow::Result<()> {
    let told = || {
        let text = String::from_utf8_lossy(&answer.body);
        format!("{} {}: {} {text}", input.route.method, input.route.path, answer.status)
    };
    is_described(input, answer)
        .and_then(|()| {
            if answer.status.is_success() {
                succeeds(input, answer)
            } else {
                refuses(input, answer)
            }
        })
        .with_context(told)
}

fn is_described(input: &Input<'_>, answer: &Answer) -> anyhow::Result<()> {
    let status = answer.status.as_u16();
    ensure!(input.route.statuses.contains(&status), "the status is not in openapi.json");
    let kind = answer.headers.get("content-type").context("no content type")?.to_str()?;
    let image = input.route.takes == Takes::Image && answer.status.is_success();
    ensure!(kind == if image { "image/gif" } else { "application/json" }, "it is {kind}");
    let retry = answer.headers.contains_key("retry-after");
    ensure!(retry == matches!(status, 429 | 503), "when to send again is not told, or for nothing");
    Ok(())
}

fn refuses(input: &Input<'_>, answer: &Answer) -> anyhow::Result<()> {
    if input.way == Way::Takes {
        ensure!(answer.appended.is_empty(), "records were written");
    }
    let body = answer.json();
    for member in ["code", "message"] {
        let text = body[member].as_str().with_context(|| format!("no {member}"))?;
        ensure!(!text.is_empty() && !text.contains(PERSONAL), "{member} says nothing, or too much");
    }
    if body["code"] == "no-event-accepted" {
        let plain = input.packing.plain(input.body);
        let fates = fates(&body)?;
        ensure!(fates.iter().all(|fate| fate["status"] == "rejected"), "an event is accepted");
        ensure!(plain.is_none_or(|plain| each(plain).len() == fates.len()), "one has no fate");
    }
    Ok(())
}

fn succeeds(input: &Input<'_>, answer: &Answer) -> anyhow::Result<()> {
    let takes = input.route.takes;
    if matches!(takes, Takes::Nothing | Takes::Rehearsal) {
        ensure!(answer.appended.is_empty(), "records were written");
        return if takes == Takes::Rehearsal { all_judged(input, answer) } else { Ok(()) };
    }
    ensure!(input.way == Way::Takes, "accepted, and the log has not taken it: {:?}", input.way);
    ensure!(answer.appended.len() == 1, "written {} times", answer.appended.len());
    let records = answer.appended.iter().flatten().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    match takes {
        Takes::Each => each_is_told(input, answer, &records),
        Takes::Image => {
            ensure!(records.len() == 1, "{} records", records.len());
            Ok(())
        }
        _ => all_kept(input, answer, &records),
    }
}

fn read(record: &Outgoing) -> anyhow::Result<RawEvent> {
    ensure!(record.size() <= topology::RAW_MESSAGE_BYTES as usize, "a record is too large");
    let decoder = DECODER.as_ref().map_err(|error| anyhow!("{error:#}"))?;
    let value = record.value.as_deref().context("a record without a value")?;
    Ok(decoder.decode(frame::parse(value)?.datum)?)
}

/// All events of a request that is taken as a whole.
fn all_kept(input: &Input<'_>, answer: &Answer, records: &[RawEvent]) -> anyhow::Result<()> {
    ensure!(answer.json()["success"] == true, "no success");
    let Some(plain) = input.packing.plain(input.body) else { return Ok(()) };
    let events = match input.route.takes {
        Takes::Batch => of_batch(plain)?.context("there is no batch")?,
        _ => vec![plain.trim_ascii()],
    };
    ensure!(events.len() == records.len(), "{} of {} events", records.len(), events.len());
    for (event, record) in events.iter().zip(records) {
        is_kept(event, record)?;
        if let Takes::One(kind) = input.route.takes {
            ensure!(record.kind.as_deref() == Some(kind), "of type {:?}", record.kind);
        }
    }
    Ok(())
}

fn fates(body: &Value) -> anyhow::Result<&Vec<Value>> {
    let fates = body["events"].as_array().context("no events")?;
    let in_order = fates.iter().enumerate().all(|(index, fate)| fate["index"] == index);
    ensure!(in_order && !fates.is_empty(), "events are not told in order");
    Ok(fates)
}

/// The events of a request of which each is told by itself.
fn each_is_told(input: &Input<'_>, answer: &Answer, records: &[RawEvent]) -> anyhow::Result<()> {
    let body = answer.json();
    let fates = fates(&body)?;
    let accepted: Vec<&Value> = fates.iter().filter(|fate| fate["status"] == "accepted").collect();
    ensure!(accepted.len() == records.len(), "{} accepted", accepted.len());
    for (offset, (fate, record)) in accepted.iter().zip(records).enumerate() {
        ensure!(fate["origin"] == format!("{EPOCH}-0-{offset}"), "another origin");
        ensure!(fate["message_id"].as_str() == record.message_id.as_deref(), "another id");
    }
    let well = fates.iter().all(|it| it["status"] == "accepted" && it["verdict"] != "reject");
    ensure!(well == (answer.status == 200) && body["success"] == well, "success is not so");
    let Some(plain) = input.packing.plain(input.body) else { return Ok(()) };
    let events = each(plain);
    ensure!(events.len() == fates.len(), "{} of {} events", fates.len(), events.len());
    let mut records = records.iter();
    for (event, fate) in events.iter().zip(fates) {
        match fate["status"].as_str() {
            Some("accepted") => is_kept(event, records.next().context("no record")?)?,
            Some("rejected") if fate["reason"] == "not-json" => {
                ensure!(!as_text(event), "JSON is called none");
            }
            _ => ensure!(fate["reason"] == "too-large" && event.len() > LARGE, "no reason"),
        }
    }
    Ok(())
}

/// Text, and JSON.
fn as_text(event: &[u8]) -> bool {
    std::str::from_utf8(event).is_ok() && is_json(event)
}

/// An object of which all that is looked at is text: what is not, no one may mind.
fn is_object(body: &[u8]) -> bool {
    let read = ["batch", "context", "integrations", "sentAt", "writeKey"];
    let members = members(body).filter(|_| is_json(body));
    members.is_some_and(|members| {
        members.iter().all(|(name, value)| {
            let name = name.as_deref();
            let is_read = name.is_some_and(|name| read.contains(&name));
            name.is_some() && (!is_read || std::str::from_utf8(value).is_ok())
        })
    })
}

/// The events of the native route: an array, one value, or one a line.
fn each(body: &[u8]) -> Vec<&[u8]> {
    let text = body.trim_ascii();
    if text.starts_with(b"[") {
        return elements(text).unwrap_or_default();
    }
    if as_text(text) {
        return vec![text];
    }
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).collect()
}

/// Each event has a verdict, and an event to show where it passes.
fn all_judged(input: &Input<'_>, answer: &Answer) -> anyhow::Result<()> {
    let body = answer.json();
    let told = fates(&body)?;
    let passes = |fate: &Value| fate["verdict"] == "pass";
    let known = |fate: &Value| passes(fate) || fate["verdict"] == "reject";
    ensure!(told.iter().all(known), "an event without a verdict");
    ensure!(body["valid"] == told.iter().all(passes), "valid is not so");
    let Some(plain) = input.packing.plain(input.body) else { return Ok(()) };
    let batch = if is_object(plain) { of_batch(plain)? } else { None };
    let events = batch.unwrap_or_else(|| each(plain));
    ensure!(events.len() == told.len(), "{} of {} events", told.len(), events.len());
    Ok(())
}
