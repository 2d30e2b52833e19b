//! The processor: decode, step, remember.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crashpoint::crashpoint;
use event::{
    Described, EnrichedEvent, ErasedIds, Hints, IdentityFacts, Keyed, Origin, Text, Waybill,
};
use identity::{Aliases, Changes, ERASE, Ordered, Refusal, Rules, erase, follow, stitch};
use kafka_runtime::{
    Changelog, Fate, Followed, Numbered, Outgoing, Position, Processed, Processor, Record,
};
use pipeline::{Context, Halt, RejectReason, Rejected, Verdict};
use schema_registry::{Read, Registry};
use serde::Serialize;
use telemetry::IdentityMetrics;
use topology::Topic;

use crate::{
    catch_up::{Behind, catch_up},
    codecs::{Codecs, alias_gone},
    overlay::{Overlay, View, store_halt},
    store::{Covered, OpenError, Store, StoreError, Stores},
};

/// Tells how many partitions the flow's topics have. Blocking.
pub type PartitionCount = Box<dyn FnMut() -> Result<u16, Halt> + Send>;

/// Room for headers and framing of an output. It is more than the runtime reserves: what is
/// remembered as emitted may not become a dead letter afterwards, or a redrive of that letter
/// would be taken for a copy.
const OUTPUT_OVERHEAD: usize = 4_096;

/// What the stitcher knows of the past, and where it asks for it.
pub struct Past<T> {
    /// The stores of the partitions.
    pub stores: T,
    /// How many partitions there are.
    pub partition_count: PartitionCount,
    /// The merges of users that any instance has told.
    pub aliases: Followed<Aliases>,
}

/// Gives each event its person, drops repeats, and keeps the stores equal to the changelogs.
pub struct Stitcher<T: Stores> {
    rules: Rules,
    epoch: u16,
    codecs: Codecs,
    past: Past<T>,
    /// The merges of users that the batch in hand is judged by.
    aliases: Option<Arc<Aliases>>,
    open: HashMap<i32, T::Store>,
    /// Changes of the batch in hand by partition.
    overlays: BTreeMap<i32, Overlay>,
    /// Topic and partition of what [`Processor::changes`] returned, in order.
    told: Vec<(Topic, i32)>,
    metrics: IdentityMetrics,
}

impl<T: Stores> Stitcher<T> {
    /// A stitcher without any partition yet. `epoch` is the log's.
    pub fn new(registry: &Registry, rules: Rules, epoch: u16, past: Past<T>) -> Self {
        Self {
            rules,
            epoch,
            codecs: Codecs::new(registry),
            past,
            aliases: None,
            open: HashMap::new(),
            overlays: BTreeMap::new(),
            told: Vec::new(),
            metrics: IdentityMetrics::of(Refusal::ALL.map(Refusal::word)),
        }
    }

    fn restore(
        &mut self,
        partition: i32,
        count: u16,
        log: &mut dyn Changelog,
    ) -> Result<T::Store, Halt> {
        let mut store =
            self.past.stores.open(partition, count).map_err(|error| open_halt(&error))?;
        match catch_up(partition, &mut store, &mut self.codecs, log) {
            Ok(()) => Ok(store),
            Err(Behind::Halt(halt)) => Err(halt),
            Err(Behind::Damaged(detail)) => {
                drop(store);
                self.past.stores.condemn(partition);
                Err(Halt::new("state-store", format!("to be rebuilt: {detail}")))
            }
        }
    }

