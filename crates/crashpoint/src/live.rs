//! The points as they are in a build for tests.

use std::{
    env, process,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};

use crate::{Act, Order, POISON, VARIABLE};

/// Longer than it takes until a signal to the process has stopped every thread.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

static ORDER: OnceLock<Option<Order>> = OnceLock::new();
static POISONOUS: OnceLock<Option<(Option<String>, String)>> = OnceLock::new();
static HITS: AtomicU64 = AtomicU64::new(0);

/// Whether the order is for this point now: counts each time that it is asked at that point.
pub fn reached(point: &str) -> bool {
    let Some(order) = ORDER.get_or_init(ordered) else { return false };
    let meant = order.point == point
        && order.thread.as_deref().is_none_or(|name| thread::current().name() == Some(name));
    meant && HITS.fetch_add(1, Ordering::Relaxed) + 1 == order.hit
}

/// Does what the order says, and says so first.
pub fn act(point: &str) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("?");
    match ORDER.get().and_then(Option::as_ref).map(|order| order.act) {
        None => {}
        Some(Act::Die) => {
            say(&format!("crashpoint: {name} dies at {point}"));
            signal_to_all(Signal::KILL);
        }
        Some(Act::Freeze) => {
            say(&format!("crashpoint: {name} freezes at {point}"));
            signal_to_all(Signal::STOP);
        }
    }
}

/// The signal is for the process: another thread may be the one that takes it, and this one must not
/// go on until it has.
fn signal_to_all(signal: Signal) {
    match kill_process(getpid(), signal) {
        Ok(()) => thread::sleep(TAKEN_WITHIN),
        Err(error) => say(&format!("crashpoint: cannot signal: {error}")),
    }
}

/// What [`crate::crashpoint!`] becomes.
pub fn hit(point: &str) {
    if reached(point) {
        act(point);
    }
}

/// Ends the process if a test has declared records with these bytes to be poison.
pub fn taste(bytes: &[u8]) {
    let declared = POISONOUS.get_or_init(|| {
        let text = env::var_os(POISON)?.to_string_lossy().into_owned();
        Some(match text.split_once('/') {
            Some((thread, text)) => (Some(thread.to_owned()), text.to_owned()),
            None => (None, text),
        })
    });
    let Some((on, text)) = declared else { return };
    let thread = thread::current();
    let meant = on.as_deref().is_none_or(|name| thread.name() == Some(name));
    if meant && bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
        say(&format!("crashpoint: {} aborts of poison", thread.name().unwrap_or("?")));
        process::abort();
    }
}

/// An order that is not understood must not pass for a run without a crash.
fn ordered() -> Option<Order> {
    let text = env::var_os(VARIABLE)?;
    match text.to_string_lossy().parse() {
        Ok(order) => Some(order),
        Err(error) => {
            say(&format!("crashpoint: {error}"));
            process::exit(64);
        }
    }
}

#[expect(clippy::print_stderr, reason = "the log's threads would not live to write it")]
fn say(line: &str) {
    eprintln!("{line}");
}
