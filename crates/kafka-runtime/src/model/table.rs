//! A warehouse in memory: rows are kept as they come, an INSERT with a used token is dropped.

use std::collections::{BTreeMap, BTreeSet};

use event::Origin;

use crate::{
    log::Partition,
    sink::{Bundle, Range},
};

/// How much of an INSERT that is running arrives in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    All,
    Half,
    /// It is killed before anything arrives.
    Nothing,
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) origin: Origin,
    pub(super) refused: bool,
}

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
    /// The only range, or one of a bundle.
    pub(super) range: Range,
    pub(super) rows: Vec<Row>,
    /// A first part of it is in the table: it has passed the look at its token.
    pub(super) begun: bool,
}

/// A shard, and whose rows and tokens are meant there: one shard knows nothing of another's.
type Place = (u32, Partition);

fn place(range: &Range) -> Place {
    (range.shard(), (range.topic, range.partition))
}

/// The name of an INSERT: shard, first range, and what else there is to it.
type Token = (Place, i64, i64, Number);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    Content(u32),
    Digest(u64),
}

fn token(range: &Range) -> Token {
    let (shard, of) = place(range);
    match range.bundle {
        Some(Bundle { partition, start, end, digest }) if range.content == 0 => {
            ((shard, (range.topic, partition)), start, end, Number::Digest(digest))
        }
        _ => ((shard, of), range.start, range.end, Number::Content(range.content)),
    }
}

/// Whether an INSERT is of the range's partition, or of its bundle, by its name.
fn may_have(range: &Range, (at, start, end, _): Token) -> bool {
    let (shard, of) = place(range);
    let first = |it: Bundle| ((shard, (range.topic, it.partition)), it.start, it.end);
    at == (shard, of) || range.bundle.is_some_and(|it| first(it) == (at, start, end))
}

#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<Origin, u32>,
    positions: BTreeSet<(Place, i64)>,
    tokens: BTreeSet<Token>,
    pub(super) running: Vec<(Body, Arrival)>,
}

impl Table {
    /// An INSERT reaches the table. What is refused leaves its token as it was.
    pub(super) fn take(&mut self, body: &Body, arrival: Arrival, tokens: bool) -> Took {
        let (shard, (topic, _)) = place(&body.range);
        let count = match arrival {
            Arrival::All => body.rows.len(),
            Arrival::Half => body.rows.len().div_ceil(2),
            Arrival::Nothing => return Took::Rows(Vec::new()),
        };
        let arrived = &body.rows[..count];
        if arrived.iter().any(|row| row.refused) {
            return Took::Refused;
        }
        if !self.tokens.insert(token(&body.range)) && tokens && !body.begun {
            return Took::Repeat;
        }
        for row in arrived {
            self.positions.insert(((shard, (topic, row.partition)), row.offset));
            *self.rows.entry(row.origin).or_default() += 1;
        }
        Took::Rows(arrived.iter().map(|row| row.origin).collect())
    }

    pub(super) fn holds(&self, origin: Origin) -> bool {
        self.rows.contains_key(&origin)
    }

    pub(super) fn present(&self, range: &Range) -> Vec<i64> {
        let place = place(range);
        let within = (place, range.start)..=(place, range.end);
        self.positions.range(within).map(|(_, offset)| *offset).collect()
    }

    /// Takes the running INSERTs of a range's partition, or bundle, in its shard out; of any, if `None`.
    pub(super) fn running_of(&mut self, range: Option<&Range>) -> Vec<(Body, Arrival)> {
        let of = |body: &Body| range.is_none_or(|range| may_have(range, token(&body.range)));
        self.running.extract_if(.., |(body, _)| of(body)).collect()
    }
}
