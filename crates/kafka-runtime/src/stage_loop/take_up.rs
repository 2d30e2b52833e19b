//! Taking partitions up: the committed offsets first, then the state, then records.

use std::collections::BTreeSet;

use pipeline::Halt;
use topology::Stage;

use super::StageLoop;
use crate::{
    care::{Care, careful},
    error::Failed,
    log::{Log, Partition},
    metadata::Metadata,
    processor::Processor,
};

impl<L: Log, P: Processor> StageLoop<'_, L, P> {
    /// Takes up what is ours at the committed offsets, and brings the processor's state up to
    /// date with them.
    pub(super) fn take_up(&mut self) -> Result<(), Failed> {
        self.orders.forget_holds();
        let ours = self.log.assignment()?;
        let partitions = numbers(ours.iter());
        if self.parts.stage.is_stateful()
            && let Some(detail) = not_co_partitioned(self.parts.stage, &ours, &partitions)
        {
            return Err(Halt::new("assignment", detail).into());
        }
        let extents = self.log.extents(&ours)?;
        let mut committed = self.log.rewind()?;
        let onwards = self.orders.notice_expired(&committed, &extents);
        if !onwards.is_empty() {
            self.log.begin()?;
            self.log.commit(&onwards)?;
            committed = self.log.rewind()?;
        }
        self.cares.clear();
        for commit in &committed {
            let found = Metadata::parse(&commit.metadata)
                .map_err(|detail| Halt::new("position", detail))?;
            let end = extents.get(&commit.partition).map_or(commit.next, |extent| extent.end);
            let care =
                Care::new(self.parts.process, commit.next, found, end, self.parts.limits.records);
            self.cares.insert(commit.partition, care);
        }
        self.parts.processor.assigned(&partitions, self.log.changelog())?;
        self.to_take_up = false;
        self.taken_up = self.log.clock();
        self.heard = self.log.clock();
        self.orders.follow(&mut self.log, &careful(self.cares.iter()))?;
        self.orders.show(None);
        Ok(())
    }
}

/// A stateful stage needs the same partition numbers of all its inputs.
fn not_co_partitioned(
    stage: Stage,
    ours: &BTreeSet<Partition>,
    partitions: &[i32],
) -> Option<String> {
    let (found, expected) = (ours.len(), partitions.len() * stage.reads().len());
    (found != expected).then(|| {
        format!(
            "{found} partitions are assigned, {expected} expected: the inputs of {stage} must \
             have equal partition counts and come to the same instance"
        )
    })
}

/// The numbers of the partitions, each once.
pub(super) fn numbers<'p>(partitions: impl Iterator<Item = &'p Partition>) -> Vec<i32> {
    let unique: BTreeSet<i32> = partitions.map(|(_, number)| *number).collect();
    unique.into_iter().collect()
}
