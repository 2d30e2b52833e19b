//! Where Kafka is, and how its clients are set.

use std::{collections::BTreeMap, fmt, time::Duration};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};
use schema_registry::Registry;
use serde::{Deserialize, Deserializer, de::Error as _};
use telemetry::Readiness;
use topology::{HEADROOM, RAW_MESSAGE_BYTES};

/// How long a transaction may stay open before the broker aborts it.
pub(crate) const TRANSACTION_TIMEOUT_MS: u32 = 15_000;
/// How long a message may wait for its acknowledgement inside a transaction; below the above.
const MESSAGE_TIMEOUT_MS: u32 = 10_000;
/// How long a static member may be silent before the group gives its partitions away. A slot that
/// was scaled away leaves nobody behind to say so: within 10 s, the rebalance included, its
/// partitions are to be read again. Every other member hears of it with its next heartbeat.
const SESSION_TIMEOUT_MS: u32 = 7_000;
/// How often a member says that it lives.
const HEARTBEAT_MS: u32 = 1_000;
/// How often librdkafka reports positions and lag.
pub(crate) const STATISTICS_INTERVAL: Duration = Duration::from_millis(500);

/// Where Kafka is.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// Brokers as `host:port`, separated by commas.
    pub bootstrap_servers: String,
    /// Further librdkafka properties for every client, such as `security.protocol`. They win over
    /// our own settings; those on which the guarantees rest are refused.
    #[serde(deserialize_with = "properties")]
    pub properties: BTreeMap<String, String>,
}

/// Properties on which it rests that nothing is lost and nothing comes twice.
const OURS: [&str; 13] = [
    "acks",
    "auto.offset.reset",
    "check.crcs",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "message.timeout.ms",
    "partition.assignment.strategy",
    "transaction.timeout.ms",
    "transactional.id",
];

fn properties<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let properties = BTreeMap::<String, String>::deserialize(deserializer)?;
    match properties.keys().find(|key| OURS.contains(&key.as_str())) {
        Some(key) => Err(D::Error::custom(format!(
            "`{key}` is set by Waybill itself: that nothing is lost rests on it; take it out"
        ))),
        None => Ok(properties),
    }
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self { bootstrap_servers: "127.0.0.1:9092".to_owned(), properties: BTreeMap::new() }
    }
}

impl fmt::Debug for KafkaConfig {
    /// Names the properties but not their values: a password may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

/// When a batch ends: at whichever comes first, or when the input has run dry.
///
/// A sink's batches grow with the load. While little comes, a batch is loaded as soon as nothing has
/// come for `dry_ms`, or at `age_ms`; the more comes, the nearer `age_ms` and `pace_ms` move to
/// `grown_ms`, which they reach when that is enough to fill a batch. They are also at least as long as the
/// INSERTs of the last batch took together, within `grown_ms`: what one of a few hundred rows costs is hardly
/// less than what one of thousands does. Where ClickHouse is slow, fewer and larger ones follow. A batch that
/// is full, of several shards of the sink, is followed by batches of one shard each, in turn, as long as they
/// are full: so what waits is loaded in blocks of `records` rows, however many shards there are.
///
/// `bytes` bounds the memory, whatever the number of partitions: one batch is in hand at a time. With
/// the limits of a sink that is 48 MiB of records, as much for the rows made of them, a part of that
/// for the body of an INSERT (as much, where it is not compressed), and 32 MiB that librdkafka has
/// fetched ahead: 110 to 230 MiB were measured, and 12 partitions take as much as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchLimits {
    /// Records.
    pub records: usize,
    /// Bytes of keys, values and headers.
    pub bytes: usize,
    /// Milliseconds since the batch's first record.
    pub age_ms: u64,
    /// Milliseconds without a record after which the input counts as dry.
    pub dry_ms: u64,
    /// Milliseconds from one batch to the next, so that a steady trickle is not committed record by
    /// record. After a pause of the input the first batch does not wait.
    pub pace_ms: u64,
    /// Milliseconds that `age_ms` and `pace_ms` grow to with the load; nothing grows if they are not
    /// smaller.
    pub grown_ms: u64,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            records: 5_000,
            bytes: 4 * 1024 * 1024,
            age_ms: 100,
            dry_ms: 5,
            pace_ms: 100,
            grown_ms: 0,
        }
    }
}

