//! The processor: decode, step, remember.

use std::collections::{BTreeMap, HashMap};

use crashpoint::crashpoint;
use event::{Described, Hints, IdentityLink, Keyed, StitchedEvent};
use identity::{Window, stitch};
use kafka_runtime::{Changelog, Fate, Numbered, Outgoing, Position, Processed, Processor, Record};
use pipeline::{Context, Halt, RejectReason, Rejected, Verdict};
use schema_registry::Registry;
use topology::Topic;

use crate::{
    catch_up::{Behind, catch_up},
    codecs::Codecs,
    overlay::{Overlay, View, store_halt},
    store::{Covered, OpenError, Store, StoreError, Stores},
};

/// Tells how many partitions the flow's topics have. Blocking.
pub type PartitionCount = Box<dyn FnMut() -> Result<u16, Halt> + Send>;

/// Room for headers and framing of an output. It is more than the runtime reserves: what is
/// remembered as emitted may not become a dead letter afterwards, or a redrive of that letter
/// would be taken for a copy.
const OUTPUT_OVERHEAD: usize = 4_096;

/// Gives each event its person, drops repeats, and keeps the stores equal to the changelogs.
pub struct Stitcher<T: Stores> {
    window: Window,
    codecs: Codecs,
    stores: T,
    partition_count: PartitionCount,
    open: HashMap<i32, T::Store>,
    /// Changes of the batch in hand by partition.
    overlays: BTreeMap<i32, Overlay>,
    /// Topic and partition of what [`Processor::changes`] returned, in order.
    told: Vec<(Topic, i32)>,
}

