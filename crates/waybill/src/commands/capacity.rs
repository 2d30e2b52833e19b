//! How much disk a load needs: arithmetic over the topology's retentions.
//!
//! What a record takes on disk was measured on the local stack (6 partitions, lz4, batches as
//! ingest and the stages make them under load), 20,000 events each of a shop with 3,000 devices,
//! sent by `/v1/batch`, 100 at a time; bytes of `*.log` and of active parts after `OPTIMIZE`:
//!
//! | event, bytes of JSON | raw | validated | enriched | stitched | journal | `events` |
//! |---|---|---|---|---|---|---|
//! | 628 (a product page) | 216 | 240 | 406 | 430 | 33 | 141 |
//! | 1173 (the same, and text that hardly compresses) | 547 | 579 | 704 | 736 | 33 | 343 |
//! | about 260 (`waybill load`, nearly alike) | 35 | 48 | 52 | 101 | 33 | 21 |
//!
//! A dead letter of the first kind took 359 bytes and 141 in ClickHouse, a discard 126 and 31.

use kafka_runtime::TopicSettings;
use serde::Serialize;
use topology::{Cleanup, Stage, TOPICS, Topic, TopicSpec};

/// What comes in, and how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Load {
    /// Events that come in on a day.
    pub(crate) events_per_day: u64,
    /// Bytes of one as JSON, as its sender writes it.
    pub(crate) event_bytes: u64,
    /// What is left of it in `raw-events`, percent.
    pub(crate) compressed_percent: u64,
    /// Events that are rejected, and as many that are discarded, percent.
    pub(crate) rejected_percent: u64,
    /// Days that identity-stitch remembers message ids.
    pub(crate) window_days: u64,
}

/// Bytes that the facts of validate, of enrich and of identity-stitch add to a stored record.
const VALIDATED: u64 = 28;
const ENRICHED: u64 = 175;
const STITCHED: u64 = 200;
/// Stored bytes of one event in the journal, which is packed by batch.
const JOURNAL: u64 = 33;
/// Stored bytes of a discard, of what a dead letter adds to its record, and of a link.
const DISCARD: u64 = 126;
const DEAD_LETTER: u64 = 136;
const LINK: u64 = 126;
/// Bytes of a row in ClickHouse, in percent of the event in `raw-events`; and of a discard.
const ROW_PERCENT: u64 = 65;
const DISCARD_ROW: u64 = 31;
/// Bytes of a key in the store of identity-stitch.
const STORE_KEY: u64 = 40;

/// Where something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    Kafka,
    ClickHouse,
    IdentityStitch,
}

/// What one topic, table or store takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Need {
    /// Where.
    pub(crate) place: Place,
    /// Topic or table.
    pub(crate) name: String,
    /// Records that come in on a day.
    pub(crate) records_per_day: u64,
    /// Bytes of one on disk.
    pub(crate) record_bytes: u64,
    /// Bytes that come in on a day, one copy.
    pub(crate) bytes_per_day: u64,
    /// Days that it is kept; `None`: until something else bounds it.
    pub(crate) days: Option<u64>,
    /// Copies of it.
    pub(crate) copies: u64,
    /// Bytes in all, in the long run; `None` where days do not bound it.
    pub(crate) total_bytes: Option<u64>,
    /// What bounds it, where days do not.
    pub(crate) bound: Option<&'static str>,
}

/// What the load needs, with its sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Capacity {
    /// What was assumed.
    pub(crate) assumed: Load,
    /// By topic, table and store.
    pub(crate) needs: Vec<Need>,
    /// All topics together, in the long run.
    pub(crate) kafka_bytes: u64,
    /// What all tables take in a year; nothing is deleted there.
    pub(crate) clickhouse_bytes_per_year: u64,
}

/// What `load` needs.
pub(crate) fn capacity(load: Load, topics: &TopicSettings) -> Capacity {
    let mut needs: Vec<Need> = TOPICS.iter().map(|spec| topic(&load, spec, topics)).collect();
    needs.extend(tables(&load));
    needs.push(store(&load));
    let of_kafka = needs.iter().filter(|need| need.place == Place::Kafka);
    let kafka_bytes = of_kafka.filter_map(|need| need.total_bytes).fold(0, u64::saturating_add);
    let of_tables = needs.iter().filter(|need| need.place == Place::ClickHouse);
    let yearly = of_tables.map(|need| need.bytes_per_day.saturating_mul(365));
    let year = yearly.fold(0, u64::saturating_add);
    Capacity { assumed: load, needs, kafka_bytes, clickhouse_bytes_per_year: year }
}

impl Load {
    fn raw(&self) -> u64 {
        self.event_bytes.saturating_mul(self.compressed_percent) / 100
    }

    fn rejected(&self) -> u64 {
        self.events_per_day.saturating_mul(self.rejected_percent) / 100
    }

    /// Bytes of a record in the input of a stage.
    fn input(&self, stage: Stage) -> u64 {
        let facts = match stage {
            Stage::Validate => 0,
            Stage::Enrich => VALIDATED,
            Stage::IdentityStitch => ENRICHED,
            Stage::ForwardClickhouse => STITCHED,
        };
        self.raw() + facts
    }
}

