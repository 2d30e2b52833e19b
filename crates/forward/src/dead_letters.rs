//! The dead-letter topics of every stage into the table `dead_letters`.

use event::{DeadLetter, Waybill};
use kafka_runtime::{Mapped, Numbered, Record, header};
use pipeline::{Halt, Rejected};
use topology::Topic;
use warehouse::{DeadLetterRow, TIMES, Undecodable};

use crate::{Mapping, events::position};

/// Maps dead letters; `decode` turns a framed value into one. Never rejects.
#[derive(Debug)]
pub struct DeadLetters<D> {
    epoch: u16,
    decode: D,
}

impl<D> DeadLetters<D>
where
    D: FnMut(&[u8]) -> Result<Result<DeadLetter, Rejected>, Halt>,
{
    /// A mapping for the log's epoch.
    pub fn new(epoch: u16, decode: D) -> Self {
        Self { epoch, decode }
    }
}

impl<D> Mapping for DeadLetters<D>
where
    D: FnMut(&[u8]) -> Result<Result<DeadLetter, Rejected>, Halt>,
{
    type Row<'r> = DeadLetterRow;

    fn map(&mut self, numbered: &Numbered<'_>) -> Result<Mapped<DeadLetterRow>, Halt> {
        let record = numbered.record;
        let position = position(self.epoch, record);
        let row = match (self.decode)(record.value.as_deref().unwrap_or_default())? {
            Ok(letter) => DeadLetterRow::new(position, letter),
            Err(_) => DeadLetterRow::undecodable(position, undecodable(record)),
        };
        Ok(Mapped::Row(row))
    }

    fn plain(&mut self, numbered: &Numbered<'_>) -> Option<DeadLetterRow> {
        let record = numbered.record;
        Some(DeadLetterRow::undecodable(position(self.epoch, record), undecodable(record)))
    }
}

/// What the headers, the topic and Kafka say of a record that cannot be decoded. Not the number
/// that the runtime hands in: it stands in where a record of a side table has none. A time that the
/// tables cannot hold is none.
pub(crate) fn undecodable(record: &Record) -> Undecodable {
    let word = |name| record.header(name).map(|value| String::from_utf8_lossy(value).into_owned());
    let of_topic = match record.position.topic {
        Topic::DeadLetters(stage) => Some(stage.name().to_owned()),
        _ => None,
    };
    let waybill = record.header(header::WAYBILL).and_then(|it| Waybill::from_header(it).ok());
    Undecodable {
        stage: of_topic.or_else(|| word(header::STAGE)).unwrap_or_default(),
        reason: word(header::REASON).unwrap_or_default(),
        waybill: waybill.filter(|waybill| TIMES.contains(&waybill.appended_at)),
        timestamp: record.timestamp.filter(|timestamp| TIMES.contains(timestamp)),
        value: record.value.as_deref().unwrap_or_default().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use event::Origin;
    use kafka_runtime::Position;
    use pipeline::RejectReason;
    use topology::Stage;

    use super::*;

    fn record(value: Option<&[u8]>, headers: Vec<kafka_runtime::Header>) -> Record {
        let topic = Topic::DeadLetters(Stage::Enrich);
        Record {
            position: Position { topic, partition: 1, offset: 4 },
            timestamp: Some(9),
            key: None,
            value: value.map(|it| it.to_vec().into()),
            headers,
        }
    }

    fn waybill() -> Waybill {
        Waybill { origin: Origin { epoch: 0, partition: 3, offset: 7 }, appended_at: 1 }
    }

    #[test]
    fn what_cannot_be_decoded_is_kept_with_what_its_headers_say() {
        let headers = vec![
            (header::REASON.into(), Some(b"malformed".as_slice().into())),
            (header::WAYBILL.into(), Some(waybill().to_header().to_vec().into())),
        ];
        let garbage = undecodable(&record(Some(b"garbage"), headers));
        assert_eq!((garbage.stage.as_str(), garbage.reason.as_str()), ("enrich", "malformed"));
        assert_eq!((garbage.waybill, garbage.timestamp), (Some(waybill()), Some(9)));
        assert_eq!(garbage.value, b"garbage");
        let odd = Waybill { appended_at: i64::MAX, ..waybill() };
        let headers = vec![(header::WAYBILL.into(), Some(odd.to_header().to_vec().into()))];
        let odd = undecodable(&Record { timestamp: Some(-1 << 60), ..record(None, headers) });
        assert_eq!((odd.waybill, odd.timestamp), (None, None), "no table can hold such times");
        let bare = undecodable(&record(None, Vec::new()));
        assert_eq!((bare.reason.as_str(), bare.waybill, bare.value.len()), ("", None, 0));
    }

    #[test]
    fn a_dead_letter_is_never_rejected_in_turn() {
        let mut letters = DeadLetters::new(0, |_: &[u8]| {
            Ok(Err(Rejected::new(RejectReason::Undecodable, "no frame")))
        });
        for value in [None, Some(&b"garbage"[..])] {
            let record = record(value, Vec::new());
            let mapped = letters.map(&Numbered { record: &record, waybill: waybill() }).unwrap();
            let Mapped::Row(row) = mapped else { panic!("a side table keeps every record") };
            let at = position(0, &record);
            assert_eq!(row, DeadLetterRow::undecodable(at, undecodable(&record)));
        }
    }
}
