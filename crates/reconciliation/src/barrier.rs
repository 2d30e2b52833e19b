//! Following the last record of a span through the stages: what is absent behind the barrier is
//! missing, not late.

use std::{collections::BTreeMap, fmt};

use topology::{Stage, Topic};

use crate::{Books, Span};

/// A position for each partition of each topic.
pub type Ends = BTreeMap<(Topic, i32), i64>;

/// What is known at one moment. **The order of asking matters**: first `committed`, then `ends`,
/// then `read`, so that what a stage wrote before it committed lies below the ends.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// What each stage has committed on its inputs: everything below has its fate. (A loader's
    /// commit `s` with an intent in its metadata says the same: `s` and what follows is in
    /// doubt, what is below is not.)
    pub committed: BTreeMap<(Stage, Topic, i32), i64>,
    /// The end of each partition.
    pub ends: Ends,
    /// What the auditor itself will read next; control records that it passed count.
    pub read: Ends,
    /// The start of each partition: what is below has left the log.
    pub starts: Ends,
    /// The last record that the auditor read; absent where there was none.
    pub last: Ends,
}

/// Who keeps a span from being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    /// A stage has not yet committed past it.
    Stage(Stage),
    /// The auditor has not yet read what the stages wrote.
    Auditor,
}

impl Holder {
    /// The stage's name, or `auditor`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stage(stage) => stage.name(),
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a span can be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Every record of the span has gone through every stage, and the auditor has read all that
    /// came of it.
    Closed,
    /// Not yet.
    Open {
        /// Who holds it.
        held_by: Holder,
        /// Where, for a person.
        detail: String,
    },
}

/// The barrier behind one span of `raw-events`.
#[derive(Debug, Clone)]
pub struct Barrier {
    span: Span,
    phase: Phase,
}

#[derive(Debug, Clone)]
enum Phase {
    /// The auditor reads up to these ends; then the next stage's goal is known.
    Reading {
        ends: Ends,
        next: Option<Stage>,
    },
    /// The stage commits up to these goals.
    Committing {
        stage: Stage,
        goals: Ends,
    },
    Passed,
}

impl Barrier {
    /// A barrier behind `span`, beginning with what `progress` knows.
    pub fn new(span: Span, progress: &Progress) -> Self {
        let first = Stage::Validate;
        let mut ends = ends_of(&[first.redrive()], progress);
        for (partition, range) in &span.offsets {
            ends.insert((Topic::RawEvents, *partition), range.end);
        }
        Self { span, phase: Phase::Reading { ends, next: Some(first) } }
    }

    /// The span behind which it stands.
    pub const fn span(&self) -> &Span {
        &self.span
    }

    /// Goes on as far as `progress` proves.
    pub fn advance(&mut self, books: &Books, progress: &Progress) -> Standing {
        loop {
            match self.next(books, progress) {
                Ok(Some(phase)) => self.phase = phase,
                Ok(None) => return Standing::Closed,
                Err((held_by, detail)) => return Standing::Open { held_by, detail },
            }
        }
    }

    fn next(&self, books: &Books, progress: &Progress) -> Result<Option<Phase>, (Holder, String)> {
        match &self.phase {
            Phase::Reading { ends, next } => {
                all_read(ends, progress)?;
                let goals =
                    |stage| Phase::Committing { stage, goals: self.goals(stage, books, progress) };
                Ok(Some(next.map_or(Phase::Passed, goals)))
            }
            Phase::Committing { stage, goals } => {
                all_committed(*stage, goals, progress)?;
                Ok(Some(outputs_of(*stage, progress)))
            }
            Phase::Passed => Ok(None),
        }
    }

    /// How far a stage must have committed: behind the last *record* of each input. Never the
    /// end itself: a commit marker uses an offset too, and no stage commits past that.
    ///
    /// Behind validate, the last record is the last that the auditor has read by now, which may be later
    /// than the end that was noted: a goal that is too far is late, never wrong.
    fn goals(&self, stage: Stage, books: &Books, progress: &Progress) -> Ends {
        let after = |(key, last): (&(Topic, i32), &i64)| (*key, last.saturating_add(1));
        let of_stage = |((topic, _), _): &(&(Topic, i32), &i64)| stage.inputs().contains(topic);
        let mut goals: Ends = progress.last.iter().filter(of_stage).map(after).collect();
        if stage.input() == Topic::RawEvents {
            goals.retain(|(topic, _), _| *topic != Topic::RawEvents);
            for (partition, range) in &self.span.offsets {
                if let Some(last) = books.raw().last_before(self.span.epoch, *partition, range.end)
                {
                    goals.insert((Topic::RawEvents, *partition), last.saturating_add(1));
                }
            }
        }
        goals
    }
}

/// What the auditor has to read once `stage` has committed: everything that the stage writes, and
/// what operators have sent into the next stage by now.
fn outputs_of(stage: Stage, progress: &Progress) -> Phase {
    let next = Stage::ALL.into_iter().skip_while(|one| *one != stage).nth(1);
    let mut topics = vec![Topic::DiscardedEvents, stage.dead_letters()];
    topics.extend(stage.output());
    topics.extend(next.map(Stage::redrive));
    Phase::Reading { ends: ends_of(&topics, progress), next }
}

fn ends_of(topics: &[Topic], progress: &Progress) -> Ends {
    let wanted = progress.ends.iter().filter(|((topic, _), _)| topics.contains(topic));
    wanted.map(|(key, end)| (*key, *end)).collect()
}

fn all_read(ends: &Ends, progress: &Progress) -> Result<(), (Holder, String)> {
    for (&(topic, partition), &end) in ends {
        let read = progress.read.get(&(topic, partition)).copied().unwrap_or(0);
        if read < end {
            let detail = format!("has read {topic} partition {partition} up to {read} of {end}");
            return Err((Holder::Auditor, detail));
        }
    }
    Ok(())
}

fn all_committed(stage: Stage, goals: &Ends, progress: &Progress) -> Result<(), (Holder, String)> {
    for (&(topic, partition), &goal) in goals {
        let committed = progress.committed.get(&(stage, topic, partition)).copied();
        if committed.is_none_or(|committed| committed < goal) {
            let so_far =
                committed.map_or_else(|| "nothing".to_owned(), |offset| offset.to_string());
            let detail =
                format!("has committed {so_far} of {goal} on {topic} partition {partition}");
            return Err((Holder::Stage(stage), detail));
        }
    }
    Ok(())
}
