//! The catalog in force, which may be replaced while the process runs.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicI64, Ordering},
};

use event::Millis;

use crate::SourceCatalog;

/// The catalog in force, and how long it is known to be all. Clones share it.
#[derive(Debug, Clone)]
pub struct LiveCatalog {
    current: Arc<RwLock<Arc<SourceCatalog>>>,
    known_until: Arc<AtomicI64>,
}

impl LiveCatalog {
    /// A handle to this catalog, which holds for ever if nobody says otherwise.
    pub fn new(catalog: SourceCatalog) -> Self {
        let current = Arc::new(RwLock::new(Arc::new(catalog)));
        Self { current, known_until: Arc::new(AtomicI64::new(Millis::MAX)) }
    }

    /// The catalog in force now. One request or event is judged by one of them.
    pub fn current(&self) -> Arc<SourceCatalog> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in its place, for whoever asks from now on; or says what keeps it from that: its
    /// plans change what events may have been judged by already.
    pub fn replace(&self, catalog: SourceCatalog) -> Result<(), Vec<String>> {
        let problems = catalog.plans().changes_before(self.current().plans(), self.known_until());
        if !problems.is_empty() {
            return Err(problems);
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
        Ok(())
    }

    /// Nothing that is read later can change how events are judged that were appended until then.
    /// Say so only after what was read has been put in place.
    pub fn know_until(&self, appended_at: Millis) {
        self.known_until.store(appended_at, Ordering::Release);
    }

    /// The append time up to which events can be judged; milliseconds UTC.
    pub fn known_until(&self) -> Millis {
        self.known_until.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Rules,
        plan::{NOTICE, PlanSet},
    };

    const JUNE: Millis = 1_780_272_000_000;

    fn catalog(files: &[&str]) -> SourceCatalog {
        let files: Vec<(String, String)> =
            files.iter().map(|text| ("shop.yaml".to_owned(), (*text).to_owned())).collect();
        let rules = Rules { plans: PlanSet::read(&files).unwrap(), ..Rules::default() };
        SourceCatalog::default().with_rules(rules).unwrap()
    }

    fn at(live: &LiveCatalog, appended_at: Millis) -> Option<String> {
        (appended_at <= live.known_until()).then(|| {
            let current = live.current();
            current.plans().in_force("shop", appended_at).unwrap().id().to_owned()
        })
    }

    #[test]
    fn instances_that_read_a_plan_at_different_moments_never_judge_an_event_differently() {
        let first = "plan: shop\nversion: 1\n";
        let second = "plan: shop\nversion: 2\neffective_from: 2026-06-01T00:00:00Z\n";
        // The file is there from `put` on; the instance looks at these moments.
        let put = JUNE - NOTICE - 5_000;
        for looks in [
            vec![put, put + 5_000, JUNE],
            vec![put - 1, put + 4_999, JUNE + 2],
            vec![put - 1, JUNE - 1, JUNE + 3_000],
            vec![put - 1, JUNE + 100_000],
            vec![put - 1],
        ] {
            let live = LiveCatalog::new(catalog(&[first]));
            live.know_until(put - 10_000 + NOTICE);
            for look in looks {
                let files: &[&str] = if look >= put { &[first, second] } else { &[first] };
                assert_eq!(live.replace(catalog(files)), Ok(()), "{look}");
                live.know_until(look + NOTICE);
                for appended_at in [put, JUNE - 1, JUNE, JUNE + 1, look] {
                    let expected = if appended_at < JUNE { "shop@1" } else { "shop@2" };
                    let judged = at(&live, appended_at);
                    assert!(judged.is_none_or(|id| id == expected), "{look} {appended_at}");
                }
                assert!(at(&live, look).is_some(), "what comes now is judged");
            }
        }
    }

    #[test]
    fn a_plan_that_would_change_what_was_judged_is_refused_and_the_old_one_stays() {
        let live = LiveCatalog::new(catalog(&["plan: shop\nversion: 1\n"]));
        live.know_until(JUNE);
        let refused = live.replace(catalog(&["plan: shop\nversion: 2\n"])).unwrap_err();
        assert!(refused[0].contains("effective_from"), "{refused:?}");
        assert_eq!(at(&live, JUNE).as_deref(), Some("shop@1"));
    }
}
