//! `waybill tail`: events as they come, each with its verdict and the reasons.

mod line;

use std::sync::Arc;

use kafka_runtime::Shutdown;
use schema_registry::Registry;
use tokio::runtime::Handle;
use tracking_plan::LiveCatalog;

use self::line::Line;
use super::raw_events::{Next, RawEvents};
use crate::{
    Exit,
    cli::{Since, TailArgs},
    config::Config,
    output::{self, Reader},
    reload::{self, Files, Needed},
};

/// Shows what `raw-events` has, until Ctrl-C, the limit or the end that was asked for. Plans and
/// sources are read again as they change, as validate does.
pub(crate) async fn run(arguments: TailArgs, config: Config) -> anyhow::Result<Exit> {
    // First the files: what changes after them is found at the next look.
    let files = Files::of(&config);
    let catalog = LiveCatalog::new(config.judged_sources()?);
    if let Some(source) = &arguments.source
        && catalog.current().source(source).is_none()
    {
        output::progress(&format!("there is no source {source:?}: what names it is rejected"));
    }
    let registry = Registry::new(&config.registry, Handle::current())?;
    let (config, shutdown) = (Arc::new(config), Shutdown::new());
    let reading = {
        let (config, catalog, stop) = (Arc::clone(&config), catalog.clone(), shutdown.clone());
        tokio::task::spawn_blocking(move || {
            let _whatever_happens = StopAtEnd(stop.clone());
            show(&arguments, &config, &registry, &catalog, &stop)
        })
    };
    let stopping = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => shutdown.request(),
            () = shutdown.requested() => {}
        }
    };
    let following = reload::follow(&config, Needed::Rules, files, &catalog, &shutdown);
    let (shown, (), ()) = tokio::join!(reading, stopping, following);
    output::progress(&shown??.to_string());
    Ok(Exit::Done)
}

/// Ends the others when the reading has ended.
struct StopAtEnd(Shutdown);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.request();
    }
}

/// How many records were read, and what became of them.
#[derive(Debug, Default)]
struct Tally {
    read: u64,
    shown: u64,
    /// Whose bytes are no event, where a source or a name was asked for.
    unknown: u64,
    expired: i64,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} events read, {} shown", self.read, self.shown)?;
        if self.unknown > 0 {
            let unknown = self.unknown;
            write!(f, "; {unknown} cannot be decoded, so nobody knows of which source they are")?;
        }
        if self.expired > 0 {
            write!(f, "; {} left the log before they were read", self.expired)?;
        }
        Ok(())
    }
}

fn show(
    arguments: &TailArgs,
    config: &Config,
    registry: &Registry,
    catalog: &LiveCatalog,
    stop: &Shutdown,
) -> anyhow::Result<Tally> {
    let all = arguments.until_end.then_some(Since::Beginning);
    let since = arguments.since.or(all);
    let mut events = RawEvents::open(config, registry, since, arguments.until_end)?;
    let coloured = !arguments.json && output::is_coloured();
    let mut tally = Tally::default();
    let limit = arguments.limit.map_or(u64::MAX, std::num::NonZeroU64::get);
    while !stop.is_requested() && tally.shown < limit {
        match events.next()? {
            Next::End => break,
            Next::Nothing => {}
            Next::Record(seen) => {
                tally.read += 1;
                let line = Line::of(*seen, &catalog.current());
                tally.unknown += u64::from(line.is_unknown(arguments));
                if line.is_wanted(arguments) {
                    tally.shown += 1;
                    if print(&line, arguments.json, coloured)? == Reader::Gone {
                        break;
                    }
                }
            }
        }
    }
    tally.expired = events.expired();
    Ok(tally)
}

fn print(line: &Line, json: bool, coloured: bool) -> anyhow::Result<Reader> {
    let text = if json { serde_json::to_string(line)? } else { line.told(coloured) };
    Ok(output::line(&text))
}
