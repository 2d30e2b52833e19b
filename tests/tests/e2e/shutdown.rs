//! SIGTERM.

use std::time::Duration;

use anyhow::ensure;
use topology::Service;
use waybill_tests::Traffic;

use crate::world::on_the_flow;

const WITHIN: Duration = Duration::from_secs(10);

#[test]
fn every_service_ends_within_ten_seconds_of_sigterm_and_loses_nothing() {
    on_the_flow("sigterm", |flow, oracle| {
        Traffic::during(flow, oracle, |traffic| {
            for service in Service::RUNNABLE {
                traffic.until_acknowledged(4)?;
                let process = flow.service(service);
                let stopped = process.stop_gracefully()?;
                eprintln!("{service}: {} ms", stopped.took.as_millis());
                ensure!(stopped.took < WITHIN, "{service} took {:?}", stopped.took);
                ensure!(stopped.status.success(), "{service}: {}", stopped.status);
                process.restart()?;
            }
            traffic.until_acknowledged(4)
        })?;
        oracle.settle(flow)?;
        Ok(())
    });
}
