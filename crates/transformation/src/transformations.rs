//! The ordered list.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use event::{EnrichmentFacts, EnrichmentRun, Event, Text};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    TransformationProblem, TransformationSettings,
    program::Program,
    selection::Selection,
    settings::{MOST_PROGRAM_BYTES, MOST_TRANSFORMATIONS},
};

/// Why an event does not go on. No text in it holds a value of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// A program said `abort`: the event is not kept.
    Filtered {
        /// Name of the transformation.
        name: String,
    },
    /// A program failed, or went beyond a bound.
    Failed {
        /// Which, where in it, and why.
        detail: String,
    },
}

/// Every transformation in its order.
#[derive(Default)]
pub struct Transformations {
    each: Vec<Transformation>,
    told: Told,
}

struct Transformation {
    selection: Selection,
    program: Program,
    most: Duration,
    run: EnrichmentRun,
}

impl Transformations {
    /// Compiles programs, each with its text; or everything in them that cannot stand.
    pub fn compile(
        programs: &[(TransformationSettings, String)],
    ) -> Result<Self, Vec<TransformationProblem>> {
        let mut problems = Vec::new();
        let mut each = Vec::new();
        let mut names = BTreeSet::new();
        for (settings, text) in programs {
            if !names.insert(&settings.name) {
                let twice = "the name is used twice; names must differ";
                problems.push(TransformationProblem::new(&settings.name, twice));
            }
            match Transformation::compile(settings, text) {
                Ok(compiled) => each.push(compiled),
                Err(found) => problems.extend(found),
            }
        }
        if programs.len() > MOST_TRANSFORMATIONS {
            let problem = format!("there are more than {MOST_TRANSFORMATIONS}; put some together");
            problems.push(TransformationProblem::new("", problem));
        }
        if problems.is_empty() { Ok(Self { each, told: Told::default() }) } else { Err(problems) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// Name and version (from the program's text) of each, in order: as facts tell it.
    pub fn runs(&self) -> impl Iterator<Item = &EnrichmentRun> {
        self.each.iter().map(|it| &it.run)
    }

    /// Runs those that the event is for, in order, each on what the one before it left. Where one
    /// stops, the event is as it was before that one.
    ///
    /// `overdue` is asked, of a program that takes long, whether it has had this much time since the
    /// caller's own beginning; a program may run for its own time after those before it.
    pub fn apply<S: Text + From<String> + Serialize>(
        &self,
        event: &mut Event<S>,
        facts: &mut EnrichmentFacts<S>,
        overdue: &mut dyn FnMut(Duration) -> bool,
    ) -> Result<(), Stopped> {
        let (mut ran, mut budget) = (0_u64, Duration::ZERO);
        for (at, transformation) in self.each.iter().enumerate() {
            if transformation.selection.takes(event) {
                budget = budget.saturating_add(transformation.most);
                transformation.program.run(event, facts, &mut || overdue(budget))?;
                ran |= 1 << at;
            }
        }
        if ran != 0 {
            facts.applied = self.told.all(&facts.applied, ran, &self.each);
        }
        Ok(())
    }
}

impl Transformation {
    fn compile(
        settings: &TransformationSettings,
        text: &str,
    ) -> Result<Self, Vec<TransformationProblem>> {
        let problem = |text: String| vec![TransformationProblem::new(&settings.name, text)];
        if !is_name(&settings.name) {
            let rule = "a name is up to 64 small letters, digits, `-`, `_` and `.`";
            return Err(problem(rule.to_owned()));
        }
        if text.len() > MOST_PROGRAM_BYTES {
            let bytes = text.len();
            return Err(problem(format!(
                "the program has {bytes} bytes; {MOST_PROGRAM_BYTES} is the most"
            )));
        }
        let selection = Selection::new(&settings.sources, &settings.events).map_err(problem)?;
        Ok(Self {
            selection,
            program: Program::compile(settings, text)?,
            most: Duration::from_millis(settings.max_ms.into()),
            run: EnrichmentRun {
                name: format!("transform:{}", settings.name),
                version: version(text),
            },
        })
    }
}

fn is_name(text: &str) -> bool {
    let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || "-_.".contains(it);
    (1..=64).contains(&text.len()) && text.chars().all(fits)
}

/// The first 12 hexadecimal digits of the text's SHA-256.
fn version(text: &str) -> String {
    let mut version = String::new();
    for byte in &Sha256::digest(text.as_bytes())[..6] {
        // Writing to a text cannot fail.
        let _written = write!(version, "{byte:02x}");
    }
    version
}

/// The lists of what ran, one for each set of transformations: events share them.
#[derive(Default)]
struct Told(Mutex<HashMap<u64, Joined>>);

struct Joined {
    /// Held, so that no other list can come to lie at its address.
    before: Arc<[EnrichmentRun]>,
    all: Arc<[EnrichmentRun]>,
}

impl Told {
    fn all(
        &self,
        before: &Arc<[EnrichmentRun]>,
        ran: u64,
        each: &[Transformation],
    ) -> Arc<[EnrichmentRun]> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(joined) = known.get(&ran)
            && Arc::ptr_eq(&joined.before, before)
        {
            return Arc::clone(&joined.all);
        }
        let those = each.iter().enumerate().filter(|(at, _)| ran & (1 << at) != 0);
        let all: Arc<[EnrichmentRun]> =
            before.iter().cloned().chain(those.map(|(_, it)| it.run.clone())).collect();
        known.insert(ran, Joined { before: Arc::clone(before), all: Arc::clone(&all) });
        all
    }
}
