//! The flow that all tests share.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
};

use local_stack::{JavaTuning, Progress};
use waybill_tests::{Flow, Options, Oracle, ServiceProcess, shards};

/// Started by the first test; never dropped: its processes die with this one.
static FLOW: Mutex<Option<Result<Flow, String>>> = Mutex::new(None);

fn flow() -> MutexGuard<'static, Option<Result<Flow, String>>> {
    let mut flow = FLOW.lock().unwrap_or_else(PoisonError::into_inner);
    flow.get_or_insert_with(|| {
        let progress = Progress::new(|line| eprintln!("{line}"));
        let start = || {
            let java = JavaTuning::QuickStart;
            let options =
                Options { kind: "e2e", progress, proxied: false, java, shards: shards()? };
            Flow::start(&options, &|line| eprintln!("{line}"))
        };
        start().map_err(|error| format!("{error:#}"))
    });
    flow
}

/// Runs a test on the shared flow, all of it up, with an oracle of its own. If the test fails,
/// shows the end of each service's log.
pub(crate) fn on_the_flow(label: &str, test: impl FnOnce(&Flow, &Oracle) -> anyhow::Result<()>) {
    let guard = flow();
    let flow = match guard.as_ref().unwrap() {
        Ok(flow) => flow,
        Err(error) => panic!("the flow did not start: {error}"),
    };
    let tested = catch_unwind(AssertUnwindSafe(|| {
        flow.mend()?;
        test(flow, &Oracle::new(label))
    }));
    match tested {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            eprintln!("{}", flow.log_tails());
            panic!("{}{error:?}", ended(flow));
        }
        Err(panic) => {
            eprintln!("{}", flow.log_tails());
            resume_unwind(panic);
        }
    }
}

/// Each service that has ended by itself, how, and what it said last.
fn ended(flow: &Flow) -> String {
    let told = |it: &ServiceProcess| {
        let log = it.log();
        let last = log.lines().next_back().unwrap_or_default();
        Some(format!("{it} has ended: {}: {last}\n", it.ended()?))
    };
    flow.ended().filter_map(told).collect()
}