impl<T: Stores> Stitcher<T> {
    /// A stitcher without any partition yet.
    pub fn new(
        registry: &Registry,
        window_days: u16,
        stores: T,
        partition_count: PartitionCount,
    ) -> Self {
        Self {
            window: Window { days: window_days },
            codecs: Codecs::new(registry),
            stores,
            partition_count,
            open: HashMap::new(),
            overlays: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    fn restore(
        &mut self,
        partition: i32,
        count: u16,
        log: &mut dyn Changelog,
    ) -> Result<T::Store, Halt> {
        let mut store = self.stores.open(partition, count).map_err(|error| open_halt(&error))?;
        match catch_up(partition, &mut store, &mut self.codecs, log) {
            Ok(()) => Ok(store),
            Err(Behind::Halt(halt)) => Err(halt),
            Err(Behind::Damaged(detail)) => {
                drop(store);
                self.stores.condemn(partition);
                Err(Halt::new("state-store", format!("to be rebuilt: {detail}")))
            }
        }
    }

    fn judge(
        &mut self,
        event: event::EnrichedEvent,
        cx: &Context,
        partition: i32,
    ) -> Result<(Verdict<StitchedEvent>, identity::Changes), Halt> {
        let Some(store) = self.open.get(&partition) else {
            let detail = format!("partition {partition} has no open state");
            return Err(Halt::new("state-store", detail));
        };
        let view = View::new(self.overlays.get(&partition), store);
        let judged = stitch(event, cx, self.window, &view);
        if view.found_damage() {
            self.condemn(partition);
        }
        judged
    }

    /// Gives the store up; the next assignment rebuilds it.
    fn condemn(&mut self, partition: i32) {
        self.open.remove(&partition);
        self.stores.condemn(partition);
    }

    /// The output and the links, encoded. The inner error is the event's own fault.
    fn written(
        &mut self,
        stitched: &StitchedEvent,
        links: &[IdentityLink],
    ) -> Result<Result<(Fate, Vec<Outgoing>), Rejected>, Halt> {
        let value = match self.codecs.stitched(stitched)? {
            Ok(value) => value,
            Err(error) => return Ok(Err(unfit(&error))),
        };
        let key = stitched.key().as_bytes().to_vec();
        let size = key.len() + value.len() + OUTPUT_OVERHEAD;
        let limit = Topic::StitchedEvents.max_message_bytes() as usize;
        if size > limit {
            let detail = format!("the output takes {size} bytes; its topic takes {limit}");
            return Ok(Err(Rejected::new(RejectReason::TooLarge, detail)));
        }
        let mut beside = Vec::with_capacity(links.len());
        for link in links {
            match self.codecs.link(link)? {
                Ok(value) => beside.push(link_record(link, value)),
                Err(error) => return Ok(Err(unfit(&error))),
            }
        }
        Ok(Ok((Fate::Emit { key, value }, beside)))
    }

    /// Applies each partition's changes with the changelog positions that they were given.
    fn store_batch(&mut self, covered: &BTreeMap<i32, Covered>) -> Result<(), Halt> {
        for (partition, overlay) in std::mem::take(&mut self.overlays) {
            let Some(store) = self.open.get_mut(&partition) else { continue };
            let before = store.covered();
            let written = covered.get(&partition).copied().unwrap_or_default();
            let covered = Covered {
                journal: written.journal.or(before.journal),
                state: written.state.or(before.state),
            };
            crashpoint!("before-store");
            if let Err(error) = store.apply(&overlay.into_writes(), covered) {
                if matches!(error, StoreError::Damaged(_)) {
                    self.condemn(partition);
                }
                return Err(store_halt(&error));
            }
            crashpoint!("after-store");
        }
        Ok(())
    }
}

impl<T: Stores> Processor for Stitcher<T> {
    /// Nothing is remembered of a record before its output is known to be good: what fails on the
    /// way leaves no trace.
    fn process(&mut self, numbered: &Numbered<'_>) -> Result<Processed, Halt> {
        let Record { position, value, .. } = numbered.record;
        let event = match self.codecs.event(value.as_deref().unwrap_or_default())? {
            Ok(event) => event,
            Err(rejected) => return Ok(alone(Fate::Reject(rejected), Hints::default())),
        };
        let hints = event.hints();
        let redriven = matches!(position.topic, Topic::Redrive(_));
        let cx = Context { waybill: numbered.waybill, redriven };
        let (verdict, changes) = self.judge(event, &cx, position.partition)?;
        let stitched = match verdict {
            Verdict::Emit(stitched) => stitched,
            Verdict::Discard(discarded) => return Ok(alone(Fate::Discard(discarded), hints)),
            Verdict::Reject(rejected) => return Ok(alone(Fate::Reject(rejected), hints)),
        };
        match self.written(&stitched, &changes.links)? {
            Ok((fate, side)) => {
                self.overlays.entry(position.partition).or_default().keep(changes);
                Ok(Processed { fate, hints, side })
            }
            Err(rejected) => Ok(alone(Fate::Reject(rejected), hints)),
        }
    }

    /// `partitions` are all that are assigned now. Each store is opened anew, so that one that
    /// failed gets a fresh start.
    fn assigned(&mut self, partitions: &[i32], log: &mut dyn Changelog) -> Result<(), Halt> {
        self.aborted();
        self.open.clear();
        let count = (self.partition_count)()?;
        for &partition in partitions {
            let store = self.restore(partition, count, log)?;
            self.open.insert(partition, store);
        }
        Ok(())
    }

    fn revoked(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.open.remove(partition);
            self.overlays.remove(partition);
        }
    }

    fn changes(&mut self) -> Result<Vec<Outgoing>, Halt> {
        let mut changes = Vec::new();
        for (partition, overlay) in &self.overlays {
            changes.extend(self.codecs.changes(*partition, overlay)?);
        }
        self.told = changes
            .iter()
            .map(|change| (change.topic, change.partition.unwrap_or_default()))
            .collect();
        Ok(changes)
    }

    fn committed(&mut self, written: &[Position]) -> Result<(), Halt> {
        let told = std::mem::take(&mut self.told);
        let positions = written.iter().map(|at| (at.topic, at.partition));
        if !positions.eq(told.iter().copied()) {
            self.aborted();
            let detail = "the positions of the changes are not those of what was written";
            return Err(Halt::new("state-store", detail));
        }
        let stored = self.store_batch(&covered_by(written));
        self.aborted();
        stored
    }

    fn aborted(&mut self) {
        self.overlays.clear();
        self.told.clear();
    }
}

/// The next offset of each changelog partition after these records.
fn covered_by(written: &[Position]) -> BTreeMap<i32, Covered> {
    let mut covered: BTreeMap<i32, Covered> = BTreeMap::new();
    for at in written {
        let entry = covered.entry(at.partition).or_default();
        let reached =
            if at.topic == Topic::IdentityJournal { &mut entry.journal } else { &mut entry.state };
        *reached = (*reached).max(Some(at.offset + 1));
    }
    covered
}

fn link_record(link: &IdentityLink, value: Vec<u8>) -> Outgoing {
    Outgoing {
        topic: Topic::IdentityLinks,
        partition: None,
        key: Some(link.anonymous_id.clone().into_bytes()),
        value: Some(value),
        headers: Vec::new(),
    }
}

fn alone(fate: Fate, hints: Hints) -> Processed {
    Processed { fate, hints, side: Vec::new() }
}

fn unfit(error: &event::codec::CodecError) -> Rejected {
    Rejected::new(RejectReason::InvalidField, error.to_string())
}

fn open_halt(error: &OpenError) -> Halt {
    let dependency = match error {
        OpenError::PartitionCount { .. } => "partition-count",
        OpenError::Unavailable { .. } => "state-store",
    };
    Halt::new(dependency, error.to_string())
}
