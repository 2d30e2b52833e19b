//! identity-stitch with many keys in its store: the changelog is filled as the stage itself would
//! have, the stage restores from it, and then takes events that it never saw.

use std::{
    fs,
    process::Stdio,
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, bail};
use event::{IdentityJournal, JournalEntry, Origin};
use identity::{Day, KEY_VERSION, MessageKey};
use kafka_runtime::{
    Admin, BatchLimits, Outgoing, Producer, RuntimeError, Scanner, Shutdown, StageSettings,
};
use local_stack::spawner::mortal;
use serde_json::json;
use telemetry::{ComponentState, Health};
use topology::{Stage, Topic};
use tracking_plan::LiveCatalog;
use waybill_tests::{Spent, binary, spent};

use crate::{
    bench_plans::{Planned, catalog},
    bench_stages::{Bench, PARTITIONS, until_committed},
    cpu_seconds,
};

const STAGE: Stage = Stage::IdentityStitch;
/// Entries of a record: a full batch over all partitions.
const ENTRIES: u64 = 833;
/// Records that are sent at once.
const RECORDS: u64 = 120;
const PATIENCE: Duration = Duration::from_mins(3);
/// How long a stage must have been running to count as at rest.
const REST: Duration = Duration::from_secs(2);

/// How many keys there are and how they lie.
struct Case {
    keys: u64,
    /// Over how many days, the last of them today.
    days: u16,
    /// Over how many partitions.
    partitions: u16,
}

const ROWS: [Case; 4] = [
    Case { keys: 100_000, days: 1, partitions: PARTITIONS },
    Case { keys: 10_000_000, days: 1, partitions: PARTITIONS },
    Case { keys: 10_000_000, days: 8, partitions: PARTITIONS },
    Case { keys: 5_000_000, days: 1, partitions: 1 },
];

/// What came out for so many keys.
pub(crate) struct Row {
    pub(crate) keys: u64,
    pub(crate) days: u16,
    pub(crate) partitions: u16,
    /// CPU microseconds per event of a fresh event, user and system, opening left out.
    pub(crate) cpu_us_per_event: f64,
    /// The bare loop over the same records at the same time.
    pub(crate) bare_us_per_event: f64,
    /// From nothing on the disk to all partitions ready.
    pub(crate) restore_seconds: f64,
    /// The most that the process of the stage had while it ran over the events.
    pub(crate) peak_mib: u64,
    /// Of the restored stores at rest, their journals left out.
    pub(crate) disk_bytes_per_key: f64,
}

impl Row {
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "keys": self.keys,
            "days": self.days,
            "partitions": self.partitions,
            "cpu_us_per_event": self.cpu_us_per_event,
            "bare_us_per_event": self.bare_us_per_event,
            "restore_seconds": self.restore_seconds,
            "peak_mib": self.peak_mib,
            "disk_bytes_per_key": self.disk_bytes_per_key,
        })
    }
}

/// Each row on a stack of its own: the keys of one are not those of the next.
pub(crate) fn run(events: usize) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for case in &ROWS {
        let row = row(events, case).with_context(|| format!("{} keys", case.keys))?;
        eprintln!("{}", row.json());
        rows.push(row);
    }
    Ok(rows)
}

fn row(events: usize, case: &Case) -> anyhow::Result<Row> {
    let bench = Bench::start(events, PARTITIONS)?;
    let admin = Admin::new(&bench.kafka)?;
    for stage in Stage::ALL {
        admin.first_positions(stage.group(), &stage.reads())?;
    }
    eprintln!("writing {} keys to {}", case.keys, Topic::IdentityJournal);
    bench.write_keys(case)?;
    eprintln!("restoring");
    let (restore_seconds, _) = bench.at_rest()?;
    let disk = disk_bytes(&bench)?;
    let (_, opening) = bench.at_rest()?;
    let unplanned = LiveCatalog::new(catalog(Planned::Not)?);
    for stage in [Stage::Validate, Stage::Enrich] {
        bench.until_through(stage, &unplanned)?;
    }
    let bare = bench.bare(STAGE.input())?;
    eprintln!("measuring {STAGE}");
    let stage = bench.by_the_binary()?;
    #[expect(clippy::cast_precision_loss, reason = "figures for a person")]
    let (events, held) = (events as f64, case.keys as f64);
    Ok(Row {
        keys: case.keys,
        days: case.days,
        partitions: case.partitions,
        cpu_us_per_event: (stage.cpu - opening) * 1e6 / events,
        bare_us_per_event: bare.cpu_us_per_event,
        restore_seconds,
        peak_mib: stage.peak_mib,
        disk_bytes_per_key: disk / held,
    })
}

