//! Reads every audited topic from the start of its log into the books.

use std::time::{Duration, Instant};

use event::{Millis, StageCommand};
use kafka_runtime::{KafkaConfig, Position, ReadError, Scanner};
use reconciliation::{Books, Ends, Expiry, Hour, Progress, Skip, Span};
use topology::{Cleanup, Service, Stage, TOPICS, Topic};

use crate::headers::entry;

/// Longest wait for one record.
const POLL: Duration = Duration::from_millis(100);
/// Records after which the sets are packed.
const COMPACT_AFTER: u64 = 2_000_000;

/// The topics from which the books are written, as the topology says. The commands to stages are
/// no fates.
pub(crate) fn audited() -> impl Iterator<Item = Topic> {
    let read = TOPICS.iter().filter(|spec| spec.read_by.contains(&Service::Audit));
    read.map(|spec| spec.topic).filter(|topic| *topic != Topic::StageCommands)
}

/// The books, and the log that they are written from.
pub(crate) struct Tail {
    pub(crate) scanner: Scanner,
    pub(crate) books: Books,
    /// First offset that each partition still had when the books began.
    begins: Ends,
    since_compact: u64,
    epoch: u16,
}

impl Tail {
    /// Has read nothing yet. Brokers may still be away.
    pub(crate) fn new(kafka: &KafkaConfig, epoch: u16) -> Result<Self, ReadError> {
        let scanner = Scanner::new(kafka, "waybill-audit")?;
        let (books, begins) = (Books::new(epoch), Ends::new());
        Ok(Self { scanner, books, begins, since_compact: 0, epoch })
    }

    /// [`new`](Self::new) and [`begin`](Self::begin).
    pub(crate) fn open(kafka: &KafkaConfig, epoch: u16) -> Result<Self, ReadError> {
        let mut tail = Self::new(kafka, epoch)?;
        tail.begin()?;
        Ok(tail)
    }

    /// Begins, also anew, at the start of every audited topic. The clients stay: librdkafka can end the
    /// process when it closes a consumer while no broker answers (librdkafka#5315, open with 2.12).
    pub(crate) fn begin(&mut self) -> Result<(), ReadError> {
        let (mut starts, mut begins) = (Vec::new(), Ends::new());
        for topic in audited() {
            for bounds in self.scanner.bounds(topic)? {
                starts.push(Position { topic, partition: bounds.partition, offset: bounds.start });
                begins.insert((topic, bounds.partition), bounds.start);
            }
        }
        self.scanner.assign(&starts)?;
        (self.books, self.begins, self.since_compact) = (Books::new(self.epoch), begins, 0);
        Ok(())
    }

    /// The first hour that the books have whole, where something had left `raw-events` before they began
    /// (at `now`; milliseconds UTC); `None` where nothing had.
    pub(crate) fn first_whole(&self, now: Millis) -> Option<Hour> {
        first_whole(&self.begins, now)
    }

    /// Reads for at most `patience`, or until nothing more comes. Returns how many records.
    pub(crate) fn read(&mut self, patience: Duration) -> Result<u64, ReadError> {
        let begun = Instant::now();
        let mut heard = begun;
        let mut read = 0;
        while begun.elapsed() < patience && heard.elapsed() < POLL {
            if let Some(record) = self.scanner.poll(POLL)? {
                self.books.note(&entry(&record));
                heard = Instant::now();
                read += 1;
            }
        }
        self.since_compact += read;
        if self.since_compact >= COMPACT_AFTER {
            self.books.compact();
            self.since_compact = 0;
        }
        Ok(read)
    }

    /// What is known now; asked in the order that [`Progress`] prescribes.
    pub(crate) fn progress(&mut self) -> Result<Progress, ReadError> {
        let mut progress = Progress::default();
        for stage in Stage::ALL {
            for at in self.scanner.group_positions(stage.group(), &stage.inputs())? {
                if let Some(offset) = at.offset {
                    progress.committed.insert((stage, at.topic, at.partition), offset);
                }
            }
        }
        for topic in audited() {
            for bounds in self.scanner.bounds(topic)? {
                // The end of the log, not the last stable offset: what a stage has committed may
                // still lack its marker in an output partition.
                progress.ends.insert((topic, bounds.partition), bounds.end);
                progress.starts.insert((topic, bounds.partition), bounds.start);
            }
        }
        progress.read = self.next()?;
        progress.last.clone_from(self.books.last_read());
        Ok(progress)
    }

    /// Everything that `raw-events` holds, up to its ends as `progress` has them.
    pub(crate) fn span_up_to_now(&self, epoch: u16, progress: &Progress) -> Span {
        let range = |(&(topic, partition), &start): (&(Topic, i32), &i64)| {
            let end = progress.ends.get(&(topic, partition)).copied().unwrap_or(start);
            (topic == Topic::RawEvents).then_some((partition, start..end))
        };
        Span { epoch, offsets: self.begins.iter().filter_map(range).collect(), hour: None }
    }

    /// What was given up, from the orders to the stages.
    pub(crate) fn expiry(&self, commands: Vec<StageCommand>) -> Expiry {
        let mut expiry = Expiry::new(self.begins.clone());
        for StageCommand { stage, lost, at, who, why, .. } in commands {
            if let (Some(stage), Some(lost)) = (Stage::from_name(&stage), lost) {
                expiry.note(Skip { stage, lost, at, who, why });
            }
        }
        expiry
    }

    /// What has expired and nobody has given up yet.
    pub(crate) fn pending(&self, progress: &Progress) -> Expiry {
        Expiry::pending(self.begins.clone(), progress)
    }

    /// What is read next in each partition. The scanner's own positions follow with a delay, but
    /// only they know of control records that were passed.
    fn next(&self) -> Result<Ends, ReadError> {
        let positions = self.scanner.positions()?;
        let mut next: Ends =
            positions.iter().map(|at| ((at.topic, at.partition), at.offset)).collect();
        for (key, last) in self.books.last_read() {
            let offset = next.entry(*key).or_default();
            *offset = (*offset).max(last.saturating_add(1));
        }
        Ok(next)
    }
}

/// What is as old as `raw-events` is kept may have left it. What was deleted by hand is not known here.
fn first_whole(begins: &Ends, now: Millis) -> Option<Hour> {
    let Cleanup::DeleteAfterHours(hours) = Topic::RawEvents.spec().cleanup else { return None };
    let has_left =
        |(&(topic, _), &begin): (&(Topic, i32), &i64)| topic == Topic::RawEvents && begin > 0;
    let oldest = Hour::of(now).0.saturating_sub(i64::from(hours));
    begins.iter().any(has_left).then_some(Hour(oldest.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_as_old_as_raw_events_is_kept_is_not_whole_once_something_has_left_it() {
        let now = Hour(1_000).start() + 5;
        let raw = |begin| Ends::from([((Topic::RawEvents, 0), 0), ((Topic::RawEvents, 1), begin)]);
        assert_eq!(first_whole(&raw(0), now), None);
        assert_eq!(first_whole(&raw(7), now), Some(Hour(1_000 - 14 * 24 + 1)));
        let other = Ends::from([((Topic::DiscardedEvents, 0), 9)]);
        assert_eq!(first_whole(&other, now), None, "an hour is of raw-events");
    }
}
