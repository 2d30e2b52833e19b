use std::time::Duration;

use super::*;
use crate::{DiscardReason, RejectReason};

/// Every metric is away until used, so the contract is read after each was.
fn touch_everything() {
    let stage = StageMetrics::of("contract");
    stage.halted("registry", true);
    stage.lag_records(3, 17);
    stage.lag_seconds(2.5);
    stage.expiry_seconds(3, 100.5);
    stage.stopped(crate::StoppedBy::Breaker, true);
    let ingest = IngestMetrics::new();
    ingest.request("/v1/batch", 200);
    ingest.accepted("web/app", 2);
    let spool = SpoolMetrics::new();
    spool.holds("web/app", 1, 100, 2.5);
    spool.kept("web/app", 1);
    spool.replayed("web/app", 1);
    LoaderMetrics::of("contract").inserted(1);
    let audit = AuditMetrics::new();
    audit.hours(HourState::Open, 1);
    audit.missing(2);
    audit.expired(4);
    audit.expired_unread(5);
    audit.duplicated(3);
    audit.run_seconds(Duration::from_secs(4));
    audit.succeeded_at(1_700_000_000_500);
    audit.tolerance_exceeded(true);
    audit.short_events(6);
    audit.scanned(5);
    KafkaLogMetrics::new().suppressed();
    ConfigMetrics::new().read_again(true);
    FindingMetrics::new();
    DatabaseMetrics::of("city").built_at(1_795_132_800);
    IdentityMetrics::of(["too-many-users"]).link(Some("too-many-users"));
}

/// The `# TYPE`, `# UNIT` and `# HELP` lines, one metric per line.
fn contract() -> Vec<String> {
    let text = encode().unwrap();
    let mut metrics: Vec<String> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# ")) {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("HELP"), Some(name), Some(help)) => metrics.push(format!("{name}: {help}")),
            (Some(kind @ ("TYPE" | "UNIT")), Some(_), Some(value)) => {
                let metric = metrics.last_mut().unwrap();
                *metric += &[" [", &kind.to_lowercase(), "=", value, "]"].concat();
            }
            _ => assert_eq!(line, "EOF"),
        }
    }
    metrics
}

