//! Whether the process can do its work, and if not, what each part of it waits for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// The health of one process; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    components: Arc<Mutex<Vec<Readiness>>>,
}

/// One component's say in the health of the process; clones speak for the same component.
#[derive(Debug, Clone)]
pub struct Readiness {
    name: Arc<str>,
    slot: Option<u16>,
    state: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    state: ComponentState,
    dependency: Option<String>,
    waiting_for: Option<String>,
    restored_percent: Option<u8>,
    since: Instant,
}

/// What a component does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentState {
    /// It has not begun yet.
    Starting,
    /// It does its work.
    Running,
    /// It waits for something that it needs.
    Halted,
    /// A person ordered it to stand still.
    Paused,
    /// Its breaker opened: too much of what came was rejected.
    Breaker,
    /// It brings its state up to date.
    Restoring,
}

/// The health of a process at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Whether there is a component and every component is ready.
    pub ready: bool,
    /// The components in the order in which they were added.
    pub components: Vec<ComponentReport>,
}

/// One component at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentReport {
    /// Its name.
    pub name: String,
    /// The slot of a stage.
    pub slot: Option<u16>,
    /// Whether it can do its work.
    pub ready: bool,
    /// What it does.
    pub state: ComponentState,
    /// While it is halted: what is gone, in one word, such as `registry`.
    pub dependency: Option<String>,
    /// What it waits for while it is not ready, for a person.
    pub waiting_for: Option<String>,
    /// How much of its state is restored.
    pub restored_percent: Option<u8>,
    /// For how long it has been in this state; milliseconds.
    pub since_ms: u64,
}

impl Health {
    /// A process without components: not ready, since nothing of it has started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component. It is not ready until it says so.
    pub fn component(&self, name: impl Into<String>) -> Readiness {
        self.add(name.into(), None)
    }

    /// Adds a stage that runs in `slot`.
    pub fn stage(&self, name: impl Into<String>, slot: u16) -> Readiness {
        self.add(name.into(), Some(slot))
    }

    fn add(&self, name: String, slot: Option<u16>) -> Readiness {
        let known = Known {
            state: ComponentState::Starting,
            dependency: None,
            waiting_for: Some("start".to_owned()),
            restored_percent: None,
            since: Instant::now(),
        };
        let readiness = Readiness { name: name.into(), slot, state: Arc::new(Mutex::new(known)) };
        locked(&self.components).push(readiness.clone());
        readiness
    }

    /// How things stand now.
    pub fn report(&self) -> HealthReport {
        let now = Instant::now();
        let components: Vec<_> =
            locked(&self.components).iter().map(|component| component.report(now)).collect();
        let ready = !components.is_empty() && components.iter().all(|component| component.ready);
        HealthReport { ready, components }
    }
}

impl Readiness {
    /// The component can do its work.
    pub fn ready(&self) {
        self.set(ComponentState::Running, None, None, None);
    }

    /// The component cannot do its work until `dependency` (one word) is there. `what` is for a
    /// person. No personal values, no secrets.
    pub fn halted(&self, dependency: &str, what: impl Into<String>) {
        self.set(ComponentState::Halted, Some(dependency), Some(what.into()), None);
    }

    /// A person ordered the component to stand still.
    pub fn paused(&self, what: impl Into<String>) {
        self.set(ComponentState::Paused, None, Some(what.into()), None);
    }

    /// The component's breaker has opened.
    pub fn breaker(&self, what: impl Into<String>) {
        self.set(ComponentState::Breaker, None, Some(what.into()), None);
    }

    /// The component brings its state up to date; `percent` of it is done.
    pub fn restoring(&self, percent: u8, what: impl Into<String>) {
        self.set(ComponentState::Restoring, None, Some(what.into()), Some(percent));
    }

    fn set(
        &self,
        state: ComponentState,
        dependency: Option<&str>,
        waiting_for: Option<String>,
        restored_percent: Option<u8>,
    ) {
        let mut known = locked(&self.state);
        let since = if known.state == state { known.since } else { Instant::now() };
        let dependency = dependency.map(str::to_owned);
        *known = Known { state, dependency, waiting_for, restored_percent, since };
    }

    fn report(&self, now: Instant) -> ComponentReport {
        let known = locked(&self.state);
        let since = now.saturating_duration_since(known.since).as_millis();
        ComponentReport {
            name: self.name.to_string(),
            slot: self.slot,
            ready: known.state == ComponentState::Running,
            state: known.state,
            dependency: known.dependency.clone(),
            waiting_for: known.waiting_for.clone(),
            restored_percent: known.restored_percent,
            since_ms: u64::try_from(since).unwrap_or(u64::MAX),
        }
    }
}

/// A panic elsewhere leaves nothing half-written behind these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_components_is_not_ready() {
        assert!(!Health::new().report().ready);
    }

    #[test]
    fn the_process_is_ready_when_every_component_is() {
        let health = Health::new();
        let (kafka, registry) = (health.component("validate"), health.component("registry"));
        assert_eq!(health.report().components[0].waiting_for.as_deref(), Some("start"));
        kafka.ready();
        assert!(!health.report().ready);
        registry.clone().ready();
        assert!(health.report().ready);
        kafka.halted("broker", "it does not answer");
        let report = health.report();
        assert!(!report.ready);
        assert_eq!(report.components[0].dependency.as_deref(), Some("broker"));
        assert!(report.components[1].ready);
    }

    #[test]
    fn each_state_but_running_is_not_ready_and_says_why() {
        let health = Health::new();
        let stage = health.stage("identity-stitch", 2);
        let states: [(&dyn Fn(), ComponentState); 4] = [
            (&|| stage.halted("registry", "why"), ComponentState::Halted),
            (&|| stage.paused("why"), ComponentState::Paused),
            (&|| stage.breaker("why"), ComponentState::Breaker),
            (&|| stage.restoring(40, "why"), ComponentState::Restoring),
        ];
        for (enter, state) in states {
            enter();
            let report = health.report().components.remove(0);
            assert_eq!((report.state, report.ready, report.slot), (state, false, Some(2)));
            assert_eq!(report.waiting_for.as_deref(), Some("why"));
        }
        assert_eq!(health.report().components[0].restored_percent, Some(40));
    }

    #[test]
    fn waiting_for_something_else_does_not_restart_the_clock() {
        let health = Health::new();
        let component = health.component("loader");
        component.halted("broker", "gone");
        let since = locked(&component.state).since;
        component.halted("clickhouse", "gone");
        assert_eq!(locked(&component.state).since, since);
        component.ready();
        assert!(locked(&component.state).since >= since);
    }
}
