//! SIGKILL of each service in the middle of traffic.

use anyhow::ensure;
use topology::Service;
use waybill_tests::Traffic;

use crate::world::on_the_flow;

fn nothing_is_lost_when_killed(service: Service) {
    on_the_flow(&format!("kill-{service}"), |flow, oracle| {
        let process = flow.service(service);
        Traffic::during(flow, oracle, |traffic| {
            for _ in 0..3 {
                traffic.until_acknowledged(8)?;
                let killed = process.pid();
                process.kill()?;
                // Ingest is what the senders wait for; the others leave them in peace.
                match service {
                    Service::Ingest => traffic.until_refused(3)?,
                    _ => traffic.until_acknowledged(5)?,
                }
                process.restart()?;
                ensure!(process.pid() != killed, "{service} was not started anew");
            }
            traffic.until_acknowledged(8)
        })?;
        let tally = oracle.settle(flow)?;
        eprintln!("{service} killed three times: {tally}");
        ensure!(tally.acknowledged > 50 && tally.repeats > 0, "too little traffic: {tally}");
        Ok(())
    });
}

#[test]
fn the_books_balance_after_ingest_was_killed() {
    nothing_is_lost_when_killed(Service::Ingest);
}

#[test]
fn the_books_balance_after_validate_was_killed() {
    nothing_is_lost_when_killed(Service::Validate);
}

#[test]
fn the_books_balance_after_enrich_was_killed() {
    nothing_is_lost_when_killed(Service::Enrich);
}

#[test]
fn the_books_balance_after_identity_stitch_was_killed() {
    nothing_is_lost_when_killed(Service::IdentityStitch);
}

#[test]
fn the_books_balance_after_forward_was_killed() {
    nothing_is_lost_when_killed(Service::Forward);
}

#[test]
fn the_books_balance_after_audit_was_killed() {
    nothing_is_lost_when_killed(Service::Audit);
}

#[test]
fn the_books_balance_after_all_six_were_killed_at_once() {
    on_the_flow("kill-all", |flow, oracle| {
        Traffic::during(flow, oracle, |traffic| {
            traffic.until_acknowledged(10)?;
            for service in Service::RUNNABLE {
                flow.service(service).kill()?;
            }
            traffic.until_refused(3)?;
            for service in Service::RUNNABLE {
                flow.service(service).start()?;
            }
            traffic.until_acknowledged(10)
        })?;
        oracle.settle(flow)?;
        Ok(())
    });
}