fn value(series: &str) -> Option<f64> {
    let text = encode().unwrap();
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[test]
fn names_types_units_and_help_are_the_contract() {
    touch_everything();
    insta::assert_snapshot!(contract().join("\n"));
}

#[test]
fn every_name_begins_with_waybill_and_ends_with_what_it_counts() {
    touch_everything();
    let metrics = contract();
    assert!(!metrics.is_empty());
    let counted = ["records", "events", "requests", "rows", "origins", "lines", "hours", "inserts"]
        .into_iter()
        .chain(["commits", "aborts", "rebuilds", "recoveries", "ratio", "halted", "exceeded"])
        .chain(["renewals", "stopped", "connections", "failures", "reloads", "refused"])
        .chain(["segments", "findings", "links", "sessions", "ids"]);
    let suffixes: Vec<_> = counted.chain(["seconds", "bytes"]).collect();
    for metric in metrics {
        let (name, rest) = metric.split_once(':').unwrap();
        assert!(name.starts_with("waybill_"), "{name}");
        assert!(suffixes.iter().any(|suffix| name.ends_with(&format!("_{suffix}"))), "{name}");
        for unit in ["seconds", "bytes"] {
            let named = name.ends_with(&format!("_{unit}"));
            assert_eq!(named, rest.contains(&format!("[unit={unit}]")), "{metric}");
        }
    }
}

#[test]
fn every_reason_and_cause_has_its_own_series_from_the_start() {
    let stage = StageMetrics::of("reasons");
    for (times, reason) in (1..).zip(RejectReason::ALL) {
        stage.rejected(*reason, times);
    }
    for (times, reason) in (1..).zip(DiscardReason::ALL) {
        stage.discarded(*reason, times);
    }
    for cause in AbortCause::ALL {
        stage.aborted(*cause);
    }
    for (times, reason) in (1_i32..).zip(RejectReason::ALL) {
        let series =
            format!(r#"waybill_stage_rejected_records_total{{stage="reasons",reason="{reason}"}}"#);
        assert_eq!(value(&series), Some(f64::from(times)), "{series}");
    }
    for (times, reason) in (1_i32..).zip(DiscardReason::ALL) {
        let series = format!(
            r#"waybill_stage_discarded_records_total{{stage="reasons",reason="{reason}"}}"#
        );
        assert_eq!(value(&series), Some(f64::from(times)), "{series}");
    }
    for cause in AbortCause::ALL {
        let word = cause.word();
        let series = format!(r#"waybill_stage_aborts_total{{stage="reasons",cause="{word}"}}"#);
        assert_eq!(value(&series), Some(1.0), "{series}");
    }
}

#[test]
fn a_stage_counts_what_it_is_told() {
    let stage = StageMetrics::of("counting");
    stage.received(5);
    StageMetrics::of("counting").received(1);
    stage.clone().emitted(4);
    stage.side_records(3);
    stage.batch(6, 2048);
    stage.commit_seconds(Duration::from_millis(20));
    stage.committed();
    stage.rebuilt();
    let table = [
        ("received_records_total", 6.0),
        ("emitted_records_total", 4.0),
        ("side_records_total", 3.0),
        ("batch_records_sum", 6.0),
        ("batch_bytes_sum", 2048.0),
        ("commit_seconds_count", 1.0),
        ("commits_total", 1.0),
        ("rebuilds_total", 1.0),
    ];
    for (name, expected) in table {
        let series = format!(r#"waybill_stage_{name}{{stage="counting"}}"#);
        assert_eq!(value(&series), Some(expected), "{series}");
    }
}

#[test]
fn a_halt_is_one_while_it_lasts_and_zero_after() {
    let series = r#"waybill_stage_halted{stage="halting",dependency="clickhouse"}"#;
    let stage = StageMetrics::of("halting");
    assert_eq!(value(series), None);
    stage.halted("clickhouse", true);
    assert_eq!(value(series), Some(1.0));
    stage.halted("clickhouse", false);
    assert_eq!(value(series), Some(0.0));
}

#[test]
fn a_lost_partition_no_longer_shows_a_lag() {
    let series = r#"waybill_stage_lag_records{stage="losing",partition="2"}"#;
    let stage = StageMetrics::of("losing");
    stage.lag_records(2, 40);
    assert_eq!(value(series), Some(40.0));
    stage.partition_lost(2);
    assert_eq!(value(series), None);
}

#[test]
fn ingest_counts_refusals_bytes_and_acknowledgements() {
    let ingest = IngestMetrics::new();
    for refusal in IngestRefusal::ALL {
        ingest.refused(*refusal);
        let word = refusal.word();
        let series = format!(r#"waybill_ingest_refused_requests_total{{reason="{word}"}}"#);
        assert_eq!(value(&series), Some(1.0), "{series}");
    }
    ingest.rejected(IngestRefusal::NotJson);
    ingest.accepted("shop \"web\"", 3);
    ingest.request("/v1/track", 503);
    ingest.unacknowledged(2);
    ingest.received_bytes(100);
    ingest.acknowledged_after(Duration::from_millis(3));
    ingest.queue_fill(0.25);
    let table = [
        (r#"accepted_events_total{source="shop \"web\""}"#, 3.0),
        (r#"requests_total{route="/v1/track",status="503"}"#, 1.0),
        ("unacknowledged_events_total{}", 2.0),
        (r#"rejected_events_total{reason="not-json"}"#, 1.0),
        ("received_bytes_total{}", 100.0),
        ("acknowledgement_seconds_count{}", 1.0),
        ("queue_fill_ratio{}", 0.25),
    ];
    for (name, expected) in table {
        assert_eq!(value(&format!("waybill_ingest_{name}")), Some(expected), "{name}");
    }
}

#[test]
fn the_spool_shows_what_it_holds_and_counts_what_it_keeps_replays_and_refuses() {
    let spool = SpoolMetrics::new();
    spool.holds("server/kiosk", 7, 900, 1.5);
    spool.kept("server/kiosk", 9);
    spool.replayed("server/kiosk", 2);
    spool.refused(SpoolRefusal::Full);
    spool.refused(SpoolRefusal::Disk);
    spool.corrupt(3);
    let table = [
        (r#"events{source="server/kiosk"}"#, 7.0),
        (r#"bytes{source="server/kiosk"}"#, 900.0),
        (r#"oldest_seconds{source="server/kiosk"}"#, 1.5),
        (r#"kept_events_total{source="server/kiosk"}"#, 9.0),
        (r#"replayed_events_total{source="server/kiosk"}"#, 2.0),
        (r#"refused_requests_total{reason="full"}"#, 1.0),
        (r#"refused_requests_total{reason="disk"}"#, 1.0),
        ("corrupt_segments{}", 3.0),
    ];
    for (name, expected) in table {
        assert_eq!(value(&format!("waybill_ingest_spool_{name}")), Some(expected), "{name}");
    }
}

#[test]
fn the_loader_counts_rows_recoveries_and_freshness() {
    let loader = LoaderMetrics::of("loading");
    loader.inserted(7);
    loader.insert_seconds(Duration::from_millis(5));
    loader.uncertain();
    loader.refused();
    loader.fresh_after(Duration::from_secs(2));
    for found in RecoveryFound::ALL {
        loader.recovered(*found);
        let word = found.word();
        let series = format!(r#"waybill_loader_recoveries_total{{sink="loading",found="{word}"}}"#);
        assert_eq!(value(&series), Some(1.0), "{series}");
    }
    let table = [
        ("inserted_rows_total", 7.0),
        ("insert_seconds_count", 1.0),
        ("uncertain_inserts_total", 1.0),
        ("refused_inserts_total", 1.0),
        ("freshness_seconds_sum", 2.0),
    ];
    for (name, expected) in table {
        let series = format!(r#"waybill_loader_{name}{{sink="loading"}}"#);
        assert_eq!(value(&series), Some(expected), "{series}");
    }
}

#[test]
fn a_finding_counts_for_its_reason_and_outcome_and_an_unlisted_word_counts_as_other() {
    let metrics = FindingMetrics::new();
    let found = |reason: &str, outcome: &str| event::Finding {
        reason: reason.to_owned(),
        pointer: String::new(),
        problem: String::new(),
        expected: None,
        actual: None,
        outcome: outcome.to_owned(),
        plan_version: None,
    };
    let series = |reason: &str, outcome: &str| {
        let labels = format!(r#"reason="{reason}",outcome="{outcome}""#);
        value(&format!("waybill_validate_findings_total{{{labels}}}"))
    };
    let outcomes = ["flag", "would-reject", "reject"];
    for reason in RejectReason::ALL.iter().map(|it| it.word()) {
        for outcome in outcomes {
            assert_eq!(series(reason, outcome), Some(0.0), "{reason} {outcome}");
            metrics.note(&found(reason, outcome));
            assert_eq!(series(reason, outcome), Some(1.0), "{reason} {outcome}");
        }
    }
    metrics.clone().note(&found("of another release", "reject"));
    metrics.note(&found("invalid-field", "of another release"));
    assert_eq!(series("other", "reject"), Some(1.0));
    assert_eq!(series("invalid-field", "other"), Some(1.0));
    assert_eq!(series("of another release", "reject"), None);
}

#[test]
fn a_database_tells_its_age_whether_it_is_refused_and_the_look_ups_that_fail() {
    let of = |name: &str| value(&format!(r#"waybill_enrich_{name}{{database="asn"}}"#));
    let asn = DatabaseMetrics::of("asn");
    assert_eq!(of("database_build_timestamp_seconds"), None, "nothing was read yet");
    assert_eq!(of("database_refused"), Some(0.0));
    asn.built_at(1_795_132_800);
    asn.refused(true);
    asn.clone().lookup_failed();
    assert_eq!(of("database_build_timestamp_seconds"), Some(1_795_132_800.0));
    assert_eq!(of("database_refused"), Some(1.0));
    assert_eq!(of("lookup_failures_total"), Some(1.0));
    asn.refused(false);
    assert_eq!(of("database_refused"), Some(0.0));
}

#[test]
fn the_auditor_shows_its_last_run() {
    touch_everything();
    let table = [
        (r#"hours{state="open"}"#, 1.0),
        ("missing_origins{}", 2.0),
        ("expired_origins{}", 4.0),
        ("expired_unread_origins{}", 5.0),
        ("duplicated_origins{}", 3.0),
        ("last_success_timestamp_seconds{}", 1_700_000_000.5),
        ("tolerance_exceeded{}", 1.0),
        ("short_events{}", 6.0),
    ];
    for (name, expected) in table {
        assert_eq!(value(&format!("waybill_audit_{name}")), Some(expected), "{name}");
    }
}

#[test]
fn counts_too_large_for_a_gauge_or_an_observation_saturate() {
    assert_eq!(level(u64::MAX), i64::MAX);
    assert!(observation(usize::MAX) >= 4.0e9);
}

#[test]
fn a_refused_link_counts_among_the_links_and_under_its_reason() {
    let identity = IdentityMetrics::of(["blocked-value", "unlinked"]);
    let refused = |reason: &str| {
        value(&format!("waybill_identity_links_refused_total{{reason=\"{reason}\"}}")).unwrap()
    };
    let before = (refused("unlinked"), refused("other"));
    identity.link(Some("unlinked"));
    identity.link(Some("of a later version"));
    assert!(refused("unlinked") >= before.0 + 1.0);
    assert!(refused("other") >= before.1 + 1.0);
}