impl BatchLimits {
    /// Limits for a sink, for which larger batches are cheaper: blocks of 30,000 rows, or of 20,000
    /// where a record has 2.4 KiB.
    pub fn for_sink() -> Self {
        Self {
            records: 30_000,
            bytes: 48 * 1024 * 1024,
            age_ms: 250,
            dry_ms: 20,
            pace_ms: 250,
            grown_ms: 1_000,
        }
    }

    /// The same for an input of so many records a second.
    pub(crate) fn grown(self, per_second: u64) -> Self {
        let records = u64::try_from(self.records).unwrap_or(u64::MAX).max(1);
        let within = per_second.saturating_mul(self.grown_ms) / 1_000;
        let longer = |ms: u64| {
            let more = self.grown_ms.saturating_sub(ms);
            ms + more.saturating_mul(within.min(records)) / records
        };
        Self { age_ms: longer(self.age_ms), pace_ms: longer(self.pace_ms), ..self }
    }

    /// The same after a batch whose INSERTs took so long together: one is under way on average.
    pub(crate) fn rested(self, inserting: Duration) -> Self {
        let rest = u64::try_from(inserting.as_millis()).unwrap_or(u64::MAX).min(self.grown_ms);
        Self { age_ms: self.age_ms.max(rest), pace_ms: self.pace_ms.max(rest), ..self }
    }

    /// The same, with at most so many records.
    pub(crate) fn at_most(self, records: Option<usize>) -> Self {
        Self { records: self.records.min(records.unwrap_or(self.records)), ..self }
    }

    pub(crate) fn age(&self) -> Duration {
        Duration::from_millis(self.age_ms)
    }

    /// How long to wait for a further record, so long after the last batch.
    pub(crate) fn wait(&self, since: Duration) -> Duration {
        let (dry, pace) = (Duration::from_millis(self.dry_ms), Duration::from_millis(self.pace_ms));
        dry.max(pace.saturating_sub(since))
    }
}

/// What every stage is given.
#[derive(Clone)]
pub struct StageSettings {
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub registry: Registry,
    /// Epoch of `raw-events`.
    pub epoch: u16,
    /// Slot of this instance: part of its transactional id and group instance id.
    pub slot: u16,
    /// When a batch ends.
    pub batch: BatchLimits,
    /// Where the stage says whether it is ready, and what it waits for.
    pub readiness: Readiness,
}

/// The largest message that a stage's producer takes, in bytes before compression.
pub(crate) const STAGE_MESSAGE_BYTES: usize = (RAW_MESSAGE_BYTES * HEADROOM) as usize;

impl KafkaConfig {
    /// A client without any role.
    pub(crate) fn client(&self, client_id: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", client_id)
            .set("socket.nagle.disable", "true")
            .set("log.connection.close", "false")
            .set("reconnect.backoff.max.ms", "2000");
        self.finished(config)
    }

    /// With the operator's properties over ours.
    fn finished(&self, mut config: ClientConfig) -> ClientConfig {
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
    }

    /// A consumer that never resets an offset and never commits by itself.
    fn consumer(&self, client_id: &str) -> ClientConfig {
        let mut config = self.client(client_id);
        config
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .set("fetch.queue.backoff.ms", "20")
            .set("fetch.wait.max.ms", "500")
            .set("queued.max.messages.kbytes", "32768")
            .set("fetch.message.max.bytes", "1048576")
            .set("statistics.interval.ms", STATISTICS_INTERVAL.as_millis().to_string());
        self.finished(config)
    }

    /// The consumer of a group's slot. A static member: a restart takes its partitions back
    /// without moving them.
    pub(crate) fn group_consumer(&self, group: &str, slot_id: &str) -> ClientConfig {
        let mut config = self.consumer(slot_id);
        config
            .set("group.id", group)
            .set("group.instance.id", slot_id)
            .set("session.timeout.ms", SESSION_TIMEOUT_MS.to_string())
            .set("heartbeat.interval.ms", HEARTBEAT_MS.to_string())
            .set("partition.assignment.strategy", "range");
        self.finished(config)
    }

