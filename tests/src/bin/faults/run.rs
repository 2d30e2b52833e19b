//! One fault from the first event to the verdict.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use waybill_tests::{Audit, Flow, LedgerCheck, Oracle, Traffic};

use crate::{
    fault::{Fault, Fired, Scene},
    report::Outcome,
};

/// A transaction that nobody ends holds its readers for 15 s and the broker's next look at it.
const SETTLE_WITHIN: Duration = Duration::from_mins(2);
/// How long one question to the auditor waits for *balanced*.
const ASK_FOR: Duration = Duration::from_secs(20);
const SHOWN: usize = 5;

/// Injects the fault under traffic, mends the flow, and asks everyone who can know. The flow has seen the
/// message ids of former rounds.
pub(crate) fn run(flow: &Flow, ledger: &mut LedgerCheck, fault: &Fault, round: u32) -> Outcome {
    eprintln!("... {}", fault.name);
    let begun = Instant::now();
    let name = if round == 1 { fault.name.clone() } else { format!("{} {round}", fault.name) };
    let oracle = Oracle::new(&name);
    let mut outcome = Outcome::of(fault);
    let injected = keep_duplicates(flow, true).and_then(|()| under_traffic(flow, &oracle, fault));
    match injected {
        Ok(fired) => {
            outcome.fired = fired.times;
            outcome.told = fired.told;
        }
        Err(error) => outcome.problem(format!("{error:#}")),
    }
    judge(flow, ledger, &oracle, &mut outcome);
    if let Err(error) = keep_duplicates(flow, false) {
        outcome.problem(format!("{error:#}"));
    }
    outcome.took = begun.elapsed();
    outcome
}

/// The flow is mended while events still come: so it is in the field.
fn under_traffic(flow: &Flow, oracle: &Oracle, fault: &Fault) -> anyhow::Result<Fired> {
    flow.mend().context("before the fault")?;
    Traffic::during(flow, oracle, |traffic| {
        traffic.until_acknowledged(5)?;
        let fired = fault.inject(&Scene { flow, traffic, oracle });
        let mended = flow.mend().context("after the fault");
        let fired = fired?;
        mended?;
        traffic.until_acknowledged(5)?;
        Ok(fired)
    })
}

fn judge(flow: &Flow, ledger: &mut LedgerCheck, oracle: &Oracle, outcome: &mut Outcome) {
    match settled(flow) {
        Ok(audit) => {
            audit.verdict().clone_into(&mut outcome.verdict);
            if audit.code != 0 {
                outcome.problem(format!("the auditor says {audit}"));
            }
        }
        Err(error) => outcome.problem(format!("audit: {error:#}")),
    }
    for process in flow.ended() {
        outcome.problem(format!("{process} has ended: {}", process.last_line()));
    }
    match ledger.check(flow) {
        Ok(found) => {
            outcome.lost = found.lost.len();
            outcome.duplicated = found.duplicated.len() + found.unknown.len();
            for (what, named) in
                [("lost", found.lost), ("twice", found.duplicated), ("unknown", found.unknown)]
            {
                for named in named.iter().take(SHOWN) {
                    outcome.problem(format!("{what}: {named}"));
                }
            }
        }
        Err(error) => outcome.problem(format!("ledger: {error:#}")),
    }
    if let Err(error) = ledger.side_tables_follow(flow) {
        outcome.problem(format!("{error:#}"));
    }
    outcome.acknowledged = oracle.acknowledged_messages();
    if let Err(error) = oracle.check(flow) {
        outcome.problem(format!("oracle: {error:#}"));
    }
    if let Err(error) = oracle.fresh_event_arrives(flow) {
        outcome.problem(format!("{error:#}"));
    }
}

/// What the auditor says when everything has settled, or cannot any more.
fn settled(flow: &Flow) -> anyhow::Result<Audit> {
    let begun = Instant::now();
    loop {
        let audit = flow.audit(ASK_FOR)?;
        let hopeless = flow.ended().next().is_some();
        if audit.code == 0 || hopeless || begun.elapsed() > SETTLE_WITHIN {
            return Ok(audit);
        }
    }
}

/// A merge folds a duplicate before anyone counts it. As a setting of the table this holds over a
/// restart, which `SYSTEM STOP MERGES` does not. Without merges there are many parts, so that all are merged
/// afterwards: it takes ClickHouse long to start with thousands.
fn keep_duplicates(flow: &Flow, keep: bool) -> anyhow::Result<()> {
    for table in ["events", "dead_letters", "discarded_events"] {
        let settings = "max_bytes_to_merge_at_max_space_in_pool, \
                        max_bytes_to_merge_at_min_space_in_pool";
        let change = if keep {
            let ones = settings.replace(", ", " = 1, ") + " = 1";
            format!(
                "MODIFY SETTING {ones}, parts_to_delay_insert = 20000, parts_to_throw_insert = 30000"
            )
        } else {
            format!("RESET SETTING {settings}")
        };
        flow.on_table("ALTER TABLE", table, &change)?;
        if !keep {
            flow.on_table("OPTIMIZE TABLE", table, "FINAL")?;
        }
    }
    Ok(())
}