impl Bench {
    /// Writes entries with even keys, day after day, partition after partition.
    fn write_keys(&self, case: &Case) -> anyhow::Result<()> {
        let encoder = self.registry.encoder(Topic::IdentityJournal)?;
        let producer = Producer::new(&self.kafka)?;
        let records = case.keys.div_ceil(ENTRIES);
        let today = today()?;
        for first in (0..records).step_by(usize::try_from(RECORDS)?) {
            let mut chunk = Vec::new();
            for record in first..(first + RECORDS).min(records) {
                let day = Day::try_from(record * u64::from(case.days) / records)?;
                let before = Day::from(case.days) - 1 - day;
                let numbers = record * ENTRIES..((record + 1) * ENTRIES).min(case.keys);
                let entries = numbers.map(|number| entry(number, today - before)).collect();
                let journal = IdentityJournal {
                    version: KEY_VERSION,
                    entries,
                    business_keys: Vec::new(),
                    sessions: Vec::new(),
                    contexts: Vec::new(),
                };
                chunk.push(Outgoing {
                    topic: Topic::IdentityJournal,
                    partition: Some(i32::try_from(record % u64::from(case.partitions))?),
                    key: None,
                    value: Some(encoder.encode(&journal)?),
                    headers: Vec::new(),
                });
            }
            self.runtime.block_on(producer.send_all(chunk))?;
        }
        Ok(())
    }

    /// Runs the stage over no events until it is at rest. For how many seconds it restored, and the
    /// CPU seconds that all took.
    fn at_rest(&self) -> anyhow::Result<(f64, f64)> {
        let cpu = cpu_seconds();
        let health = Health::new();
        let mut restored = Duration::ZERO;
        self.running(&health, |begun| {
            let mut restoring = None;
            while begun.elapsed() < PATIENCE {
                let report = health.report();
                let at = report.components.first().map(|it| (it.state, it.since_ms));
                match at {
                    Some((ComponentState::Restoring, _)) if restoring.is_none() => {
                        restoring = Some(Instant::now());
                    }
                    Some((ComponentState::Running, since)) => {
                        let since = Duration::from_millis(since);
                        if since > REST {
                            let whole = restoring.map_or(since, |from| from.elapsed());
                            restored = whole.saturating_sub(since);
                            return Ok(());
                        }
                    }
                    _ => {}
                }
                thread::sleep(Duration::from_millis(10));
            }
            bail!("{STAGE} was not ready after {PATIENCE:?}: {:?}", health.report())
        })?;
        Ok((restored.as_secs_f64(), cpu_seconds() - cpu))
    }

    /// What the stage takes to get through its input, as a process of its own.
    fn by_the_binary(&self) -> anyhow::Result<Spent> {
        let config = self.folder.path().join("waybill.toml");
        fs::write(&config, self.config())?;
        let mut stage = mortal(binary()?)
            .arg("--config")
            .arg(&config)
            .arg(STAGE.name())
            .stdout(Stdio::null())
            .spawn()?;
        let through = until_committed(STAGE, &mut Scanner::new(&self.kafka, "waybill-bench")?);
        let spent = spent(STAGE.name(), Some(stage.id()));
        stage.kill()?;
        stage.wait()?;
        through.and(spent)
    }

    /// The same as [`running`](Self::running) goes by.
    fn config(&self) -> String {
        let Self { kafka, stack, folder, .. } = self;
        format!(
            "admin.listen = \"127.0.0.1:0\"\n\
             kafka.bootstrap_servers = \"{}\"\n\
             registry.url = \"{}\"\n\
             identity_stitch.state_dir = \"{}\"\n",
            kafka.bootstrap_servers,
            stack.registry_url(),
            folder.path().join("identity-stitch").display(),
        )
    }

    /// Runs the stage for as long as `work` takes.
    fn running(
        &self,
        health: &Health,
        work: impl FnOnce(Instant) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let shutdown = Shutdown::new();
        let settings = StageSettings {
            kafka: self.kafka.clone(),
            registry: self.registry.clone(),
            epoch: 0,
            slot: 0,
            batch: BatchLimits::default(),
            readiness: health.component(STAGE.name()),
        };
        let config = identity_stitch::Config {
            state_dir: self.folder.path().join("identity-stitch"),
            ..identity_stitch::Config::default()
        };
        thread::scope(|scope| {
            let stage = scope.spawn(|| identity_stitch::run(&settings, &config, &shutdown));
            let done = work(Instant::now());
            shutdown.request();
            match stage.join() {
                Ok(ended) => ended.map_err(|error: RuntimeError| anyhow::anyhow!("{error}"))?,
                Err(_) => bail!("{STAGE} panicked"),
            }
            done
        })
    }
}

fn entry(number: u64, day: Day) -> JournalEntry {
    let key = MessageKey::of_message("bench/before", &number.to_string()).to_fixed();
    let origin =
        Origin { epoch: 0, partition: 0, offset: i64::try_from(number).unwrap_or_default() };
    JournalEntry { key, origin, fingerprint: i64::from_be_bytes([7; 8]), day }
}

fn today() -> anyhow::Result<Day> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Day::try_from(since.as_secs() / (24 * 60 * 60))?)
}

/// Bytes of the stores' keyspaces. The journals are of a fixed size and mostly holes.
#[expect(clippy::cast_precision_loss, reason = "figures for a person")]
fn disk_bytes(bench: &Bench) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for partition in fs::read_dir(bench.folder.path().join("identity-stitch"))? {
        bytes += folder_bytes(&partition?.path().join("keyspaces"))?;
    }
    Ok(bytes as f64)
}

fn folder_bytes(folder: &std::path::Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { folder_bytes(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
