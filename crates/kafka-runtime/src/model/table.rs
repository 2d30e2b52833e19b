//! A warehouse in memory: rows are kept as they come, an INSERT with a used token is dropped.

use std::collections::{BTreeMap, BTreeSet};

use event::Origin;

use crate::{log::Partition, sink::Range};

/// How much of an INSERT that is running arrives in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    All,
    Half,
    /// It is killed before anything arrives.
    Nothing,
}

/// An INSERT with its rows: offset and number.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) range: Range,
    pub(super) rows: Vec<(i64, Origin)>,
    /// A first part of it is in the table: it has passed the look at its token.
    pub(super) begun: bool,
}

#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<Origin, u32>,
    positions: BTreeSet<(Partition, i64)>,
    tokens: BTreeSet<(Partition, i64, i64, u32)>,
    pub(super) running: Vec<(Body, Arrival)>,
}

impl Table {
    /// Rows of an INSERT that got in; `None` if its token was used.
    pub(super) fn take(
        &mut self,
        body: &Body,
        arrival: Arrival,
        tokens: bool,
    ) -> Option<Vec<Origin>> {
        let range = &body.range;
        let partition = (range.topic, range.partition);
        let count = match arrival {
            Arrival::All => body.rows.len(),
            Arrival::Half => body.rows.len().div_ceil(2),
            Arrival::Nothing => return Some(Vec::new()),
        };
        let token = (partition, range.start, range.end, range.content);
        if !self.tokens.insert(token) && tokens && !body.begun {
            return None;
        }
        let arrived = &body.rows[..count];
        for (offset, origin) in arrived {
            self.positions.insert((partition, *offset));
            *self.rows.entry(*origin).or_default() += 1;
        }
        Some(arrived.iter().map(|(_, origin)| *origin).collect())
    }

    pub(super) fn holds(&self, origin: Origin) -> bool {
        self.rows.contains_key(&origin)
    }

    pub(super) fn present(&self, range: &Range) -> Vec<i64> {
        let partition = (range.topic, range.partition);
        let within = (partition, range.start)..=(partition, range.end);
        self.positions.range(within).map(|(_, offset)| *offset).collect()
    }

    /// Takes the running INSERTs of a partition out; of any, if `None`.
    pub(super) fn running_of(&mut self, partition: Option<Partition>) -> Vec<(Body, Arrival)> {
        let of =
            |body: &Body| partition.is_none_or(|it| it == (body.range.topic, body.range.partition));
        self.running.extract_if(.., |(body, _)| of(body)).collect()
    }
}
