//! A table of the warehouse as a sink behind the intent protocol.
//!
//! Every method blocks on the runtime's handle; the sink's thread is no thread of that runtime.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use event::{Hints, Origin, Waybill};
use kafka_runtime::{
    Answered, Inserted, Mapped, MappedRecord, Numbered, Part, Range, Refusal, Sink,
};
use pipeline::{Halt, RejectReason, Rejected};
use tokio::{runtime::Handle, sync::Semaphore, task::LocalSet};
use topology::Topic;
use warehouse::{
    Exception, InsertAnswer, InsertRequest, PositionRange, Row, RowBytes, RowWriter, Shard,
    Warehouse, WarehouseError,
};

use crate::token::{Token, prefixes};

/// The dependency that a halt names.
const CLICKHOUSE: &str = "clickhouse";

/// So many INSERTs of a sink are under way at once: ClickHouse waits for its disks half of the time.
const SIDE_BY_SIDE: usize = 3;

/// How long an INSERT of someone else may go on before it is killed.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// From a record to a row. Deterministic: no clock, no look-up (a schema by its id excepted).
pub trait Mapping {
    /// A row of the table; its texts may stand in the record.
    type Row<'r>: Row;

    /// Maps a record.
    fn map<'r>(&mut self, record: &Numbered<'r>) -> Result<Mapped<Self::Row<'r>>, Halt>;

    /// What may be said of the event that a row was made of; a side table says nothing.
    fn hints<'r>(_row: &Self::Row<'r>) -> Hints<Cow<'r, str>> {
        Hints::default()
    }

    /// For a side table: the record as it is, with nothing in a column of its own that is not of
    /// Kafka or of the headers. `None` for a table whose refused rows become dead letters.
    fn plain<'r>(&mut self, _record: &Numbered<'r>) -> Option<Self::Row<'r>> {
        None
    }
}

/// What a sink loads with.
#[derive(Debug, Clone)]
pub struct Loader {
    /// Where to.
    pub warehouse: Warehouse,
    /// Where its requests run; not the thread of the sink.
    pub runtime: Handle,
    /// Epoch of the log.
    pub epoch: u16,
    /// Unlike any other sink's, of this process and of every other: no two queries share an id.
    pub nonce: String,
}

/// A table of the warehouse as a sink.
#[derive(Debug)]
pub struct ClickhouseSink<M> {
    loader: Loader,
    mapping: M,
    writer: RowWriter,
    /// Whose rows are being written: those of a partition are sent together.
    writing: Option<(Topic, i32)>,
    attempts: u64,
}

impl<M: Mapping> ClickhouseSink<M> {
    /// A sink that loads what `mapping` makes of the records.
    pub fn new(loader: Loader, mapping: M) -> Self {
        let writer = loader.warehouse.row_writer();
        Self { loader, mapping, writer, writing: None, attempts: 0 }
    }

    fn positions(&self, range: &Range) -> PositionRange {
        PositionRange {
            shard: shard(range),
            table: M::Row::<'static>::TABLE,
            epoch: self.loader.epoch,
            topic: range.topic.name(),
            partition: range.partition,
            start: range.start,
            end: range.end,
        }
    }

