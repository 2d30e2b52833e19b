//! The table of clocks: what becomes of an event's time, one row for each case. The rows stand in
//! `docs/clocks.md`, so that what is written there is what is tested.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use event::{Event, Millis, RawEvent, ValidatedEvent, ValidationFacts};
use jiff::{SignedDuration, Timestamp};
use pipeline::Verdict;
use tracking_plan::{SourceCatalog, clean};

const PAGE: &str = include_str!("../../../docs/clocks.md");

/// From the receipt to the append, where a row tells none.
const MOMENT: Millis = 20;

/// One row: what the sender and we said of the times of an event, and what is to become of it.
/// Empty texts are absent.
#[derive(Debug)]
struct Case {
    name: &'static str,
    original: String,
    timestamp: String,
    sent: String,
    /// The latest time of its batch, where ingest tells it.
    batch: String,
    /// By ingest; absent for a direct producer.
    received: String,
    appended: Millis,
    expected: Millis,
    basis: &'static str,
    offset: Option<Millis>,
    flags: Vec<&'static str>,
}

impl Case {
    fn read(row: &'static str) -> Self {
        let inner = row.trim().trim_start_matches('|').trim_end_matches('|');
        let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
        let [name, original, timestamp, sent, batch, received, appended, told @ ..] = &*cells
        else {
            panic!("not eleven cells: {row}");
        };
        let [expected, basis, offset, flags] = *told else {
            panic!("not eleven cells: {row}");
        };
        let received = full(received);
        let appended = match *appended {
            "" => millis(&received) + MOMENT,
            told => millis(&full(told)),
        };
        Self {
            name,
            original: full(original),
            timestamp: full(timestamp),
            sent: full(sent),
            batch: full(batch),
            received,
            appended,
            expected: millis(&full(expected)),
            basis,
            offset: (!offset.is_empty()).then(|| duration(offset)),
            flags: flags.split_whitespace().map(|flag| flag.trim_matches('`')).collect(),
        }
    }

    fn event(&self) -> RawEvent {
        let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        RawEvent {
            original_timestamp: told(&self.original),
            timestamp: told(&self.timestamp),
            sent_at: told(&self.sent),
            received_at: told(&self.received),
            batch_latest_timestamp: told(&self.batch),
            ..serde_json::from_str(
                r#"{"source":"web/app","type":"page","message_id":"m-1","anonymous_id":"a-1"}"#,
            )
            .unwrap()
        }
    }
}

/// A time of the day is one of 2026-11-23, UTC.
fn full(text: &str) -> String {
    if text.is_empty() || text.contains('T') {
        return text.to_owned();
    }
    format!("2026-11-23T{text}Z")
}

fn millis(text: &str) -> Millis {
    text.parse::<Timestamp>().expect(text).as_millisecond()
}

fn duration(text: &str) -> Millis {
    Millis::try_from(text.parse::<SignedDuration>().expect(text).as_millis()).unwrap()
}

fn cases() -> Vec<Case> {
    let table = PAGE.split("## The table").nth(1).unwrap();
    table.lines().filter(|line| line.starts_with('|')).skip(2).map(Case::read).collect()
}

fn judged(case: &Case) -> (Event, ValidationFacts) {
    let sources = r#"{"web/app": {"kind": "browser", "write_keys": ["wk_web"]}}"#;
    let catalog = SourceCatalog::new(serde_json::from_str(sources).unwrap()).unwrap();
    match clean(case.event(), case.appended, &catalog) {
        Verdict::Emit(ValidatedEvent { event, validation }) => (event, validation),
        other => panic!("{}: {other:?}", case.name),
    }
}

#[test]
fn every_case_of_the_table_of_clocks_gets_the_time_that_the_page_states() {
    let cases = cases();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    for case in cases {
        let (event, facts) = judged(&case);
        let flags: Vec<&str> =
            facts.flags.iter().map(String::as_str).filter(|flag| *flag != "no-plan").collect();
        assert_eq!(event.timestamp, case.expected, "time: {}", case.name);
        assert_eq!(facts.time_basis, case.basis, "basis: {}", case.name);
        assert_eq!(facts.clock_offset_ms, case.offset, "offset: {}", case.name);
        assert_eq!(flags, case.flags, "flags: {}", case.name);
    }
}

#[test]
fn every_stamp_is_kept_whatever_is_made_of_it() {
    for case in cases() {
        let (event, _) = judged(&case);
        let read = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
        let own = read(&case.original).or(read(&case.timestamp));
        if let Some(own) = own.filter(|own| *own > 0) {
            assert_eq!(event.original_timestamp, Some(own), "{}", case.name);
        }
        if let Some(sent) = read(&case.sent).filter(|sent| *sent > 0) {
            assert_eq!(event.sent_at, Some(sent), "{}", case.name);
        }
        assert_eq!(
            event.received_at,
            read(&case.received).unwrap_or(case.appended),
            "{}",
            case.name
        );
    }
}

#[test]
fn the_rules_on_the_page_name_every_flag_of_the_table() {
    let rules = PAGE.split("## The table").next().unwrap();
    for flag in cases().iter().flat_map(|case| &case.flags) {
        assert!(rules.contains(&format!("`{flag}`")), "{flag}");
    }
}
