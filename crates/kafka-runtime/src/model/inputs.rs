//! Whoever writes the input: records, redriven records, transactions that abort or stay open.

use bytes::Bytes;
use event::{Origin, Waybill};

use super::{
    broker::{Slot, State},
    world::{Kind, World},
};
use crate::record::{Outgoing, header};

const UPSTREAM: Slot = 100;

impl World {
    /// Writes one input record; `what` says what becomes of it.
    pub(super) fn write_input(&mut self, redriven: bool, number: i32, what: u8, written: State) {
        let stage = self.kind.stage();
        let topic = if redriven { stage.redrive() } else { stage.input() };
        self.inputs_written += 1;
        let offset = self.inputs_written;
        let origin = Origin { epoch: 1 + u16::from(redriven), partition: number, offset };
        let again = self.repeatable(redriven, number, what).filter(|_| written == State::Committed);
        let value = match &again {
            Some(_) => b"row".to_vec(),
            None => input_value(self.kind, number, what),
        };
        let waybill =
            again.unwrap_or_else(|| Waybill { origin, appended_at: 1 }.to_header().to_vec().into());
        let record = Outgoing {
            topic,
            partition: Some(number),
            key: None,
            value: Some(value),
            headers: vec![(header::WAYBILL.into(), Some(waybill))],
        };
        self.broker.append((topic, number), record, UPSTREAM, written);
        if written == State::Aborted {
            self.broker.mark((topic, number), UPSTREAM, false);
        }
    }

    /// The number of a record that was redriven into the warehouse before, to redrive it again.
    fn repeatable(&self, redriven: bool, number: i32, what: u8) -> Option<Bytes> {
        if self.kind != Kind::Sink || !redriven || what % 3 != 1 {
            return None;
        }
        let before = self.broker.entries((self.kind.stage().redrive(), number));
        let last = before.iter().rev().find(|entry| entry.state == State::Committed)?;
        let record = last.record.as_ref().filter(|it| it.value.as_deref() == Some(b"row"))?;
        record.headers.first()?.1.clone()
    }

    /// Whoever writes the input ends its open transactions.
    pub(super) fn end_upstream(&mut self, commit: bool) {
        for partition in self.inputs() {
            let entries = self.broker.entries(partition);
            if entries.iter().any(|entry| entry.state == State::Open) {
                self.broker.mark(partition, UPSTREAM, commit);
            }
        }
    }
}

fn input_value(kind: Kind, number: i32, what: u8) -> Vec<u8> {
    match kind {
        Kind::Stateful => format!("key-{number}-{}", what % 4).into_bytes(),
        Kind::Sink if what % 5 == 4 => b"reject".to_vec(),
        Kind::Sink if what % 5 == 2 => b"refused".to_vec(),
        Kind::Sink => b"row".to_vec(),
        Kind::Stateless => match what % 8 {
            5 => b"discard".to_vec(),
            6 => b"reject".to_vec(),
            7 => b"panic".to_vec(),
            _ => b"emit".to_vec(),
        },
    }
}