    /// The INSERT of some ranges' rows, with an id that no other has; `None` if there are none.
    fn request(&mut self, parts: &[Part<'_, RowBytes>]) -> Option<InsertRequest> {
        let (range, _) = *parts.first()?;
        let rows: Vec<_> =
            parts.iter().flat_map(|(_, rows)| *rows).map(|placed| placed.row.clone()).collect();
        if rows.is_empty() {
            return None;
        }
        self.writer.pack();
        self.attempts += 1;
        let token =
            Token { epoch: self.loader.epoch, range: *range, format: M::Row::<'static>::FORMAT };
        let token = token.to_string();
        let query_id = format!("{token}-{}-{}", self.attempts, self.loader.nonce);
        Some(InsertRequest::of::<M::Row<'static>>(rows, token, query_id, shard(range)))
    }

    fn written_plain(&mut self, record: &Numbered<'_>) -> Option<RowBytes> {
        self.mapping.plain(record).map(|row| self.writer.write(&row))
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, WarehouseError>>) -> Result<T, Halt> {
        self.loader.runtime.block_on(answer).map_err(|error| halt(error.to_string()))
    }
}

impl<M: Mapping> Sink for ClickhouseSink<M> {
    /// Bytes: an event with all facts takes several times as much memory, and a batch has thousands.
    type Row = RowBytes;

    fn shards(&self) -> u32 {
        self.loader.warehouse.shard_count()
    }

    /// What a column takes in silence as something else is found before it is sent.
    fn map<'r>(&mut self, record: &Numbered<'r>) -> Result<MappedRecord<'r, RowBytes>, Halt> {
        let row = match self.mapping.map(record)? {
            Mapped::Row(row) => row,
            Mapped::Reject(rejected) => return Ok((Mapped::Reject(rejected), Hints::default())),
            Mapped::Discard(discarded) => {
                return Ok((Mapped::Discard(discarded), Hints::default()));
            }
        };
        let of = record.record.position;
        if self.writing.replace((of.topic, of.partition)) != Some((of.topic, of.partition)) {
            self.writer.pack();
        }
        let mapped = match row.unheld_time() {
            None => Mapped::Row(self.writer.write(&row)),
            Some(column) => {
                self.written_plain(record).map_or_else(|| unheld_time(column), Mapped::Row)
            }
        };
        Ok((mapped, M::hints(&row)))
    }

    fn plain(&mut self, record: &Numbered<'_>) -> Result<Option<RowBytes>, Halt> {
        Ok(self.written_plain(record))
    }

    fn loaded(&mut self, waybills: &[Waybill]) -> Result<Vec<Waybill>, Halt> {
        if waybills.is_empty() {
            return Ok(Vec::new());
        }
        let origins: Vec<Origin> = waybills.iter().map(|waybill| waybill.origin).collect();
        let loaded = self.wait(self.loader.warehouse.loaded_origins(&origins))?;
        let loaded: BTreeSet<Origin> = loaded.into_iter().collect();
        Ok(waybills.iter().filter(|waybill| loaded.contains(&waybill.origin)).copied().collect())
    }

    fn insert(&mut self, parts: &[Part<'_, RowBytes>]) -> Result<Inserted, Halt> {
        let Some(request) = self.request(parts) else { return Ok(Inserted::Loaded) };
        inserted(self.loader.runtime.block_on(self.loader.warehouse.insert(request)))
    }

    fn insert_each(&mut self, inserts: &[Vec<Part<'_, RowBytes>>]) -> Vec<Answered> {
        let turns = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        // On the thread of the sink, as all that it does.
        let here = LocalSet::new();
        let mut sent = Vec::with_capacity(inserts.len());
        for parts in inserts {
            let (request, warehouse) = (self.request(parts), self.loader.warehouse.clone());
            sent.push(here.spawn_local(sent_in_turn(turns.clone(), warehouse, request)));
        }
        let each = here.run_until(async {
            let mut answers = Vec::with_capacity(sent.len());
            for answer in sent {
                // Only a panic ends it otherwise, and what it had sent nobody knows.
                answers.push(answer.await.unwrap_or_else(|error| Answered {
                    inserted: Ok(Inserted::Uncertain(error.to_string())),
                    after: Duration::ZERO,
                }));
            }
            answers
        });
        self.loader.runtime.block_on(each)
    }

    fn settle(&mut self, range: &Range) -> Result<(), Halt> {
        for prefix in prefixes(self.loader.epoch, range) {
            self.wait(self.loader.warehouse.settle(shard(range), &prefix, SETTLE_WITHIN))?;
        }
        Ok(())
    }

    fn present(&mut self, range: &Range) -> Result<Vec<i64>, Halt> {
        self.wait(self.loader.warehouse.present(&self.positions(range)))
    }
}

async fn sent_in_turn(
    turns: Arc<Semaphore>,
    warehouse: Warehouse,
    request: Option<InsertRequest>,
) -> Answered {
    let Some(request) = request else {
        return Answered { inserted: Ok(Inserted::Loaded), after: Duration::ZERO };
    };
    // Nobody closes it.
    let _turn = turns.acquire().await;
    let begun = Instant::now();
    let answer = warehouse.insert(request).await;
    Answered { inserted: inserted(answer), after: begun.elapsed() }
}

fn shard(range: &Range) -> Shard {
    Shard::numbered(range.shard())
}

fn unheld_time<R>(column: &str) -> Mapped<R> {
    let detail =
        format!("{column} is not between the years 1900 and 2299, which ClickHouse can hold");
    Mapped::Reject(Rejected::new(RejectReason::RefusedRow, detail))
}

/// What the loop is told of an answer. After a halt it takes its partitions up anew, finds its own
/// intent and reads back, so a part of the rows that is in after all is found.
fn inserted(answer: InsertAnswer) -> Result<Inserted, Halt> {
    match answer {
        InsertAnswer::Loaded => Ok(Inserted::Loaded),
        InsertAnswer::Uncertain(detail) => Ok(Inserted::Uncertain(detail)),
        InsertAnswer::Away(detail) => Err(halt(detail)),
        InsertAnswer::Busy(exception) => Err(halt(format!("answers with {exception}"))),
        InsertAnswer::Refused(exception) => Ok(Inserted::Refused(refusal(&exception))),
    }
}

/// What dead letters and logs say of refused rows: the same for the same cause.
fn refusal(Exception { code, name, row, said }: &Exception) -> Refusal {
    // Rows count from 1 there.
    let row = row.and_then(|row| usize::try_from(row).ok()?.checked_sub(1));
    Refusal { detail: format!("exception {code} {name}: {said}"), row }
}

fn halt(detail: impl Into<String>) -> Halt {
    Halt::new(CLICKHOUSE, detail)
}

#[cfg(test)]
mod tests {
    use event::Millis;
    use kafka_runtime::{Position, Record};
    use warehouse::{RowBinary, TIMES, WarehouseConfig};

    use super::*;

    /// A row that is nothing but a time; 0 is its plainest form.
    #[derive(Debug, PartialEq, Eq)]
    struct Timed(Millis);

    impl Row for Timed {
        const TABLE: &'static str = "timed";
        const FORMAT: u16 = 1;
        const COLUMNS: &'static [&'static str] = &[];

        fn times(&self) -> impl IntoIterator<Item = (&'static str, Option<Millis>)> {
            [("happened_at", Some(self.0))]
        }

        fn write(&self, out: &mut RowBinary) {
            out.millis(self.0);
        }
    }

    /// Of a side table, or not; each record happened at its offset.
    struct Offsets {
        is_side: bool,
    }

    impl Mapping for Offsets {
        type Row<'r> = Timed;

        fn map(&mut self, numbered: &Numbered<'_>) -> Result<Mapped<Timed>, Halt> {
            Ok(Mapped::Row(Timed(numbered.record.position.offset)))
        }

        fn hints<'r>(_row: &Timed) -> Hints<Cow<'r, str>> {
            Hints { source: Some("web/app".into()), ..Hints::default() }
        }

        fn plain(&mut self, _numbered: &Numbered<'_>) -> Option<Timed> {
            self.is_side.then_some(Timed(0))
        }
    }

    fn written(happened_at: Millis) -> Mapped<RowBytes> {
        let mut writer = RowWriter::default();
        let row = writer.write(&Timed(happened_at));
        writer.pack();
        Mapped::Row(row)
    }

    fn mapped(is_side: bool, happened_at: Millis) -> (Mapped<RowBytes>, Hints) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let warehouse = Warehouse::new(&WarehouseConfig::default()).unwrap();
        let (handle, nonce) = (runtime.handle().clone(), "test".to_owned());
        let loader = Loader { warehouse, runtime: handle, epoch: 0, nonce };
        let position = Position { topic: Topic::StitchedEvents, partition: 0, offset: happened_at };
        let record =
            Record { position, timestamp: None, key: None, value: None, headers: Vec::new() };
        let origin = Origin { epoch: 0, partition: 0, offset: 0 };
        let numbered = Numbered { record: &record, waybill: Waybill { origin, appended_at: 1 } };
        let mut sink = ClickhouseSink::new(loader, Offsets { is_side });
        let (mapped, hints) = sink.map(&numbered).unwrap();
        sink.writer.pack();
        (mapped, hints.map(Cow::into_owned))
    }

    #[test]
    fn a_time_that_clickhouse_would_store_as_another_is_rejected_or_kept_in_the_plainest_form() {
        for held in [TIMES.start, 7, TIMES.end - 1] {
            assert_eq!(mapped(false, held).0, written(held));
        }
        for unheld in [i64::MIN, TIMES.start - 1, TIMES.end, i64::MAX] {
            assert_eq!(mapped(true, unheld).0, written(0), "a side table keeps it");
            let (Mapped::Reject(rejected), hints) = mapped(false, unheld) else {
                panic!("{unheld} cannot be held");
            };
            assert_eq!(rejected.reason, RejectReason::RefusedRow);
            assert!(rejected.detail.starts_with("happened_at is not between the years"));
            assert_eq!(hints.source.as_deref(), Some("web/app"), "it is known whose it is");
        }
    }

    #[test]
    fn only_yes_is_loaded_and_only_what_is_about_rows_is_refused_all_else_waits() {
        let exception = |code, name: &str| Exception {
            code,
            name: name.to_owned(),
            row: Some(2),
            said: "Constraint `c` is violated".to_owned(),
        };
        assert_eq!(inserted(InsertAnswer::Loaded), Ok(Inserted::Loaded));
        let doubt = inserted(InsertAnswer::Uncertain("no answer".to_owned()));
        assert_eq!(doubt, Ok(Inserted::Uncertain("no answer".to_owned())));
        let refused = inserted(InsertAnswer::Refused(exception(469, "VIOLATED_CONSTRAINT")));
        let detail = "exception 469 VIOLATED_CONSTRAINT: Constraint `c` is violated".to_owned();
        assert_eq!(refused, Ok(Inserted::Refused(Refusal { detail, row: Some(1) })));
        for (answer, said) in [
            (InsertAnswer::Away("refused".to_owned()), "refused"),
            (InsertAnswer::Busy(exception(252, "TOO_MANY_PARTS")), "252 TOO_MANY_PARTS"),
        ] {
            let halt = inserted(answer).unwrap_err();
            assert_eq!(halt.dependency, "clickhouse");
            assert!(halt.detail.contains(said), "{halt}");
        }
    }
}
