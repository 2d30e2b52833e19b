//! Whether the process can do its work, and if not, what each part of it waits for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// The health of one process; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    components: Arc<Mutex<Vec<Readiness>>>,
}

/// One component's say in the health of the process; clones speak for the same component.
#[derive(Debug, Clone)]
pub struct Readiness {
    name: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    waiting_for: Option<String>,
    since: Instant,
}

/// The health of a process at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// Whether there is a component and every component is ready.
    pub ready: bool,
    /// The components in the order in which they were added.
    pub components: Vec<ComponentReport>,
}

/// One component at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentReport {
    /// Its name.
    pub name: String,
    /// Whether it can do its work.
    pub ready: bool,
    /// What it waits for while it is not ready.
    pub waiting_for: Option<String>,
    /// For how long it has been ready, or not ready; milliseconds.
    pub since_ms: u64,
}

impl Health {
    /// A process without components: not ready, since nothing of it has started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component. It is not ready until it says so.
    pub fn component(&self, name: impl Into<String>) -> Readiness {
        let state = State { waiting_for: Some("start".to_owned()), since: Instant::now() };
        let name: String = name.into();
        let readiness = Readiness { name: name.into(), state: Arc::new(Mutex::new(state)) };
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
        self.set(None);
    }

    /// The component cannot do its work until `what` is there. No personal values, no secrets.
    pub fn waiting(&self, what: impl Into<String>) {
        self.set(Some(what.into()));
    }

    fn set(&self, waiting_for: Option<String>) {
        let mut state = locked(&self.state);
        if state.waiting_for.is_some() != waiting_for.is_some() {
            state.since = Instant::now();
        }
        state.waiting_for = waiting_for;
    }

    fn report(&self, now: Instant) -> ComponentReport {
        let state = locked(&self.state);
        let since = now.saturating_duration_since(state.since).as_millis();
        ComponentReport {
            name: self.name.to_string(),
            ready: state.waiting_for.is_none(),
            waiting_for: state.waiting_for.clone(),
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
        kafka.waiting("kafka");
        let report = health.report();
        assert!(!report.ready);
        assert_eq!(report.components[0].waiting_for.as_deref(), Some("kafka"));
        assert!(report.components[1].ready);
    }

    #[test]
    fn waiting_for_something_else_does_not_restart_the_clock() {
        let health = Health::new();
        let component = health.component("loader");
        let since = locked(&component.state).since;
        component.waiting("clickhouse");
        assert_eq!(locked(&component.state).since, since);
        component.ready();
        assert!(locked(&component.state).since >= since);
    }
}
