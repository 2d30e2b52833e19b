//! Sources, keys of first-party ids and rules that change while the process runs: their files are
//! read again at SIGHUP and when they change.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kafka_runtime::Shutdown;
use telemetry::ConfigMetrics;
use tokio::signal::unix::{SignalKind, signal};
use tracking_plan::{LiveCatalog, SourceCatalog, plan::NOTICE};

use crate::config::{self, Config, ConfigProblems, plan_files};

/// How often the files are looked at: several times within [`NOTICE`].
const LOOK: Duration = Duration::from_secs(2);

/// What a process needs of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needed {
    /// The sources, and the rules that their events are judged by.
    Rules,
    /// The sources alone: the files of rules need not be there.
    Sources,
    /// Neither.
    Nothing,
}

impl Needed {
    /// The catalog that a process begins with.
    pub(crate) fn catalog(self, config: &Config) -> Result<SourceCatalog, ConfigProblems> {
        match self {
            Self::Rules => config.judged_sources(),
            Self::Sources | Self::Nothing => Ok(config.sources.clone()),
        }
    }
}

/// Keeps the catalog as the files have it, until the end. Files with problems leave everything as it
/// is; the log names every problem, and a metric says so until they are mended. All other sections
/// stay as they were at the start.
///
/// Plans are known for [`NOTICE`] after they were read: where they cannot be read any more, validate
/// waits from then on, for a version may be in force that it does not know.
///
/// `files` are those that the catalog was made of, or older ones.
pub(crate) async fn follow(
    started: &Config,
    needed: Needed,
    mut files: Files,
    catalog: &LiveCatalog,
    shutdown: &Shutdown,
) {
    if needed == Needed::Nothing {
        return;
    }
    let metrics = ConfigMetrics::new();
    let suppresses = |needed: Needed| {
        if needed == Needed::Rules {
            metrics.suppresses(catalog.current().suppressed().len());
        }
    };
    suppresses(needed);
    let Ok(mut asked) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP cannot be waited for: files are read again only as they change");
        return;
    };
    // Without a file at the start there is none to go back to; one that has gone is a problem.
    let must_exist = files.texts.config.is_some();
    let mut last = Read::Done;
    loop {
        if last != Read::Failed && started.plans.dir.is_some() {
            catalog.know_until(files.read_at.saturating_add(NOTICE));
        }
        let by_signal = tokio::select! {
            _ = asked.recv() => true,
            () = tokio::time::sleep(LOOK) => false,
            () = shutdown.requested() => return,
        };
        let former = std::mem::replace(&mut files, Files::of(started));
        if files.texts == former.texts && !by_signal {
            continue;
        }
        last = read_again(started, needed, must_exist, catalog);
        suppresses(needed);
        metrics.read_again(last == Read::Done);
    }
}

/// What came of reading the files again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// They hold.
    Done,
    /// They can be read, and may not hold: the former ones do.
    Refused,
    /// They cannot be read.
    Failed,
}

fn read_again(started: &Config, needed: Needed, must_exist: bool, catalog: &LiveCatalog) -> Read {
    let read = config::load(&started.file, must_exist, std::env::vars()).and_then(|read| {
        // Only sources and rules may change; where the rules are stays as it was.
        let (plans, privacy) = (started.plans.clone(), started.privacy.clone());
        needed.catalog(&Config { plans, privacy, ..read })
    });
    match read {
        Ok(read) => replace(catalog, read),
        Err(problems) => {
            tracing::error!("sources and plans stay as they were: {problems}");
            Read::Failed
        }
    }
}

fn replace(catalog: &LiveCatalog, read: SourceCatalog) -> Read {
    let (sources, plans) = (read.len(), read.plans().len());
    match catalog.replace(read) {
        Ok(()) => {
            tracing::info!(sources, plans, "sources and plans were read again");
            Read::Done
        }
        Err(problems) => {
            for problem in problems {
                tracing::error!("sources and plans stay as they were: {problem}");
            }
            Read::Refused
        }
    }
}

/// What the files say, and when they were read; milliseconds UTC.
pub(crate) struct Files {
    texts: Texts,
    read_at: event::Millis,
}

/// The files' texts rather than their times: a mounted file may change without one.
#[derive(PartialEq, Eq)]
struct Texts {
    config: Option<Vec<u8>>,
    plans: Result<Vec<(String, String)>, String>,
    suppressed: Option<Vec<u8>>,
}

impl Files {
    /// Reads the files that this configuration names, and its own.
    pub(crate) fn of(config: &Config) -> Self {
        let text = |file: &Path| fs::read(file).ok();
        // The time first: what changes while they are read is found at the next look.
        let read_at = now();
        let texts = Texts {
            config: text(&config.file),
            plans: config.plans.dir.as_deref().map_or_else(|| Ok(Vec::new()), plan_files),
            suppressed: config.privacy.suppression_file.as_deref().and_then(text),
        };
        Self { texts, read_at }
    }
}

fn now() -> event::Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
