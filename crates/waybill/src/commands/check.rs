//! `waybill check`: is the configuration sound, and, if asked, does it fit what is there?

use serde::Serialize;

use super::{
    capacity::{Capacity, Load, Need, Place, capacity},
    migrate::Parts,
};
use crate::{Exit, cli::CheckArgs, config::Config, output};

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    detail: String,
}

/// The configuration was read already, or we would not be here.
pub(crate) async fn run(arguments: &CheckArgs, config: &Config) -> anyhow::Result<Exit> {
    if let Some(events_per_day) = arguments.events_per_day {
        return disk(arguments, events_per_day, config);
    }
    let catalog = config.judged_sources()?;
    config.enrichments()?;
    let transformations = config.transformations()?.runs().count();
    let (sources, plans) = (catalog.len(), catalog.plans().len());
    let mut findings = vec![Finding {
        what: "configuration",
        ok: true,
        detail: format!(
            "no problem; {sources} sources, {plans} tracking plans, {transformations} transformations"
        ),
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

fn disk(arguments: &CheckArgs, events_per_day: u64, config: &Config) -> anyhow::Result<Exit> {
    let load = Load {
        events_per_day,
        event_bytes: arguments.event_bytes,
        compressed_percent: arguments.compressed_percent,
        rejected_percent: arguments.rejected_percent,
        window_days: config.identity_stitch.window_days.into(),
    };
    let capacity = capacity(load, &config.topics);
    if arguments.json {
        return output::json(&capacity);
    }
    Ok(output::text(&described(&capacity)))
}

fn described(capacity: &Capacity) -> String {
    let header = ["WHAT", "RECORDS/DAY", "BYTES EACH", "PER DAY", "KEPT", "COPIES", "TOTAL"];
    let mut table = output::table(&header);
    for need in &capacity.needs {
        table.add_row(cells(need));
    }
    let Load { events_per_day, event_bytes, compressed_percent, rejected_percent, .. } =
        capacity.assumed;
    format!(
        "assumed: {events_per_day} events a day of {event_bytes} bytes as JSON, {compressed_percent} % of \
         that in Kafka (lz4), {rejected_percent} % rejected and as many discarded\n\n{}\n\n\
         Kafka, all brokers together: {}, and up to one segment (1 GiB) more in each copy of a partition\n\
         ClickHouse: {} a year for one copy, and room for merges",
        table.trim_fmt(),
        bytes(capacity.kafka_bytes),
        bytes(capacity.clickhouse_bytes_per_year)
    )
}

fn cells(need: &Need) -> [String; 7] {
    let place = match need.place {
        Place::Kafka => "topic",
        Place::ClickHouse => "table",
        Place::IdentityStitch => "identity-stitch:",
    };
    let kept = match (need.days, need.bound) {
        (Some(days), _) => format!("{days} d"),
        (None, bound) => bound.unwrap_or("for ever").to_owned(),
    };
    [
        format!("{place} {}", need.name),
        need.records_per_day.to_string(),
        need.record_bytes.to_string(),
        bytes(need.bytes_per_day),
        kept,
        need.copies.to_string(),
        need.total_bytes.map_or_else(|| "-".to_owned(), bytes),
    ]
}

/// Bytes in the greatest unit of which there is at least one, rounded up: it is for buying disks.
fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.into_iter().find(|(size, _)| count >= *size);
    let Some((size, name)) = unit else { return format!("{count} B") };
    let tenths =
        (count / size).saturating_mul(10) + (count % size).saturating_mul(10).div_ceil(size);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_greatest_unit_rounded_up() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_025, "1.1 KiB"),
            (3 * (1 << 30), "3.0 GiB"),
            (u64::MAX, "16777216.0 TiB"),
        ];
        for (count, expected) in cases {
            assert_eq!(bytes(count), expected);
        }
    }
}
