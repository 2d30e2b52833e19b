//! When ClickHouse has what was accepted: asked for, not computed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::ensure;
use waybill_tests::{Flow, WEB};

use crate::{events::PROBE, sleep_until};

/// How often ClickHouse is asked whether there are more rows. Only then it is asked for the probes, which
/// takes more of the CPU that the flow lacks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So long after the last question it is asked anyway.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The size of the table. `system.tables` tells it too, at twice the cost.
const LOOK: &str = "SELECT count() FROM events";
/// Probes that are asked for at once, the oldest first. While all is well a hundred are on their way.
const AT_ONCE: usize = 5_000;
/// Without an arrival for so long the rest is lost.
const LOST_AFTER: Duration = Duration::from_mins(1);

/// The probes that were accepted, and what came of them.
#[derive(Debug, Default)]
pub(crate) struct Probes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When they were accepted and whether they are measured, by message id.
    pending: BTreeMap<String, (Instant, bool)>,
    /// How long each measured one took.
    took: Vec<Duration>,
    no_more: bool,
    asked: u32,
    asking: Duration,
}

/// What came of all probes.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    /// From accepted to queryable, of the measured ones, ascending.
    pub(crate) took: Vec<Duration>,
    /// Accepted and not there.
    pub(crate) lost: usize,
    /// Questions to ClickHouse.
    pub(crate) asked: u32,
    /// Mean time of an answer.
    pub(crate) answer: Duration,
}

impl Probes {
    /// A probe was accepted.
    pub(crate) fn accepted(&self, id: String, at: Instant, measured: bool) {
        self.state().pending.insert(id, (at, measured));
    }

    /// No further probe will be accepted.
    pub(crate) fn no_more(&self) {
        self.state().no_more = true;
    }

    /// Asks until every probe is there, or none came for long.
    pub(crate) fn ask(&self, flow: &Flow) -> anyhow::Result<()> {
        let (mut heard, mut asked, mut seen) = (Instant::now(), Instant::now(), String::new());
        loop {
            let begun = Instant::now();
            let (ids, no_more) = self.asked_for();
            if ids.is_empty() {
                if no_more {
                    return Ok(());
                }
                heard = begun;
            } else {
                let rows = flow.clickhouse(LOOK)?;
                if rows != seen || asked.elapsed() >= ASK_AGAIN {
                    (seen, asked) = (rows, Instant::now());
                    let there = flow.clickhouse(&question(&ids))?;
                    let now = Instant::now();
                    let came = self.arrived(there.lines(), now, now - asked);
                    heard = if came > 0 { now } else { heard };
                }
            }
            if no_more && heard.elapsed() > LOST_AFTER {
                return Ok(());
            }
            ensure!(heard.elapsed() < LOST_AFTER * 5, "no probe arrives any more");
            sleep_until(begun + LOOK_EVERY);
        }
    }

    pub(crate) fn arrivals(&self) -> Arrivals {
        let state = self.state();
        let mut took = state.took.clone();
        took.sort_unstable();
        let answer = state.asking / state.asked.max(1);
        Arrivals { took, lost: state.pending.len(), asked: state.asked, answer }
    }

    fn asked_for(&self) -> (Vec<String>, bool) {
        let state = self.state();
        let mut oldest: Vec<_> = state.pending.iter().collect();
        oldest.sort_unstable_by_key(|(_, (at, _))| *at);
        let ids = oldest.into_iter().take(AT_ONCE).map(|(id, _)| id.clone()).collect();
        (ids, state.no_more)
    }

    /// Notes arrivals; how many there were.
    fn arrived<'a>(
        &self,
        ids: impl Iterator<Item = &'a str>,
        now: Instant,
        asking: Duration,
    ) -> usize {
        let mut state = self.state();
        state.asked += 1;
        state.asking += asking;
        let mut came = 0;
        for id in ids {
            let Some((accepted, measured)) = state.pending.remove(id) else { continue };
            came += 1;
            if measured {
                state.took.push(now - accepted);
            }
        }
        came
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Source and name lead the sort key: of each part no more is read than the granules with probes, of which
/// neither an index nor a first look at one column would leave anything out.
fn question(ids: &[String]) -> String {
    format!(
        "SELECT message_id FROM events WHERE source = '{}' AND event_name = '{PROBE}' \
         AND message_id IN ('{}') \
         SETTINGS max_threads = 1, use_skip_indexes = 0, optimize_move_to_prewhere = 0",
        WEB.id,
        ids.join("','")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_counts_once_and_only_if_it_is_measured() {
        let (probes, now) = (Probes::default(), Instant::now());
        probes.accepted("warm".to_owned(), now, false);
        probes.accepted("a".to_owned(), now, true);
        probes.accepted("b".to_owned(), now, true);
        let later = now + Duration::from_secs(1);
        assert_eq!(probes.arrived(["warm", "a"].into_iter(), later, LOOK_EVERY), 2);
        assert_eq!(probes.arrived(["a"].into_iter(), later + LOOK_EVERY, LOOK_EVERY), 0);
        let Arrivals { took, lost, asked, answer } = probes.arrivals();
        assert_eq!((took, lost), (vec![Duration::from_secs(1)], 1));
        assert_eq!((asked, answer), (2, LOOK_EVERY));
    }

    #[test]
    fn the_oldest_are_asked_for() {
        let (probes, now) = (Probes::default(), Instant::now());
        probes.accepted("z".to_owned(), now, true);
        probes.accepted("a".to_owned(), now + LOOK_EVERY, true);
        assert_eq!(probes.asked_for(), (vec!["z".to_owned(), "a".to_owned()], false));
        assert!(question(&["z".to_owned(), "a".to_owned()]).contains("IN ('z','a')"));
    }
}
