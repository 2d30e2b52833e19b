//! Events of a file by both versions: which pass today and would not.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;

use crate::commands::plan::replay::Judged;

/// Events of one name that pass by the old version and are stopped by the new one for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Stopped {
    pub(super) event: String,
    pub(super) reason: &'static str,
    pub(super) count: usize,
    /// The first of them: its line in the file, and what is wrong with it.
    pub(super) line: usize,
    pub(super) detail: String,
}

/// What the replay of a file showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Replayed {
    /// Events in the file.
    pub(super) events: usize,
    /// Those that pass by the old version.
    pub(super) pass: usize,
    /// Those of them that the new version rejects or discards, the most frequent first.
    pub(super) stopped: Vec<Stopped>,
    /// Those that only the new version lets pass.
    pub(super) freed: usize,
}

impl Replayed {
    /// Compares the verdicts on the same lines.
    pub(super) fn new(old: &[Judged], new: &[Judged]) -> Self {
        let mut replayed = Self { events: old.len(), ..Self::default() };
        let mut stopped: BTreeMap<(String, &'static str), Stopped> = BTreeMap::new();
        for (was, is) in old.iter().zip(new) {
            match (was.verdict.goes_on(), is.verdict.goes_on()) {
                (true, true) => replayed.pass += 1,
                (true, false) => {
                    replayed.pass += 1;
                    let one = Stopped::first(is);
                    let key = (one.event.clone(), one.reason);
                    stopped.entry(key).or_insert(one).count += 1;
                }
                (false, true) => replayed.freed += 1,
                (false, false) => {}
            }
        }
        replayed.stopped = stopped.into_values().collect();
        replayed.stopped.sort_by_key(|one| Reverse(one.count));
        replayed
    }

    /// For a person.
    pub(super) fn described(&self) -> String {
        let count: usize = self.stopped.iter().map(|one| one.count).sum();
        let mut lines = vec![format!(
            "sample: {} events, {} pass by the old version; of them the new one stops {count}, and \
             lets {} others pass",
            self.events, self.pass, self.freed
        )];
        lines.extend(self.stopped.iter().map(|one| {
            let Stopped { event, reason, count, line, detail } = one;
            format!("  {event}: {count} × {reason}, first in line {line}: {detail}")
        }));
        lines.join("\n")
    }
}

impl Stopped {
    fn first(judged: &Judged) -> Self {
        Self {
            event: judged.event.clone().unwrap_or_else(|| "(no name)".to_owned()),
            reason: judged.reason.unwrap_or_default(),
            count: 0,
            line: judged.line,
            detail: judged.detail.clone().unwrap_or_default(),
        }
    }
}