fn topic(load: &Load, spec: &TopicSpec, topics: &TopicSettings) -> Need {
    let (events, rejected) = (load.events_per_day, load.rejected());
    let (records, bytes, unbounded) = match spec.topic {
        Topic::RawEvents => (events, load.raw(), None),
        Topic::ValidatedEvents => (events, load.raw() + VALIDATED, None),
        Topic::EnrichedEvents => (events, load.raw() + ENRICHED, None),
        Topic::StitchedEvents => (events, load.raw() + STITCHED, None),
        Topic::IdentityLinks => (rejected, LINK, None),
        Topic::IdentityJournal => (events, JOURNAL, None),
        Topic::IdentityState => (0, 0, Some("one record per device with a user, about 150 bytes")),
        Topic::IdentityAliases => (0, 0, Some("one record per merge of users, about 150 bytes")),
        Topic::IdentityCommands | Topic::StageCommands => {
            (0, 0, Some("one record per order, about 200 bytes"))
        }
        Topic::DiscardedEvents => (rejected, DISCARD, None),
        // No destination writes it yet.
        Topic::Deliveries => (0, 0, None),
        // Nobody knows which stage will reject it, nor what is redriven: each is made for all.
        Topic::DeadLetters(stage) => (rejected, load.input(stage) + DEAD_LETTER, None),
        Topic::Redrive(stage) => (rejected, load.input(stage), None),
    };
    let days = match spec.cleanup {
        Cleanup::DeleteAfterHours(hours) => Some(u64::from(hours).div_ceil(24)),
        Cleanup::Compact | Cleanup::Never => None,
    };
    let copies = u64::from(topics.replication);
    let name = spec.topic.name().to_owned();
    need(Place::Kafka, name, (records, bytes), (days, copies), unbounded)
}

fn tables(load: &Load) -> [Need; 3] {
    let row = load.raw().saturating_mul(ROW_PERCENT) / 100;
    let rows = [
        ("events", load.events_per_day, row),
        ("dead_letters", load.rejected(), row),
        ("discarded_events", load.rejected(), DISCARD_ROW),
    ];
    rows.map(|(name, records, bytes)| {
        let bound = Some("kept for ever: nothing deletes it");
        need(Place::ClickHouse, name.to_owned(), (records, bytes), (None, 1), bound)
    })
}

/// The day that is being filled is kept beside the whole ones.
fn store(load: &Load) -> Need {
    let days = Some(load.window_days + 1);
    let name = "store of message ids".to_owned();
    need(Place::IdentityStitch, name, (load.events_per_day, STORE_KEY), (days, 1), None)
}

fn need(
    place: Place,
    name: String,
    (records_per_day, record_bytes): (u64, u64),
    (days, copies): (Option<u64>, u64),
    bound: Option<&'static str>,
) -> Need {
    let bytes_per_day = records_per_day.saturating_mul(record_bytes);
    let total_bytes = days.map(|days| bytes_per_day.saturating_mul(days).saturating_mul(copies));
    Need {
        place,
        name,
        records_per_day,
        record_bytes,
        bytes_per_day,
        days,
        copies,
        total_bytes,
        bound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        events_per_day: 1_000_000,
        event_bytes: 600,
        compressed_percent: 50,
        rejected_percent: 2,
        window_days: 7,
    };

    fn found(name: &str) -> Need {
        let settings = TopicSettings { replication: 3, ..TopicSettings::default() };
        capacity(LOAD, &settings).needs.into_iter().find(|need| need.name == name).unwrap()
    }

    #[test]
    fn a_topic_takes_its_bytes_of_a_day_times_the_days_that_it_is_kept_times_its_copies() {
        let raw = found("raw-events");
        assert_eq!((raw.record_bytes, raw.bytes_per_day), (300, 300_000_000));
        assert_eq!((raw.days, raw.copies), (Some(14), 3));
        assert_eq!(raw.total_bytes, Some(300_000_000 * 14 * 3));
        let stitched = found("stitched-events");
        assert_eq!((stitched.record_bytes, stitched.days), (500, Some(7)));
    }

    #[test]
    fn dead_letters_and_discards_come_by_their_share() {
        let dead = found("dead-letters.validate");
        assert_eq!((dead.records_per_day, dead.record_bytes), (20_000, 436));
        assert_eq!(found("discarded-events").bytes_per_day, 20_000 * 126);
        assert_eq!(found("redrive.enrich").record_bytes, 328);
    }

    #[test]
    fn what_days_do_not_bound_says_what_does() {
        for name in ["identity-state", "stage-commands", "events", "dead_letters"] {
            let need = found(name);
            assert_eq!(need.total_bytes, None, "{name}");
            assert!(need.bound.is_some(), "{name}");
        }
    }

    #[test]
    fn every_topic_is_counted_and_the_sums_are_sums() {
        let capacity = capacity(LOAD, &TopicSettings::default());
        let of_kafka = capacity.needs.iter().filter(|need| need.place == Place::Kafka);
        assert_eq!(of_kafka.clone().count(), TOPICS.len());
        let total: u64 = of_kafka.filter_map(|need| need.total_bytes).sum();
        assert_eq!(capacity.kafka_bytes, total);
        let rows = 1_000_000 * 195 + 20_000 * 195 + 20_000 * 31;
        assert_eq!(capacity.clickhouse_bytes_per_year, rows * 365);
        let store = capacity.needs.last().unwrap();
        assert_eq!(store.total_bytes, Some(1_000_000 * 40 * 8));
    }

    #[test]
    fn a_load_beyond_all_measure_does_not_overflow() {
        let load = Load { events_per_day: u64::MAX, ..LOAD };
        let raw = &super::capacity(load, &TopicSettings::default()).needs[0];
        assert_eq!(raw.total_bytes, Some(u64::MAX));
    }
}
