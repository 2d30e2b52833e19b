//! `waybill check`: is the configuration sound, and, if asked, does it fit what is there?

use serde::Serialize;

use super::migrate::Parts;
use crate::{Exit, cli::CheckArgs, config::Config, output};

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    detail: String,
}

/// The configuration was read already, or we would not be here.
pub(crate) async fn run(arguments: &CheckArgs, config: &Config) -> anyhow::Result<Exit> {
    let sources = config.sources.len();
    let mut findings = vec![Finding {
        what: "configuration",
        ok: true,
        detail: format!("no problem; {sources} sources"),
    }];
    if arguments.online {
        findings.push(online(config).await);
    }
    let ok = findings.iter().all(|finding| finding.ok);
    if arguments.json {
        output::json(&findings)?;
    } else {
        for finding in &findings {
            let mark = if finding.ok { "ok" } else { "NOT OK" };
            output::text(&format!("{}: {mark}: {}", finding.what, finding.detail));
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

async fn online(config: &Config) -> Finding {
    let what = "Kafka, registry and ClickHouse";
    let planned = match Parts::new(config) {
        Ok(parts) => parts.plan(config).await,
        Err(error) => Err(error),
    };
    match planned {
        Ok(plan) if plan.is_empty() => Finding {
            what,
            ok: true,
            detail: "topics, schemas and tables are as they should be".to_owned(),
        },
        Ok(plan) => Finding {
            what,
            ok: false,
            detail: format!("run `waybill migrate`; to be done:\n{}", plan.describe()),
        },
        Err(error) => Finding { what, ok: false, detail: format!("{error:#}") },
    }
}
