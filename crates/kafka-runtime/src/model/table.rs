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

/// A row: its offset, its number, and whether the table refuses it.
pub(super) type Row = (i64, Origin, bool);

/// What became of an INSERT that reached the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Took {
    /// These rows got in.
    Rows(Vec<Origin>),
    /// Nothing: its token was used.
    Repeat,
    /// Nothing: there was a row among those that arrived which the table refuses.
    Refused,
}

/// An INSERT with its rows.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) range: Range,
    pub(super) rows: Vec<Row>,
    /// A first part of it is in the table: it has passed the look at its token.
    pub(super) begun: bool,
}

/// A shard, and whose rows and tokens are meant there: one shard knows nothing of another's.
type Place = (i32, Partition);

fn place(range: &Range) -> Place {
    let shards = i32::try_from(range.shards).unwrap();
    (range.partition % shards, (range.topic, range.partition))
}

#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<Origin, u32>,
    positions: BTreeSet<(Place, i64)>,
    tokens: BTreeSet<(Place, i64, i64, u32)>,
    pub(super) running: Vec<(Body, Arrival)>,
}

impl Table {
    /// An INSERT reaches the table. What is refused leaves its token as it was.
    pub(super) fn take(&mut self, body: &Body, arrival: Arrival, tokens: bool) -> Took {
        let range = &body.range;
        let place = place(range);
        let count = match arrival {
            Arrival::All => body.rows.len(),
            Arrival::Half => body.rows.len().div_ceil(2),
            Arrival::Nothing => return Took::Rows(Vec::new()),
        };
        let arrived = &body.rows[..count];
        if arrived.iter().any(|(_, _, refused)| *refused) {
            return Took::Refused;
        }
        let token = (place, range.start, range.end, range.content);
        if !self.tokens.insert(token) && tokens && !body.begun {
            return Took::Repeat;
        }
        for (offset, origin, _) in arrived {
            self.positions.insert((place, *offset));
            *self.rows.entry(*origin).or_default() += 1;
        }
        Took::Rows(arrived.iter().map(|(_, origin, _)| *origin).collect())
    }

    pub(super) fn holds(&self, origin: Origin) -> bool {
        self.rows.contains_key(&origin)
    }

    pub(super) fn present(&self, range: &Range) -> Vec<i64> {
        let place = place(range);
        let within = (place, range.start)..=(place, range.end);
        self.positions.range(within).map(|(_, offset)| *offset).collect()
    }

    /// Takes the running INSERTs of a range's partition in its shard out; of any, if `None`.
    pub(super) fn running_of(&mut self, range: Option<&Range>) -> Vec<(Body, Arrival)> {
        let of = |body: &Body| range.is_none_or(|range| place(range) == place(&body.range));
        self.running.extract_if(.., |(body, _)| of(body)).collect()
    }
}
