//! The status for a person and for a script.

use serde::Serialize;

use super::{
    diagnose::{Diagnosis, Finding, Kind, Verdict},
    rows::Row,
    snapshot::Snapshot,
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
    snapshot: &Snapshot,
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
    Status { at: utc(snapshot.at), verdict: *verdict, diagnosis, also, rows }
}

/// For a person.
pub(super) fn text(rows: &[Row], diagnosis: &Diagnosis) -> String {
    format!("{}\n\n{}", words(diagnosis), table(rows))
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
