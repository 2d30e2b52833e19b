//! A table of the warehouse as a sink behind the intent protocol.
//!
//! Every method blocks on the runtime's handle; the sink's thread is no thread of that runtime.

use std::{collections::BTreeSet, time::Duration};

use event::{Hints, Origin, Waybill};
use kafka_runtime::{Inserted, Mapped, Numbered, PlacedRow, Range, Sink};
use pipeline::Halt;
use tokio::runtime::Handle;
use topology::Topic;
use warehouse::{InsertAnswer, InsertRequest, PositionRange, Row, Warehouse, WarehouseError};

use crate::token::{Token, prefix};

/// The dependency that a halt names.
const CLICKHOUSE: &str = "clickhouse";

/// How long an INSERT of someone else may go on before it is killed.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// From a record to a row. Deterministic: no clock, no look-up (a schema by its id excepted).
pub trait Mapping {
    /// A row of the table.
    type Row: Row;

    /// Maps a record.
    fn map(&mut self, record: &Numbered<'_>) -> Result<(Mapped<Self::Row>, Hints), Halt>;
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
    attempts: u64,
}

impl<M: Mapping> ClickhouseSink<M> {
    /// A sink that loads what `mapping` makes of the records.
    pub fn new(loader: Loader, mapping: M) -> Self {
        Self { loader, mapping, attempts: 0 }
    }

    fn positions(&self, range: &Range) -> PositionRange {
        PositionRange {
            table: M::Row::TABLE,
            epoch: self.loader.epoch,
            topic: range.topic.name(),
            partition: range.partition,
            start: range.start,
            end: range.end,
        }
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, WarehouseError>>) -> Result<T, Halt> {
        self.loader.runtime.block_on(answer).map_err(|error| halt(error.to_string()))
    }
}

impl<M: Mapping> Sink for ClickhouseSink<M> {
    type Row = M::Row;

    fn map(&mut self, record: &Numbered<'_>) -> Result<(Mapped<M::Row>, Hints), Halt> {
        self.mapping.map(record)
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

    fn insert(&mut self, range: &Range, rows: &[PlacedRow<M::Row>]) -> Result<Inserted, Halt> {
        if rows.is_empty() {
            return Ok(Inserted::Loaded);
        }
        self.attempts += 1;
        let token = Token { epoch: self.loader.epoch, range: *range, format: M::Row::FORMAT };
        let token = token.to_string();
        let query_id = format!("{token}-{}-{}", self.attempts, self.loader.nonce);
        let request = InsertRequest::new(rows.iter().map(|placed| &placed.row), token, query_id);
        inserted(self.loader.runtime.block_on(self.loader.warehouse.insert(request)))
    }

    fn settle(&mut self, topic: Topic, partition: i32) -> Result<(), Halt> {
        let prefix = prefix(self.loader.epoch, topic, partition);
        self.wait(self.loader.warehouse.settle(&prefix, SETTLE_WITHIN))
    }

    fn present(&mut self, range: &Range) -> Result<Vec<i64>, Halt> {
        self.wait(self.loader.warehouse.present(&self.positions(range)))
    }
}

/// What the loop is told of an answer. After a halt it takes its partitions up anew, finds its own
/// intent and reads back, so a part of the rows that is in after all is found.
fn inserted(answer: InsertAnswer) -> Result<Inserted, Halt> {
    match answer {
        InsertAnswer::Loaded => Ok(Inserted::Loaded),
        InsertAnswer::Uncertain(detail) => Ok(Inserted::Uncertain(detail)),
        InsertAnswer::Away(detail) => Err(halt(detail)),
        InsertAnswer::Busy(exception) => Err(halt(format!("answers with {exception}"))),
        InsertAnswer::Refused(exception) => Err(halt(format!("refuses rows with {exception}"))),
    }
}

fn halt(detail: impl Into<String>) -> Halt {
    Halt::new(CLICKHOUSE, detail)
}

#[cfg(test)]
mod tests {
    use warehouse::Exception;

    use super::*;

    #[test]
    fn only_yes_is_loaded_and_only_doubt_is_uncertain_all_else_waits() {
        let exception = |code, name: &str| Exception { code, name: name.to_owned(), row: Some(2) };
        assert_eq!(inserted(InsertAnswer::Loaded), Ok(Inserted::Loaded));
        let doubt = inserted(InsertAnswer::Uncertain("no answer".to_owned()));
        assert_eq!(doubt, Ok(Inserted::Uncertain("no answer".to_owned())));
        for (answer, said) in [
            (InsertAnswer::Away("refused".to_owned()), "refused"),
            (InsertAnswer::Busy(exception(252, "TOO_MANY_PARTS")), "252 TOO_MANY_PARTS"),
            (
                InsertAnswer::Refused(exception(33, "CANNOT_READ_ALL_DATA")),
                "refuses rows with exception 33 CANNOT_READ_ALL_DATA at row 2",
            ),
        ] {
            let halt = inserted(answer).unwrap_err();
            assert_eq!(halt.dependency, "clickhouse");
            assert!(halt.detail.contains(said), "{halt}");
        }
    }
}
