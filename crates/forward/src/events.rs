//! `stitched-events` and what operators redrive into the table `events`.

use event::{Hints, StitchedEvent};
use kafka_runtime::{Mapped, Numbered, Record};
use pipeline::{Halt, RejectReason, Rejected};
use warehouse::{EventRow, RowPosition};

use crate::Mapping;

/// Maps stitched events; `decode` turns a framed value into one.
#[derive(Debug)]
pub struct Events<D> {
    epoch: u16,
    decode: D,
}

impl<D> Events<D>
where
    D: FnMut(&[u8]) -> Result<Result<StitchedEvent, Rejected>, Halt>,
{
    /// A mapping for the log's epoch.
    pub fn new(epoch: u16, decode: D) -> Self {
        Self { epoch, decode }
    }

    fn decoded(&mut self, record: &Record) -> Result<Result<StitchedEvent, Rejected>, Halt> {
        let Some(value) = &record.value else {
            return Ok(Err(Rejected::new(RejectReason::Undecodable, "the record has no value")));
        };
        (self.decode)(value)
    }
}

impl<D> Mapping for Events<D>
where
    D: FnMut(&[u8]) -> Result<Result<StitchedEvent, Rejected>, Halt>,
{
    type Row = EventRow;

    fn map(&mut self, numbered: &Numbered<'_>) -> Result<Mapped<EventRow>, Halt> {
        let stitched = match self.decoded(numbered.record)? {
            Ok(stitched) => stitched,
            Err(rejected) => return Ok(Mapped::Reject(rejected)),
        };
        let position = position(self.epoch, numbered.record);
        let row = EventRow { position, waybill: numbered.waybill, stitched };
        Ok(Mapped::Row(row))
    }

    fn hints(row: EventRow) -> Hints {
        let event = row.stitched.event;
        Hints {
            source: Some(event.source),
            event: Some(event.event.unwrap_or(event.kind)),
            message_id: Some(event.message_id),
            environment: Some(event.environment),
        }
    }
}

pub(crate) fn position(epoch: u16, record: &Record) -> RowPosition {
    let at = record.position;
    RowPosition { epoch, topic: at.topic.name(), partition: at.partition, offset: at.offset }
}

#[cfg(test)]
mod tests {
    use event::{Described as _, Origin, Waybill};
    use kafka_runtime::Position;
    use topology::Topic;

    use super::*;

    fn record(value: Option<&[u8]>) -> Record {
        Record {
            position: Position { topic: Topic::StitchedEvents, partition: 3, offset: 7 },
            timestamp: None,
            key: None,
            value: value.map(<[u8]>::to_vec),
            headers: Vec::new(),
        }
    }

    fn waybill() -> Waybill {
        Waybill { origin: Origin { epoch: 0, partition: 3, offset: 7 }, appended_at: 1 }
    }

    #[test]
    fn a_row_says_of_its_event_what_the_event_says_of_itself() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../avro/examples/stitched-events");
        let mut seen = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let stitched: StitchedEvent = serde_json::from_str(&text).unwrap();
            let said = stitched.hints();
            let mut events = Events::new(0, |_| Ok(Ok(stitched.clone())));
            let record = record(Some(b"framed"));
            let mapped = events.map(&Numbered { record: &record, waybill: waybill() }).unwrap();
            let Mapped::Row(row) = mapped else { panic!("an event becomes a row") };
            assert_eq!(hints_of(&events, row), said);
            seen += 1;
        }
        assert!(seen > 0, "{folder} has no example");
    }

    fn hints_of<M: Mapping>(_of: &M, row: M::Row) -> Hints {
        M::hints(row)
    }

    #[test]
    fn what_is_no_event_is_rejected_and_a_registry_that_is_away_halts() {
        let mut none = Events::new(0, |_| panic!("there is nothing to decode"));
        let empty = record(None);
        let mapped = none.map(&Numbered { record: &empty, waybill: waybill() }).unwrap();
        assert!(matches!(mapped, Mapped::Reject(r) if r.reason == RejectReason::Undecodable));

        let garbage = record(Some(b"garbage"));
        let unknown = || Rejected::new(RejectReason::UnknownSchema, "schema 7");
        let mut refuses = Events::new(0, |_| Ok(Err(unknown())));
        let mapped = refuses.map(&Numbered { record: &garbage, waybill: waybill() }).unwrap();
        assert_eq!(mapped, Mapped::Reject(unknown()));

        let away = || Halt::new("registry", "away");
        let mut halts = Events::new(0, |_| Err(away()));
        let halted = halts.map(&Numbered { record: &garbage, waybill: waybill() });
        assert_eq!(halted.unwrap_err(), away());
    }
}