    /// A consumer without membership that reads what is committed.
    pub(crate) fn reader(&self, client_id: &str) -> ClientConfig {
        let mut config = self.consumer(client_id);
        config.set("group.id", format!("{client_id}-reader"));
        self.finished(config)
    }

    /// A client that may ask for `group`'s offsets without joining it and without waiting for
    /// transactions in flight.
    pub(crate) fn group_observer(&self, group: &str) -> ClientConfig {
        let mut config = self.client("waybill-observer");
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_uncommitted");
        self.finished(config)
    }

    fn producer(&self, client_id: &str) -> ClientConfig {
        let mut config = self.client(client_id);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.codec", "lz4")
            .set("partitioner", "murmur2_random")
            .set("statistics.interval.ms", "0");
        self.finished(config)
    }

    /// The producer of a stage's slot.
    pub(crate) fn transactional_producer(&self, slot_id: &str) -> ClientConfig {
        let mut config = self.producer(slot_id);
        config
            .set("transactional.id", slot_id)
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string())
            .set("message.timeout.ms", MESSAGE_TIMEOUT_MS.to_string())
            .set("message.max.bytes", STAGE_MESSAGE_BYTES.to_string())
            // Less makes a request of a few records each millisecond of a busy batch.
            .set("linger.ms", "5")
            // For its lines about broken connections, which no error tells: a few while all is well.
            .set("debug", "broker")
            .set_log_level(RDKafkaLogLevel::Debug);
        self.finished(config)
    }

    /// The producer of ingest and of the operators' tools: acknowledged or an error within 8 s.
    pub(crate) fn ingest_producer(&self, client_id: &str) -> ClientConfig {
        let mut config = self.producer(client_id);
        config
            .set("linger.ms", "3")
            .set("message.timeout.ms", "8000")
            .set("request.timeout.ms", "5000")
            .set("socket.timeout.ms", "6000")
            .set("message.max.bytes", RAW_MESSAGE_BYTES.to_string())
            .set("queue.buffering.max.kbytes", INGEST_QUEUE_KBYTES.to_string());
        self.finished(config)
    }
}

/// Size of ingest's local queue.
pub(crate) const INGEST_QUEUE_KBYTES: u32 = 131_072;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sinks_batches_take_longer_the_more_comes_until_what_comes_fills_them() {
        let sink = BatchLimits::for_sink();
        for (per_second, expected) in
            [(0, 250), (1_000, 275), (10_000, 500), (30_000, 1_000), (u64::MAX, 1_000)]
        {
            let grown = sink.grown(per_second);
            assert_eq!((grown.age_ms, grown.pace_ms), (expected, expected), "{per_second}");
        }
        let stage = BatchLimits::default();
        assert_eq!(stage.grown(1_000_000), stage, "a stage's do not grow");
    }

    #[test]
    fn a_sink_takes_as_long_as_the_inserts_before_together() {
        let sink = BatchLimits::for_sink();
        for (inserting, expected) in [(0, 250), (125, 250), (300, 300), (5_000, 1_000)] {
            let rested = sink.rested(Duration::from_millis(inserting));
            assert_eq!((rested.age_ms, rested.pace_ms), (expected, expected), "{inserting}");
        }
        let stage = BatchLimits::default();
        assert_eq!(stage.rested(Duration::MAX), stage, "a stage does not");
    }

    #[test]
    fn an_operators_property_wins_unless_a_guarantee_rests_on_it() {
        let given = |text: &str| serde_json::from_str::<KafkaConfig>(text);
        let config = given(r#"{"properties":{"linger.ms":"20"}}"#).unwrap();
        assert_eq!(config.ingest_producer("t").get("linger.ms"), Some("20"));
        let refused = given(r#"{"properties":{"acks":"1"}}"#).unwrap_err().to_string();
        assert!(refused.contains("`acks`"), "{refused}");
    }
}
