//! The sink under the sink's loop: it loads into the table in memory.

use std::{rc::Rc, time::Duration};

use event::{Hints, Waybill};
use pipeline::{Halt, RejectReason, Rejected};

use super::{
    mutant::Mutant,
    table::{Arrival, Body, Row, Took},
    world::{Happened, Insert, Seat, Trouble, World, locked},
};
use crate::{
    record::Numbered,
    sink::{Inserted, Mapped, MappedRecord, Part, Range, Refusal, Sink},
};

/// The sink of a process.
pub(super) struct Warehouse {
    seat: Rc<Seat>,
    /// Over how many shards its configuration spreads the partitions.
    shards: u32,
    /// How many of its INSERTs were refused.
    refused: u32,
}

/// Over how many shards one sink after the other is spread.
const SHARDS: [u32; 4] = [1, 1, 2, 3];
/// What each answer takes, and what is learnt of there being none. Two take longer than a shard that was away
/// is left in peace: its time is over in the middle of a turn of the loop, or between two.
const ANSWERS_IN: Duration = Duration::from_secs(4);

fn away(world: &mut World, slot: u8) -> Result<(), Halt> {
    world.pass(ANSWERS_IN);
    if world.meets_one(slot, Trouble::Away, Happened::Away) {
        return Err(Halt::new("clickhouse", "connection refused"));
    }
    Ok(())
}

fn uncertain() -> Inserted {
    Inserted::Uncertain("reset".to_owned())
}

impl World {
    /// Rows reach the table.
    pub(super) fn rows_arrive(&mut self, body: &Body, arrival: Arrival) {
        self.take_rows(body, arrival);
    }

    /// The first half reaches the table; of the rest, so much later.
    fn half_arrives(&mut self, mut body: Body, rest: Arrival) {
        if self.take_rows(&body, Arrival::Half) == Some(true) {
            body.rows.drain(..body.rows.len().div_ceil(2));
            body.begun = true;
            self.table.running.push((body, rest));
        }
    }

    /// Whether rows got in; `None` if the INSERT is refused.
    fn take_rows(&mut self, body: &Body, arrival: Arrival) -> Option<bool> {
        let tokens = !self.is(Mutant::RandomTokens);
        match self.table.take(body, arrival, tokens) {
            Took::Repeat => {
                self.happened(Happened::DroppedByToken);
                Some(false)
            }
            Took::Refused => {
                self.happened(Happened::RefusedByTable);
                None
            }
            Took::Rows(arrived) => {
                for origin in arrived {
                    self.audit.fate(origin, "row");
                }
                Some(true)
            }
        }
    }

    /// An INSERT with a row that the table refuses. Of several blocks a first one may be in.
    fn refuse(&mut self, body: &Body, met: Option<Insert>) -> Inserted {
        let partly = met == Some(Insert::Partly) && body.rows.len() > 1;
        if partly && self.take_rows(body, Arrival::Half) == Some(true) {
            self.happened(Happened::RefusedPartly);
        }
        if body.rows.len() == 1 {
            self.happened(Happened::RefusedAlone);
        }
        let row = body.rows.iter().position(|row| row.refused);
        // The word of a table is not to be relied on.
        let row = row.filter(|row| row % 2 == 0).or(Some(0));
        Inserted::Refused(Refusal { detail: "told to".to_owned(), row })
    }
}

impl Warehouse {
    /// Each has another configuration than the one before: shards come and go.
    pub(super) fn open(seat: &Rc<Seat>) -> Self {
        let mut world = locked(&seat.world);
        world.sinks += 1;
        let shards = SHARDS[world.sinks as usize % SHARDS.len()];
        Self { seat: seat.clone(), shards, refused: 0 }
    }

    /// The range as the sink takes it up.
    fn taken(&self, world: &mut World, range: &Range) -> Range {
        if range.shards == self.shards {
            return *range;
        }
        world.happened(Happened::OtherShards);
        let shards = if world.is(Mutant::ForgetsShards) { self.shards } else { range.shards };
        Range { shards, ..*range }
    }

