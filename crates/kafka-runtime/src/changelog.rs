//! Reading a changelog partition up to its end.

use std::{
    thread,
    time::{Duration, Instant},
};

use pipeline::Halt;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::Message,
};

use crate::{
    config::KafkaConfig,
    context::ReaderContext,
    convert::record_of,
    record::{Blocks, Position, Record},
};

const ASK_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
const TELL_EVERY: Duration = Duration::from_millis(250);
/// How long nothing at all may come before the broker counts as away. Longer than the broker lets
/// a transaction of a dead producer stay open.
const SILENCE: Duration = Duration::from_secs(30);
/// How often the last stable offset is looked at while it is behind the end.
const STABLE_STEP: Duration = Duration::from_millis(20);

/// Calls `each` with every committed record from `from` to the end as it is now, once every
/// transaction below it is decided. Returns the offset after the last one.
/// `told` hears at once and then a few times a second how many percent are done.
pub(crate) fn replay(
    config: &KafkaConfig,
    slot_id: &str,
    from: Position,
    each: &mut dyn FnMut(Record) -> Result<(), Halt>,
    told: &mut dyn FnMut(u8),
) -> Result<i64, Halt> {
    let broker = |what: &str, detail: String| Halt::new("broker", format!("{what}: {detail}"));
    let consumer: BaseConsumer<ReaderContext> = config
        .reader(&format!("{slot_id}-restore"))
        .set("enable.partition.eof", "true")
        .create_with_context(ReaderContext::default())
        .map_err(|error| broker("restore", error.to_string()))?;
    told(0);
    let (start, end) = decided_bounds(config, slot_id, &consumer, from)?;
    let first = from.offset.max(start);
    if first >= end {
        return Ok(first);
    }
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(from.topic.name(), from.partition, Offset::Offset(first))
        .and_then(|()| consumer.assign(&list))
        .map_err(|error| broker("restore", error.to_string()))?;
    let (mut heard, mut said) = (Instant::now(), Instant::now());
    let mut blocks = Blocks::default();
    loop {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                heard = Instant::now();
                if said.elapsed() >= TELL_EVERY {
                    told(percent(message.offset() - first, end - first));
                    said = Instant::now();
                }
                if message.offset() >= end {
                    return Ok(end);
                }
                if let Some(record) = record_of(&message, &mut blocks) {
                    each(record)?;
                }
                if message.offset() + 1 >= end {
                    return Ok(end);
                }
            }
            // The last offset is usually a commit marker, which no poll returns; only this one
            // partition is assigned, so its end is what is meant.
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(end),
            Some(Err(error)) => tracing::debug!("changelog {}: {error}", from.topic),
            None => {}
        }
        if heard.elapsed() > SILENCE {
            return Err(broker("changelog", format!("{} does not answer", from.topic)));
        }
    }
}

fn percent(done: i64, of: i64) -> u8 {
    u8::try_from(done.saturating_mul(100) / of.max(1)).unwrap_or(100)
}

/// Start and end of the log, once every transaction below the end is decided.
///
/// The last stable offset alone is not enough: the markers of a transaction reach its partitions
/// one after the other, so the offsets of a batch may be committed, and read by its next owner,
/// while the batch's changes are not yet stable.
fn decided_bounds(
    config: &KafkaConfig,
    slot_id: &str,
    stable: &BaseConsumer<ReaderContext>,
    from: Position,
) -> Result<(i64, i64), Halt> {
    let failed = |error: KafkaError| Halt::new("broker", format!("changelog bounds: {error}"));
    let ask = |client: &BaseConsumer<ReaderContext>| {
        client.fetch_watermarks(from.topic.name(), from.partition, ASK_TIMEOUT).map_err(failed)
    };
    let latest = config
        .group_observer(&format!("{slot_id}-restore-reader"))
        .create_with_context(ReaderContext::default())
        .map_err(failed)?;
    let (_, end) = ask(&latest)?;
    let begun = Instant::now();
    loop {
        let (start, stable_end) = ask(stable)?;
        if stable_end >= end {
            return Ok((start, stable_end));
        }
        if begun.elapsed() > SILENCE {
            let detail = format!("{} has an open transaction at {stable_end}", from.topic);
            return Err(Halt::new("broker", detail));
        }
        thread::sleep(STABLE_STEP);
    }
}
