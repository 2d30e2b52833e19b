//! The shop: a Node program with the real SDK.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use waybill_tests::{BILLING, Flow, WEB, target_folder};

use crate::steps::Steps;

/// The program and what it needs; copied, so that nothing is installed into the clone.
const FILES: [&str; 4] = ["package.json", "package-lock.json", "people.mjs", "shop.mjs"];

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

/// Installs the SDK; the folder that the shop runs in.
pub(crate) fn installed(steps: &Steps) -> anyhow::Result<PathBuf> {
    steps.say("npm ci: the real @segment/analytics-node");
    let folder = target_folder()?.join("demo-shop");
    fs::create_dir_all(&folder)?;
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo");
    for file in FILES {
        fs::copy(written.join(file), folder.join(file)).with_context(|| file.to_owned())?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]);
    let output = npm.current_dir(&folder).output().context("npm")?;
    ensure!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    Ok(folder)
}

/// Plays the day.
pub(crate) fn open(steps: &Steps, flow: &Flow, folder: &Path) -> anyhow::Result<Said> {
    steps.say("the shop opens: 300 visitors through the SDK, as web/app and server/billing");
    let mut node = Command::new("node");
    node.arg("shop.mjs")
        .current_dir(folder)
        .env("INGEST_URL", flow.ingest_url())
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_lock_file_names_no_registry_so_that_any_mirror_serves() {
        assert!(!include_str!("../../../demo/package-lock.json").contains("\"resolved\""));
    }
}
