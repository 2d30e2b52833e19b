//! Reading `raw-events` without a group and without commits: for `tail` and `plan sample`.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use event::{Millis, Origin, RawEvent};
use kafka_runtime::{Bounds, Position, ReadError, Record, Scanner};
use pipeline::Rejected;
use schema_registry::{Decode as _, RawDecoder, Registry};
use topology::Topic;

use super::times::now;
use crate::{cli::Since, config::Config, output};

const POLL: Duration = Duration::from_millis(100);
/// How long a reading of what is there waits for a registry that is away; one of what comes waits
/// for as long as it takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The committed records of `raw-events`, each decoded as validate does. Blocking: use it on a
/// thread of its own.
pub(crate) struct RawEvents {
    scanner: Scanner,
    decoder: RawDecoder,
    epoch: u16,
    /// By partition the offset to be read next.
    next: BTreeMap<i32, i64>,
    /// By partition where to end; `None`: never.
    ends: Option<BTreeMap<i32, i64>>,
    expired: i64,
    held: Option<Held>,
}

/// A record whose schema the registry has not told yet.
struct Held {
    record: Record,
    since: Instant,
}

/// A record.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) origin: Origin,
    pub(crate) appended_at: Millis,
    /// The event; or why its bytes are none, as validate will say.
    pub(crate) event: Result<RawEvent, Rejected>,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    Record(Box<Seen>),
    /// Nothing for a moment.
    Nothing,
    /// All that was there has been read.
    End,
}

impl RawEvents {
    /// A reader from there on; `None` is the end as it is now. With `until_end` only what is there.
    pub(crate) fn open(
        config: &Config,
        registry: &Registry,
        since: Option<Since>,
        until_end: bool,
    ) -> anyhow::Result<Self> {
        let scanner = Scanner::new(&config.kafka, "waybill-tail")?;
        let bounds = scanner.bounds(Topic::RawEvents)?;
        let next = match since {
            None => by_partition(&bounds, |it| it.stable_end),
            Some(Since::Beginning) => by_partition(&bounds, |it| it.start),
            Some(Since::Ago(span)) => {
                let span = Millis::try_from(span.as_millis()).unwrap_or(Millis::MAX);
                let from = now().saturating_sub(span).max(0);
                let first = scanner.first_since(Topic::RawEvents, from)?;
                first.iter().map(|at| (at.partition, at.offset)).collect()
            }
        };
        let ends = until_end.then(|| by_partition(&bounds, |it| it.stable_end));
        let decoder = registry.raw_decoder(config.validate.raw_encodings);
        let mut opened =
            Self { scanner, decoder, epoch: config.epoch, next, ends, expired: 0, held: None };
        opened.assign()?;
        Ok(opened)
    }

    /// How many offsets left the log while it was read.
    pub(crate) const fn expired(&self) -> i64 {
        self.expired
    }

    /// The next record. An error is for a person.
    pub(crate) fn next(&mut self) -> anyhow::Result<Next> {
        if let Some(held) = self.held.take() {
            thread::sleep(POLL);
            return self.decoded(held.record, Some(held.since));
        }
        if self.is_done(&self.next) {
            return Ok(Next::End);
        }
        match self.scanner.poll(POLL) {
            Ok(Some(record)) => self.take(record),
            Ok(None) if self.is_passed()? => Ok(Next::End),
            Ok(None) => Ok(Next::Nothing),
            Err(ReadError::Expired(_)) => {
                self.skip_expired()?;
                Ok(Next::Nothing)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, record: Record) -> anyhow::Result<Next> {
        let Position { partition, offset, .. } = record.position;
        self.next.insert(partition, offset.saturating_add(1));
        let end = self.ends.as_ref().and_then(|ends| ends.get(&partition));
        if end.is_some_and(|end| offset >= *end) {
            // Where more and more comes, the others' ends are looked at here.
            return Ok(if self.is_passed()? { Next::End } else { Next::Nothing });
        }
        self.decoded(record, None)
    }

    /// The record, or nothing for a moment where the registry is away; then it is held since then.
    fn decoded(&mut self, record: Record, held: Option<Instant>) -> anyhow::Result<Next> {
        let origin = self.origin(&record);
        match self.decoder.decode(record.value.as_deref().unwrap_or_default()) {
            Ok(event) => {
                let appended_at = record.timestamp.unwrap_or_default();
                Ok(Next::Record(Box::new(Seen { origin, appended_at, event })))
            }
            Err(halt) => {
                let what = format!("{} {origin} cannot be decoded yet", Topic::RawEvents);
                let since = held.unwrap_or_else(Instant::now);
                if self.ends.is_some() && since.elapsed() >= PATIENCE {
                    let waited = PATIENCE.as_secs();
                    return Err(anyhow!("{what}, after {waited} s: {}", halt.detail));
                }
                if held.is_none() {
                    output::progress(&format!("{what}, waiting: {}", halt.detail));
                }
                self.held = Some(Held { record, since });
                Ok(Next::Nothing)
            }
        }
    }

    const fn origin(&self, record: &Record) -> Origin {
        let Position { partition, offset, .. } = record.position;
        Origin { epoch: self.epoch, partition, offset }
    }

    fn is_done(&self, next: &BTreeMap<i32, i64>) -> bool {
        let is_passed =
            |(partition, end): (&i32, &i64)| next.get(partition).is_some_and(|next| next >= end);
        self.ends.as_ref().is_some_and(|ends| ends.iter().all(is_passed))
    }

    /// The same with the markers that stand before an end, and are no records.
    fn is_passed(&self) -> anyhow::Result<bool> {
        if self.ends.is_none() {
            return Ok(false);
        }
        let mut next = self.next.clone();
        for at in self.scanner.positions()? {
            let known = next.entry(at.partition).or_default();
            *known = at.offset.max(*known);
        }
        Ok(self.is_done(&next))
    }

    fn assign(&mut self) -> anyhow::Result<()> {
        let topic = Topic::RawEvents;
        let position = |(partition, offset): (&i32, &i64)| Position {
            topic,
            partition: *partition,
            offset: *offset,
        };
        Ok(self.scanner.assign(&self.next.iter().map(position).collect::<Vec<_>>())?)
    }

    /// Goes on with what is still there.
    fn skip_expired(&mut self) -> anyhow::Result<()> {
        for Bounds { partition, start, .. } in self.scanner.bounds(Topic::RawEvents)? {
            let next = self.next.entry(partition).or_insert(start);
            self.expired += (start - *next).max(0);
            *next = start.max(*next);
        }
        self.assign()
    }
}

fn by_partition(bounds: &[Bounds], offset: impl Fn(&Bounds) -> i64) -> BTreeMap<i32, i64> {
    bounds.iter().map(|it| (it.partition, offset(it))).collect()
}
