//! `make demo`: a day of a small SaaS shop through the whole pipeline, and the proof that all of
//! it arrived. Exits 0 only when the books balance.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it shows what it does")]

mod crm;
mod funnel;
mod questions;
mod shop;
mod steps;

use std::{process::ExitCode, thread, time::Duration};

use anyhow::{anyhow, ensure};
use local_stack::{JavaTuning, Progress};
use waybill_tests::{Flow, Options};

use funnel::Told;
use steps::Steps;

const SETTLE_WITHIN: Duration = Duration::from_mins(2);

fn main() -> ExitCode {
    let steps = Steps::begin();
    match demo(&steps) {
        Ok(()) => {
            steps.say("the books balance: every event that was accepted is accounted for");
            ExitCode::SUCCESS
        }
        Err(error) => {
            steps.say(&format!("FAILED: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn demo(steps: &Steps) -> anyhow::Result<()> {
    let flow = started(steps)?;
    let result = play(steps, &flow);
    if result.is_err() {
        eprintln!("{}", flow.log_tails());
    }
    if std::env::var_os("KEEP").is_some_and(|keep| keep != "0") {
        keep(steps, &flow, result.as_ref().err())?;
    }
    result
}

fn started(steps: &Steps) -> anyhow::Result<Flow> {
    let progress = steps.clone();
    let progress = Progress::new(move |line| progress.say(line));
    let options =
        Options { kind: "demo", progress, proxied: false, java: JavaTuning::QuickStart, shards: 1 };
    let flow = Flow::start(&options, &|line| steps.say(line))?;
    steps.say(&format!("ready; logs and data in {}", flow.folder().display()));
    Ok(flow)
}

fn play(steps: &Steps, flow: &Flow) -> anyhow::Result<()> {
    let told = everybody_sends(steps, flow)?;
    steps.say("waiting until everything has settled: waybill audit --wait");
    let audit = flow.audit(SETTLE_WITHIN)?;
    funnel::until_tables_follow(flow)?;
    funnel::print(flow, &audit, &told)?;
    questions::ask(flow)?;
    ensure!(audit.code == 0, "the books do not balance: {audit}");
    told.agrees_with(&audit.report.books())
}

/// The shop's SDKs and the CRM's own producer, side by side.
fn everybody_sends(steps: &Steps, flow: &Flow) -> anyhow::Result<Told> {
    let folder = shop::installed(steps)?;
    thread::scope(|scope| {
        let crm = scope.spawn(|| crm::produce(steps, flow));
        let shop = shop::open(steps, flow, &folder);
        let delivered = crm.join().map_err(|_| anyhow!("the CRM's producer panicked"))?;
        let (shop, delivered) = (shop?, delivered?);
        Ok(Told { acknowledged: shop.acknowledged, delivered, refused: shop.refused })
    })
}

fn keep(steps: &Steps, flow: &Flow, failed: Option<&anyhow::Error>) -> anyhow::Result<()> {
    if let Some(error) = failed {
        steps.say(&format!("FAILED: {error:#}"));
    }
    println!("\nstays up until Ctrl-C:");
    println!("  ingest       {}  (write keys wk_web, wk_billing)", flow.ingest_url());
    println!("  ClickHouse   {}  (database waybill)", flow.stack().clickhouse_url());
    println!("  Kafka        {}", flow.stack().bootstrap_servers());
    println!("  registry     {}", flow.stack().registry_url());
    for service in topology::Service::RUNNABLE {
        println!("  {:<12} {}/metrics  /readyz", service.name(), flow.service(service).admin_url());
    }
    println!("  try          waybill --config {} audit", flow.config().display());
    flow.http().runtime().block_on(tokio::signal::ctrl_c())?;
    println!();
    steps.say("stopping");
    Ok(())
}
