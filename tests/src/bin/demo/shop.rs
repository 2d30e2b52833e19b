//! The shop: a Node program with the real SDK.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use waybill_tests::{BILLING, Flow, NodePackage, WEB};

use crate::steps::Steps;

/// What the shop says in the end.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    /// Events that ingest said 200 to.
    pub(crate) acknowledged: u64,
    /// Events that an SDK gave up.
    pub(crate) failed: u64,
    /// Requests that were refused, as they should be.
    pub(crate) refused: u64,
}

/// Installs the SDK.
pub(crate) fn installed(steps: &Steps) -> anyhow::Result<NodePackage> {
    steps.say("npm ci: the real @segment/analytics-node");
    NodePackage::install("tests/demo")
}

/// Plays the day.
pub(crate) fn open(steps: &Steps, flow: &Flow, shop: &NodePackage) -> anyhow::Result<Said> {
    steps.say("the shop opens: 300 visitors through the SDK, as web/app and server/billing");
    let mut node = shop.node("shop.mjs");
    node.env("INGEST_URL", flow.ingest_url())
        .env("WEB_KEY", WEB.write_key.unwrap_or_default())
        .env("BILLING_KEY", BILLING.write_key.unwrap_or_default())
        .stdout(Stdio::piped());
    let mut node = node.spawn().context("node")?;
    let output = node.stdout.take().context("node has no output")?;
    let mut last = String::new();
    for line in BufReader::new(output).lines() {
        last = line?;
        if !last.starts_with('{') {
            steps.say(&format!("shop: {last}"));
        }
    }
    let status = node.wait()?;
    ensure!(status.success(), "the shop ended with {status}");
    let said: Said = serde_json::from_str(&last).context("the shop's last word")?;
    if said.failed > 0 {
        bail!("ingest did not take {} events", said.failed);
    }
    steps.say(&format!("the shop closes: {} events acknowledged", said.acknowledged));
    Ok(said)
}
