//! The SDKs that people already use, themselves: on Node and in a real Chromium.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use local_stack::Part;
use serde_json::Value;
use topology::Service;
use waybill_tests::{Flow, FlowSource, JITSU, NodePackage, SERVER_SDKS, WEB_SDKS, until};

use crate::world::on_the_flow;

/// Events that each SDK is handed.
const EVENTS: usize = 30;
/// Longer than ingest waits for the broker: those who wait are answered 503.
const OUTAGE: Duration = Duration::from_secs(13);
/// A retry may wait for a minute.
const PATIENCE: Duration = Duration::from_secs(150);

/// A program of `tests/sdks`.
#[derive(Debug, Clone, Copy)]
struct Script {
    file: &'static str,
    mode: &'static str,
    source: FlowSource,
}

const fn script(file: &'static str, mode: &'static str, source: FlowSource) -> Script {
    Script { file, mode, source }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file, self.mode)
    }
}

/// A script that runs.
struct Running {
    script: Script,
    /// Property `run` of its events.
    run: String,
    child: Child,
    last_line: JoinHandle<String>,
}

impl Running {
    /// Starts it; `halfway` is told once half of its events are handed over.
    fn start(
        script: Script,
        flow: &Flow,
        sdks: &NodePackage,
        halfway: &mpsc::Sender<Script>,
    ) -> anyhow::Result<Self> {
        let run = format!("{}-{}-{}", script.file, script.mode, std::process::id());
        let mut node = sdks.node(&format!("{}.mjs", script.file));
        node.env("INGEST_URL", flow.ingest_url())
            .env("WRITE_KEY", script.source.write_key.context("a key")?)
            .env("EVENTS", EVENTS.to_string())
            .env("PAUSE_MS", "300")
            .env("PREFIX", &run)
            .env("MODE", script.mode);
        let mut child =
            node.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("node")?;
        let said = child.stderr.take().context("no stderr")?;
        let halfway = halfway.clone();
        thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                eprintln!("{script}: {line}");
                if line == "halfway" {
                    // Nobody listens to the later ones.
                    let _heard = halfway.send(script);
                }
            }
        });
        let mut out = child.stdout.take().context("no stdout")?;
        let last_line = thread::spawn(move || {
            let mut text = String::new();
            let read = out.read_to_string(&mut text);
            read.map_or_else(
                |error| error.to_string(),
                |_| text.lines().last().unwrap_or("").to_owned(),
            )
        });
        Ok(Self { script, run, child, last_line })
    }

    /// Waits for its end. It must have delivered everything by its own word, and each event must be
    /// in ClickHouse once.
    fn check(mut self, flow: &Flow) -> anyhow::Result<Value> {
        let script = self.script;
        let ended = until(&format!("{script} ends"), PATIENCE, || Ok(self.child.try_wait()?))?;
        let line = self.last_line.join().map_err(|_| anyhow::anyhow!("no output"))?;
        ensure!(ended.success(), "{script} ended with {ended}: {line}");
        let told: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        let sql = format!(
            "SELECT uniqExact(JSONExtractInt(properties, 'number')), count() FROM events \
             WHERE event_name = 'Sdk Checked' AND JSONExtractString(properties, 'run') = '{}'",
            self.run
        );
        let expected = format!("{EVENTS}\t{EVENTS}");
        let mut found = String::new();
        let arrived = until(&format!("{script} has arrived"), Duration::from_secs(30), || {
            found = flow.clickhouse(&sql)?;
            Ok((found == expected).then_some(()))
        });
        arrived.with_context(|| format!("{script}: numbers and rows: {found}; {line}"))?;
        Ok(told)
    }
}

fn packages() -> anyhow::Result<NodePackage> {
    let client = NodePackage::install("clients/javascript")?;
    client.npm(&["run", "build"])?;
    NodePackage::install("tests/sdks")
}

fn answered(flow: &Flow, status: u16) -> anyhow::Result<f64> {
    let metrics = flow.service(Service::Ingest).metrics()?;
    let label = format!("status=\"{status}\"");
    Ok(metrics.sum("waybill_ingest_requests_total", &[&label]))
}

#[test]
fn every_sdk_delivers_each_event_once_though_the_broker_stands_still() {
    on_the_flow("sdks", |flow, _| {
        let sdks = packages()?;
        let scripts = [
            script("browser", "next-single", WEB_SDKS),
            script("browser", "next-batching", WEB_SDKS),
            script("browser", "jitsu", JITSU),
            script("browser", "waybill", WEB_SDKS),
            script("segment-node", "", SERVER_SDKS),
            script("rudder-node", "", SERVER_SDKS),
            script("jitsu-node", "", JITSU),
        ];
        let refused = answered(flow, 503)?;
        let (told, halfway) = mpsc::channel();
        let running: Vec<_> = scripts
            .iter()
            .map(|script| Running::start(*script, flow, &sdks, &told))
            .collect::<anyhow::Result<_>>()?;
        halfway.recv_timeout(PATIENCE).context("no script came halfway")?;
        flow.freeze_part(Part::Kafka)?;
        let begun = Instant::now();
        let fired = until("ingest answers 503", OUTAGE * 2, || {
            let enough = begun.elapsed() >= OUTAGE && answered(flow, 503)? >= refused + 5.0;
            Ok(enough.then_some(()))
        });
        flow.thaw_part(Part::Kafka)?;
        fired?;
        for running in running {
            let script = running.script;
            let told = running.check(flow)?;
            eprintln!("{script}: answers {}", told["answers"]);
        }
        let pages = flow.clickhouse(
            "SELECT count() FROM events WHERE type = 'page' AND campaign_source = 'newsletter' \
             AND campaign_name = 'autumn-sale' AND browser = 'Chrome' AND locale != ''",
        )?;
        ensure!(pages.parse::<u32>()? >= 4, "pages with campaign, browser and locale: {pages}");
        let audit = flow.audit(Duration::from_mins(1))?;
        ensure!(audit.code == 0, "{:?}", audit.report);
        Ok(())
    });
}

#[test]
fn what_a_page_sends_as_it_is_left_arrives() {
    on_the_flow("unload", |flow, _| {
        let sdks = packages()?;
        let scripts = [
            script("browser", "next-unload", WEB_SDKS),
            script("browser", "waybill-unload", WEB_SDKS),
            script("browser", "waybill-return", WEB_SDKS),
        ];
        let (told, _halfway) = mpsc::channel();
        let running: Vec<_> = scripts
            .iter()
            .map(|script| Running::start(*script, flow, &sdks, &told))
            .collect::<anyhow::Result<_>>()?;
        let returned = running.last().map(|running| running.run.clone()).unwrap_or_default();
        for running in running {
            running.check(flow)?;
        }
        // The first-party id that ingest gave out, and numbers without a gap.
        let numbered = flow.clickhouse(&format!(
            "SELECT uniqExact(anonymous_id), countIf(startsWith(anonymous_id, 'w1.k1.')) = count(), \
             uniqExact(JSONExtractInt(context, 'waybill', 'seq')) = count() FROM events \
             WHERE event_name = 'Sdk Checked' AND JSONExtractString(properties, 'run') = '{returned}'"
        ))?;
        ensure!(numbered == "1\ttrue\ttrue" || numbered == "1\t1\t1", "{numbered}");
        let lost = flow.clickhouse("SELECT sum(lost), sum(sent) > 0 FROM lost_before_ingest")?;
        ensure!(lost.starts_with("0\t") && lost != "0\t0", "lost before ingest: {lost}");
        Ok(())
    });
}
