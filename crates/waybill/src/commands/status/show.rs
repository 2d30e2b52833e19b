//! The status for a person and for a script.

use serde::Serialize;

use super::{
    diagnose::{Diagnosis, Finding, Kind, Verdict},
    rows::Row,
    snapshot::Snapshot,
    spools::Held,
};
use crate::{
    commands::times::{span, utc},
    output,
};

/// The status as a script reads it.
#[derive(Debug, Serialize)]
pub(super) struct Status<'a> {
    at: String,
    verdict: Verdict,
    diagnosis: Root<'a>,
    also: &'a [Finding],
    rows: &'a [Row],
    spools: Vec<Spool<'a>>,
}

/// What lies in the disk spool of an ingest; `null` and why, where that is not known.
#[derive(Debug, Serialize)]
struct Spool<'a> {
    at: &'a str,
    held: Option<&'a [Held]>,
    cause: Option<&'a str>,
}

/// The root of all trouble; all `null` if there is none.
#[derive(Debug, Serialize)]
struct Root<'a> {
    culprit: Option<&'a str>,
    kind: Option<Kind>,
    detail: &'a str,
    next: &'a [String],
}

const ALL_WELL: &str = "all well";

/// For a script.
pub(super) fn status<'a>(
    snapshot: &'a Snapshot,
    rows: &'a [Row],
    diagnosis: &'a Diagnosis,
) -> Status<'a> {
    let Diagnosis { verdict, findings } = diagnosis;
    let (diagnosis, also) = match findings.split_first() {
        Some((root, also)) => (
            Root {
                culprit: Some(&root.culprit),
                kind: Some(root.kind),
                detail: &root.detail,
                next: &root.next,
            },
            also,
        ),
        None => (Root { culprit: None, kind: None, detail: ALL_WELL, next: &[] }, &[][..]),
    };
    let spools = snapshot.spools.iter().map(|spool| Spool {
        at: &spool.at,
        held: spool.held.as_deref().ok(),
        cause: spool.held.as_ref().err().map(String::as_str),
    });
    let spools = spools.collect();
    Status { at: utc(snapshot.at), verdict: *verdict, diagnosis, also, rows, spools }
}

/// For a person.
pub(super) fn text(snapshot: &Snapshot, rows: &[Row], diagnosis: &Diagnosis) -> String {
    let text = format!("{}\n\n{}", words(diagnosis), table(rows));
    match spooled(snapshot) {
        Some(spooled) => format!("{text}\n\n{spooled}"),
        None => text,
    }
}

fn words(diagnosis: &Diagnosis) -> String {
    if diagnosis.findings.is_empty() {
        return ALL_WELL.to_owned();
    }
    let mut lines = Vec::new();
    let first = if diagnosis.verdict == Verdict::Running { "all runs, but" } else { "culprit" };
    for (index, finding) in diagnosis.findings.iter().enumerate() {
        let heading = if index == 0 { first } else { "also" };
        lines.push(format!("{heading}: {}", finding.detail));
        lines.extend(finding.next.iter().map(|next| format!("  next: {next}")));
    }
    lines.join("\n")
}

fn table(rows: &[Row]) -> String {
    let header =
        ["NAME", "SLOT", "STATE", "SINCE", "STANDS AT", "LAG", "AGE", "EXPIRES IN", "CAUSE"];
    let mut table = output::table(&header);
    for row in rows {
        table.add_row(cells(row));
    }
    table.trim_fmt()
}

fn cells(row: &Row) -> [String; 9] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let state = match row.restored_percent {
        Some(percent) => format!("{} {percent} %", row.state.word()),
        None => row.state.word().to_owned(),
    };
    let lag = row.furthest.as_ref();
    let stands = lag.map(|lag| {
        let origin = lag.origin.as_deref().unwrap_or("?");
        format!("{origin} ({}-{}@{})", lag.topic, lag.partition, lag.offset)
    });
    [
        row.name.to_owned(),
        or_dash(row.slot.map(|slot| slot.to_string())),
        state,
        or_dash(row.since_ms.map(|ms| span(i64::try_from(ms).unwrap_or(i64::MAX)))),
        or_dash(stands),
        or_dash(row.lag_records.map(|records| records.to_string())),
        or_dash(lag.and_then(|lag| lag.waiting_ms).map(span)),
        or_dash(lag.and_then(|lag| lag.expires_in_ms).map(span)),
        row.cause.clone().unwrap_or_default(),
    ]
}

/// What lies in the disk spools; nothing where nothing does.
fn spooled(snapshot: &Snapshot) -> Option<String> {
    let mut table = output::table(&["SPOOL OF", "INGEST", "EVENTS", "OLDEST"]);
    for spool in &snapshot.spools {
        for held in spool.held.iter().flatten() {
            let Held { source, events, oldest_ms } = held;
            table.add_row([source.clone(), spool.at.clone(), events.to_string(), span(*oldest_ms)]);
        }
    }
    (table.row_count() > 0).then(|| table.trim_fmt())
}