    /// Sends the INSERT, to whatever it meets.
    fn send(&self, body: Body) -> Result<Inserted, Halt> {
        let mut world = self.seat.step();
        away(&mut world, self.seat.slot)?;
        let met = world.meets(self.seat.slot, |it| match it {
            Trouble::Insert(insert) => Some(insert),
            _ => None,
        });
        let is_refused = body.rows.iter().any(|row| row.refused);
        if is_refused && matches!(met, None | Some(Insert::Partly)) {
            return Ok(world.refuse(&body, met));
        }
        match met {
            None | Some(Insert::LostAfter) => world.rows_arrive(&body, Arrival::All),
            Some(Insert::Partly) => world.rows_arrive(&body, Arrival::Half),
            Some(Insert::LostBefore) => {}
            Some(Insert::Trickles(rest)) => world.half_arrives(body, rest),
            Some(Insert::Late(much) | Insert::LateAndAway(much)) => {
                world.table.running.push((body, much));
            }
        }
        let Some(met) = met else { return Ok(Inserted::Loaded) };
        world.happened(match met {
            Insert::LostAfter => Happened::InsertLostAfter,
            Insert::LostBefore => Happened::InsertLostBefore,
            Insert::Partly => Happened::InsertPartly,
            Insert::Trickles(_) => Happened::InsertTrickled,
            Insert::Late(_) | Insert::LateAndAway(_) => Happened::InsertLate,
        });
        match met {
            Insert::LateAndAway(_) => Err(Halt::new("clickhouse", "connection refused")),
            _ => Ok(uncertain()),
        }
    }
}

impl Sink for Warehouse {
    /// Whether the table refuses it.
    type Row = bool;

    fn shards(&self) -> u32 {
        self.shards
    }

    fn map<'r>(&mut self, record: &Numbered<'r>) -> Result<MappedRecord<'r, bool>, Halt> {
        let mapped = match record.record.value.as_deref() {
            Some(b"reject") => Mapped::Reject(Rejected::new(RejectReason::Undecodable, "told to")),
            value => Mapped::Row(value == Some(b"refused")),
        };
        Ok((mapped, Hints::default()))
    }

    fn loaded(&mut self, waybills: &[Waybill]) -> Result<Vec<Waybill>, Halt> {
        let mut world = self.seat.step();
        away(&mut world, self.seat.slot)?;
        let held = waybills.iter().filter(|it| world.table.holds(it.origin));
        Ok(held.copied().collect())
    }

    fn insert(&mut self, parts: &[Part<'_, bool>]) -> Result<Inserted, Halt> {
        let rows = parts.iter().flat_map(|(range, rows)| {
            rows.iter().map(|it| Row {
                partition: range.partition,
                offset: it.offset,
                origin: it.waybill.origin,
                refused: it.row,
            })
        });
        let rows = rows.collect();
        let range = {
            let mut world = self.seat.step();
            let mut range = self.taken(&mut world, parts[0].0);
            match parts.len() {
                1 if world.is(Mutant::ForgetsBundles) => range.bundle = None,
                1 if range.bundle.is_some() && range.content == 0 => {
                    world.happened(Happened::BundleSettled);
                }
                1 => {}
                _ => world.happened(Happened::Bundle),
            }
            if world.is(Mutant::LeavesRefusedNumbers) {
                range.content += self.refused;
            }
            range
        };
        let inserted = self.send(Body { range, rows, begun: false });
        self.refused += u32::from(matches!(inserted, Ok(Inserted::Refused(_))));
        // It may die here, with the rows in the table and nobody told.
        let world = self.seat.step();
        if world.is(Mutant::TakesRefusedForLoaded) && matches!(inserted, Ok(Inserted::Refused(_))) {
            return Ok(Inserted::Loaded);
        }
        if world.is(Mutant::TrustsInserts) {
            return Ok(Inserted::Loaded);
        }
        inserted
    }

    fn settle(&mut self, range: &Range) -> Result<(), Halt> {
        let mut world = self.seat.step();
        away(&mut world, self.seat.slot)?;
        if world.is(Mutant::SkipsSettle) {
            return Ok(());
        }
        let range = self.taken(&mut world, range);
        for (body, much) in world.table.running_of(Some(&range)) {
            world.happened(Happened::ArrivedInSettle);
            world.rows_arrive(&body, much);
        }
        Ok(())
    }

    fn present(&mut self, range: &Range) -> Result<Vec<i64>, Halt> {
        let mut world = self.seat.step();
        away(&mut world, self.seat.slot)?;
        if world.is(Mutant::SkipsReadBack) {
            return Ok(Vec::new());
        }
        let range = self.taken(&mut world, range);
        let present = world.table.present(&range);
        world.happened(match present.len() {
            0 => Happened::ReadBackNone,
            count if count < usize::try_from(range.end - range.start + 1).unwrap() => {
                Happened::ReadBackSome
            }
            _ => Happened::ReadBackAll,
        });
        Ok(present)
    }
}
