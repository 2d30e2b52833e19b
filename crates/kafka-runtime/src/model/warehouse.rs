//! The sink under the sink's loop: it loads into the table in memory.

use std::rc::Rc;

use event::{Hints, Waybill};
use pipeline::{Halt, RejectReason, Rejected};
use topology::Topic;

use super::{
    mutant::Mutant,
    table::{Arrival, Body},
    world::{Happened, Insert, Seat, Trouble, World},
};
use crate::{
    record::Numbered,
    sink::{Inserted, Mapped, PlacedRow, Range, Sink},
};

pub(super) struct Warehouse(pub(super) Rc<Seat>);

fn away(world: &mut World, slot: u8) -> Result<(), Halt> {
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
        if self.take_rows(&body, Arrival::Half) {
            body.rows.drain(..body.rows.len().div_ceil(2));
            body.begun = true;
            self.table.running.push((body, rest));
        }
    }

    /// False if the INSERT is dropped as a repeat.
    fn take_rows(&mut self, body: &Body, arrival: Arrival) -> bool {
        let tokens = !self.is(Mutant::RandomTokens);
        let Some(arrived) = self.table.take(body, arrival, tokens) else {
            self.happened(Happened::DroppedByToken);
            return false;
        };
        for origin in arrived {
            self.audit.fate(origin, "row");
        }
        true
    }
}

impl Warehouse {
    /// Sends the INSERT, to whatever it meets.
    fn send(&self, body: Body) -> Result<Inserted, Halt> {
        let mut world = self.0.step();
        away(&mut world, self.0.slot)?;
        let met = world.meets(self.0.slot, |it| match it {
            Trouble::Insert(insert) => Some(insert),
            _ => None,
        });
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
    type Row = ();

    fn map(&mut self, record: &Numbered<'_>) -> Result<(Mapped<()>, Hints), Halt> {
        let mapped = match record.record.value.as_deref() {
            Some(b"reject") => Mapped::Reject(Rejected::new(RejectReason::RefusedRow, "told to")),
            _ => Mapped::Row(()),
        };
        Ok((mapped, Hints::default()))
    }

    fn loaded(&mut self, waybills: &[Waybill]) -> Result<Vec<Waybill>, Halt> {
        let mut world = self.0.step();
        away(&mut world, self.0.slot)?;
        let held = waybills.iter().filter(|it| world.table.holds(it.origin));
        Ok(held.copied().collect())
    }

    fn insert(&mut self, range: &Range, rows: &[PlacedRow<()>]) -> Result<Inserted, Halt> {
        let rows = rows.iter().map(|row| (row.offset, row.waybill.origin)).collect();
        let inserted = self.send(Body { range: *range, rows, begun: false });
        // It may die here, with the rows in the table and nobody told.
        let world = self.0.step();
        if world.is(Mutant::TrustsInserts) {
            return Ok(Inserted::Loaded);
        }
        inserted
    }

    fn settle(&mut self, topic: Topic, partition: i32) -> Result<(), Halt> {
        let mut world = self.0.step();
        away(&mut world, self.0.slot)?;
        if world.is(Mutant::SkipsSettle) {
            return Ok(());
        }
        for (body, much) in world.table.running_of(Some((topic, partition))) {
            world.happened(Happened::ArrivedInSettle);
            world.rows_arrive(&body, much);
        }
        Ok(())
    }

    fn present(&mut self, range: &Range) -> Result<Vec<i64>, Halt> {
        let mut world = self.0.step();
        away(&mut world, self.0.slot)?;
        if world.is(Mutant::SkipsReadBack) {
            return Ok(Vec::new());
        }
        let present = world.table.present(range);
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
