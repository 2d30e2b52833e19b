//! Sources that change while the process runs: the file is read again at SIGHUP and when it changes.

use std::{fs, path::Path, time::Duration};

use kafka_runtime::Shutdown;
use telemetry::ConfigMetrics;
use tokio::signal::unix::{SignalKind, signal};
use tracking_plan::LiveCatalog;

use crate::config;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Keeps the catalog as the file has it, until the end. A file with problems leaves the sources as
/// they are; the log names every problem, and a metric says so until they are mended. All other
/// sections stay as they were at the start.
pub(crate) async fn follow(file: &Path, catalog: &LiveCatalog, shutdown: &Shutdown) {
    let metrics = ConfigMetrics::new();
    let Ok(mut asked) = signal(SignalKind::hangup()) else {
        tracing::error!(
            "SIGHUP cannot be waited for: sources are read again only as the file changes"
        );
        return;
    };
    let mut seen = text(file);
    // Without a file at the start there is none to go back to; one that has gone is a problem.
    let must_exist = seen.is_some();
    loop {
        let by_signal = tokio::select! {
            _ = asked.recv() => true,
            () = tokio::time::sleep(LOOK) => false,
            () = shutdown.requested() => return,
        };
        let now = text(file);
        if now == seen && !by_signal {
            continue;
        }
        seen = now;
        let read = config::load(file, must_exist, std::env::vars());
        metrics.read_again(read.is_ok());
        match read {
            Ok(config) => {
                tracing::info!(sources = config.sources.len(), "the sources were read again");
                catalog.replace(config.sources);
            }
            Err(problems) => tracing::error!("the sources stay as they were: {problems}"),
        }
    }
}

/// The file's text rather than its time: a mounted file may change without one.
fn text(file: &Path) -> Option<Vec<u8>> {
    fs::read(file).ok()
}