    /// Asks `question` of the past of the partition.
    fn ask<R>(
        &mut self,
        partition: i32,
        question: impl FnOnce(&View<'_, T::Store>, &Rules) -> Result<R, Halt>,
    ) -> Result<R, Halt> {
        let aliases = match &self.aliases {
            Some(aliases) => Arc::clone(aliases),
            None => Arc::clone(self.aliases.insert(self.past.aliases.now()?)),
        };
        let Some(store) = self.open.get(&partition) else {
            let detail = format!("partition {partition} has no open state");
            return Err(Halt::new("state-store", detail));
        };
        let view = View::new(self.overlays.get(&partition), store, &aliases);
        let answer = question(&view, &self.rules);
        if view.found_damage() {
            self.condemn(partition);
        }
        answer
    }

    fn judge<S: Text>(
        &mut self,
        event: &EnrichedEvent<S>,
        cx: &Context,
        partition: i32,
    ) -> Result<(Verdict<IdentityFacts>, Changes), Halt> {
        self.ask(partition, |view, rules| stitch(event, cx, rules, view))
    }

    /// Follows an order to forget a person. Merges of users are everybody's: one partition tells
    /// of them.
    fn forget(&mut self, partition: i32, ids: &ErasedIds) -> Result<Vec<Outgoing>, Halt> {
        let erased = self.ask(partition, |view, _| erase(ids, view))?;
        let first = partition == 0;
        let gone = erased.aliases.iter().filter(|_| first).map(alias_gone).collect();
        self.overlays.entry(partition).or_default().keep_erased(erased);
        Ok(gone)
    }

    /// Gives the store up; the next assignment rebuilds it.
    fn condemn(&mut self, partition: i32) {
        self.open.remove(&partition);
        self.past.stores.condemn(partition);
    }

    /// The output, encoded. The inner error is the event's own fault.
    fn written<S: Text + Clone + Serialize>(
        &mut self,
        event: &EnrichedEvent<S>,
        datum: Option<&[u8]>,
        identity: IdentityFacts,
    ) -> Result<Result<Fate, Rejected>, Halt> {
        let key = event.key().as_bytes().to_vec();
        let value = match self.codecs.stitched(event, datum, identity)? {
            Ok(value) => value,
            Err(error) => return Ok(Err(unfit(&error))),
        };
        let size = key.len() + value.len() + OUTPUT_OVERHEAD;
        let limit = Topic::StitchedEvents.max_message_bytes() as usize;
        if size > limit {
            let detail = format!("the output takes {size} bytes; its topic takes {limit}");
            return Ok(Err(Rejected::new(RejectReason::TooLarge, detail)));
        }
        Ok(Ok(Fate::Emit { key, value }))
    }

    /// What is told beside the event, encoded. The inner error is the event's own fault.
    fn beside(&mut self, changes: &Changes) -> Result<Result<Vec<Outgoing>, Rejected>, Halt> {
        let mut beside = Vec::new();
        for link in &changes.links {
            self.metrics.link(link.refused.as_deref());
            beside.push(self.codecs.link(link)?);
        }
        for alias in &changes.aliases {
            beside.push(self.codecs.alias(alias)?);
        }
        let beside: Result<Vec<_>, _> = beside.into_iter().collect();
        Ok(beside.map_err(|error| unfit(&error)))
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
            if let Err(error) = store.apply(&overlay.to_writes(), covered) {
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

impl<T: Stores> Stitcher<T> {
    /// Nothing is remembered of an event before its output is known to be good: what fails on the way
    /// leaves no trace.
    fn settle<S: Text + Clone + Serialize>(
        &mut self,
        event: &EnrichedEvent<S>,
        datum: Option<&[u8]>,
        numbered: &Numbered<'_>,
    ) -> Result<Processed, Halt> {
        let position = numbered.record.position;
        let redriven = matches!(position.topic, Topic::Redrive(_));
        let cx = Context { waybill: numbered.waybill, redriven };
        let (verdict, changes) = self.judge(event, &cx, position.partition)?;
        let fate = match verdict {
            Verdict::Emit(identity) => self.written(event, datum, identity)?,
            Verdict::Discard(discarded) => Ok(Fate::Discard(discarded)),
            Verdict::Reject(rejected) => Err(rejected),
        };
        let side = self.beside(&changes)?;
        match fate.and_then(|fate| Ok((fate, side?))) {
            Ok((fate, side)) => {
                if changes.session_begins {
                    self.metrics.session_began();
                }
                self.overlays.entry(position.partition).or_default().keep(changes);
                let hints = hints(event, &fate);
                Ok(Processed { fate, hints, side })
            }
            Err(rejected) => Ok(alone(Fate::Reject(rejected), event.hints())),
        }
    }
}

impl<T: Stores> Processor for Stitcher<T> {
    fn process(&mut self, numbered: &Numbered<'_>) -> Result<Processed, Halt> {
        let value = numbered.record.value.as_deref().unwrap_or_default();
        match self.codecs.event(value)? {
            Ok(Read::InPlace { value: event, datum }) => self.settle(&event, Some(datum), numbered),
            Ok(Read::Copied(event)) => self.settle(&event, None, numbered),
            Err(rejected) => Ok(alone(Fate::Reject(rejected), Hints::default())),
        }
    }

    fn follow(&mut self, order: &Record) -> Result<Vec<Outgoing>, Halt> {
        let Position { partition, offset, .. } = order.position;
        let metrics = self.metrics.clone();
        let refused = |why: &str| {
            metrics.order_refused();
            tracing::error!(partition, offset, "an order about identities is not followed: {why}");
            Ok(Vec::new())
        };
        let command = match self.codecs.command(order.value.as_deref().unwrap_or_default())? {
            Ok(command) => command,
            Err(rejected) => return refused(&rejected.detail),
        };
        if command.action == ERASE {
            let Some(ids) = &command.erased else { return refused("it names nobody to forget") };
            return self.forget(partition, ids);
        }
        let origin = Origin { epoch: self.epoch, partition, offset };
        let at = Waybill { origin, appended_at: order.timestamp.unwrap_or_default() };
        let followed = self.ask(partition, |view, rules| follow(&command, at, rules, view))?;
        let Ordered { device, link, alias } = match followed {
            Ok(ordered) => ordered,
            Err(error) => return refused(&error.to_string()),
        };
        let (links, aliases) = (link.into_iter().collect(), alias.into_iter().collect());
        match self.beside(&Changes { links, aliases, ..Changes::default() })? {
            Ok(side) => {
                let overlay = self.overlays.entry(partition).or_default();
                if let Some(device) = device {
                    overlay.keep_device(device);
                }
                Ok(side)
            }
            Err(rejected) => refused(&rejected.detail),
        }
    }

    /// `partitions` are all that are assigned now. Each store is opened anew, so that one that
    /// failed gets a fresh start.
    fn assigned(&mut self, partitions: &[i32], log: &mut dyn Changelog) -> Result<(), Halt> {
        self.aborted();
        self.open.clear();
        let count = (self.past.partition_count)()?;
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
        self.aliases = None;
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

/// What may be said of the event in the ledger; of one that is emitted nothing will be but its source,
/// for the output is known to fit.
fn hints<S: Text>(event: &EnrichedEvent<S>, fate: &Fate) -> Hints {
    match fate {
        Fate::Emit { .. } => {
            Hints { source: event.source().map(str::to_owned), ..Hints::default() }
        }
        _ => event.hints(),
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
