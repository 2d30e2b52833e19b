//! `stitched-events` and what operators redrive into the table `events`.

use std::borrow::Cow;

use event::{Described as _, Hints, StitchedEvent};
use kafka_runtime::{Mapped, Numbered, Record};
use pipeline::{Halt, RejectReason, Rejected};
use schema_registry::{Decoded, Read};
use warehouse::{EventRow, Row, RowBinary, RowPosition};

use crate::Mapping;

/// A stitched event that was read.
pub(crate) type ReadEvent<'r> = Read<'r, StitchedEvent<&'r str>, StitchedEvent>;

/// Maps stitched events; `read` turns a framed value into one.
#[derive(Debug)]
pub struct Events<D> {
    epoch: u16,
    read: D,
}

impl<D> Events<D>
where
    D: for<'r> FnMut(&'r [u8]) -> Decoded<ReadEvent<'r>>,
{
    /// A mapping for the log's epoch.
    pub fn new(epoch: u16, read: D) -> Self {
        Self { epoch, read }
    }

    fn read<'r>(&mut self, record: &'r Record) -> Decoded<ReadEvent<'r>> {
        let Some(value) = &record.value else {
            return Ok(Err(Rejected::new(RejectReason::Undecodable, "the record has no value")));
        };
        (self.read)(value)
    }
}

/// A row of `events`, of an event that was read in place or copied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are of the larger, and none is kept")]
pub enum AnyEventRow<'r> {
    /// Its texts stand in the record.
    InPlace(EventRow<&'r str>),
    /// It has texts of its own.
    Copied(EventRow),
}

impl Row for AnyEventRow<'_> {
    const TABLE: &'static str = EventRow::<String>::TABLE;
    const FORMAT: u16 = EventRow::<String>::FORMAT;
    const COLUMNS: &'static [&'static str] = EventRow::<String>::COLUMNS;

    fn unheld_time(&self) -> Option<&'static str> {
        match self {
            Self::InPlace(row) => row.unheld_time(),
            Self::Copied(row) => row.unheld_time(),
        }
    }

    fn write(&self, out: &mut RowBinary) {
        match self {
            Self::InPlace(row) => row.write(out),
            Self::Copied(row) => row.write(out),
        }
    }
}

impl<D> Mapping for Events<D>
where
    D: for<'r> FnMut(&'r [u8]) -> Decoded<ReadEvent<'r>>,
{
    type Row<'r> = AnyEventRow<'r>;

    fn map<'r>(&mut self, numbered: &Numbered<'r>) -> Result<Mapped<AnyEventRow<'r>>, Halt> {
        let Numbered { record, waybill } = *numbered;
        let position = position(self.epoch, record);
        Ok(match self.read(record)? {
            Ok(Read::InPlace { value: stitched, .. }) => {
                Mapped::Row(AnyEventRow::InPlace(EventRow { position, waybill, stitched }))
            }
            Ok(Read::Copied(stitched)) => {
                Mapped::Row(AnyEventRow::Copied(EventRow { position, waybill, stitched }))
            }
            Err(rejected) => Mapped::Reject(rejected),
        })
    }

    fn hints<'r>(row: &Self::Row<'r>) -> Hints<Cow<'r, str>> {
        match row {
            AnyEventRow::InPlace(row) => row.stitched.event.named().map(Cow::Borrowed),
            AnyEventRow::Copied(row) => row.stitched.hints().map(Cow::Owned),
        }
    }
}

pub(crate) fn position(epoch: u16, record: &Record) -> RowPosition {
    let at = record.position;
    RowPosition { epoch, topic: at.topic.name(), partition: at.partition, offset: at.offset }
}

#[cfg(test)]
mod tests {
    use event::{Origin, Waybill};
    use kafka_runtime::Position;
    use schema_registry::Registry;
    use topology::Topic;
    use warehouse::{RowBytes, RowWriter};

    use super::*;

    fn record(value: Option<&[u8]>) -> Record {
        Record {
            position: Position { topic: Topic::StitchedEvents, partition: 3, offset: 7 },
            timestamp: None,
            key: None,
            value: value.map(|it| it.to_vec().into()),
            headers: Vec::new(),
        }
    }

    fn waybill() -> Waybill {
        Waybill { origin: Origin { epoch: 0, partition: 3, offset: 7 }, appended_at: 1 }
    }

    fn examples() -> Vec<StitchedEvent> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../avro/examples/stitched-events");
        let read = |file: std::io::Result<std::fs::DirEntry>| {
            serde_json::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap()
        };
        let examples: Vec<StitchedEvent> = std::fs::read_dir(folder).unwrap().map(read).collect();
        assert!(!examples.is_empty(), "{folder} has no example");
        examples
    }

    /// The bytes of the row that the mapping makes, and what it says of the event.
    fn mapped(
        value: &[u8],
        read: impl for<'r> FnMut(&'r [u8]) -> Decoded<ReadEvent<'r>>,
    ) -> (RowBytes, Hints) {
        let (mut events, record) = (Events::new(0, read), record(Some(value)));
        let mapped = events.map(&Numbered { record: &record, waybill: waybill() }).unwrap();
        let Mapped::Row(row) = mapped else { panic!("an event becomes a row") };
        let mut writer = RowWriter::default();
        let written = writer.write(&row);
        writer.pack();
        (written, hints_of(&events, &row))
    }

    fn hints_of<M: Mapping>(_of: &M, row: &M::Row<'_>) -> Hints {
        M::hints(row).map(Cow::into_owned)
    }

    #[test]
    fn an_event_is_the_same_row_whether_it_was_read_in_place_or_copied() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let registry = Registry::offline(runtime.handle().clone()).unwrap();
        let encoder = registry.encoder(Topic::StitchedEvents).unwrap();
        for stitched in examples() {
            let value = encoder.encode(&stitched).unwrap();
            let mut decoder = registry.decoder(Topic::StitchedEvents);
            let (in_place, said) = mapped(&value, |value| {
                let read = decoder.read(value);
                assert!(matches!(read, Ok(Ok(Read::InPlace { .. }))));
                read
            });
            let copied = mapped(&value, |_| Ok(Ok(Read::Copied(stitched.clone()))));
            assert_eq!((in_place, said), copied);
            assert_eq!(copied.1, stitched.hints());
        }
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
