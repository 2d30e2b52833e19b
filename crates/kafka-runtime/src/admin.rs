//! Topics and the groups' first positions: what `waybill migrate` does with Kafka.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
};
use topology::{
    COMPACTED_WITHIN_HOURS, Cleanup, TAKEN_BACK_FOR_HOURS, TOPICS, Timestamps, Topic, TopicSpec,
};

use crate::{
    config::KafkaConfig,
    scanner::{ReadError, Scanner},
};

const TIMEOUT: Duration = Duration::from_secs(15);
const TOLD_STEP: Duration = Duration::from_millis(50);

/// How the topics are to be made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicSettings {
    /// Partitions of every topic of the flow. It cannot be changed later without draining.
    pub partitions: u16,
    /// Copies of each partition; 3 in production.
    pub replication: u16,
    /// `min.insync.replicas`; 2 in production.
    pub min_insync_replicas: u16,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self { partitions: 6, replication: 1, min_insync_replicas: 1 }
    }
}

/// One thing that `migrate` would do, or cannot do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicChange {
    /// The topic is not there.
    Create(Topic),
    /// These settings of the topic differ: name, is, should be.
    Alter(Topic, Vec<(String, String, String)>),
    /// The topic has another number of partitions; nothing is done about it.
    WrongPartitions {
        /// Topic.
        topic: Topic,
        /// How many it has.
        found: usize,
        /// How many it should have.
        expected: u16,
    },
}

impl TopicChange {
    /// The topic that is to be changed.
    #[must_use]
    pub fn topic(&self) -> Topic {
        match self {
            Self::Create(topic) | Self::Alter(topic, _) | Self::WrongPartitions { topic, .. } => {
                *topic
            }
        }
    }
}

impl fmt::Display for TopicChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(topic) => write!(f, "create topic {topic}"),
            Self::Alter(topic, settings) => {
                write!(f, "alter topic {topic}:")?;
                settings.iter().try_for_each(|(key, is, be)| write!(f, " {key} {is} → {be}"))
            }
            Self::WrongPartitions { topic, found, expected } => write!(
                f,
                "topic {topic} has {found} partitions, the configuration says {expected}: set \
                 topics.partitions to {found}, or drain the flow and create the topics anew with \
                 a higher epoch"
            ),
        }
    }
}

/// An operator's call to Kafka failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AdminError {
    /// Kafka refused or did not answer.
    #[error("Kafka: {what}: {detail}")]
    Kafka {
        /// What was asked.
        what: String,
        /// What it said.
        detail: String,
    },
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

fn failed(what: impl Into<String>, error: impl fmt::Display) -> AdminError {
    AdminError::Kafka { what: what.into(), detail: format!("{error}") }
}

/// The operators' client.
pub struct Admin {
    kafka: KafkaConfig,
    client: AdminClient<DefaultClientContext>,
}

impl Admin {
    /// A client; brokers may still be away.
    pub fn new(kafka: &KafkaConfig) -> Result<Self, AdminError> {
        let client = kafka.client("waybill-admin").create().map_err(|e| failed("client", e))?;
        Ok(Self { kafka: kafka.clone(), client })
    }

    /// What is to be done so that the topics are as the topology says.
    pub async fn plan(&self, settings: &TopicSettings) -> Result<Vec<TopicChange>, AdminError> {
        let existing = self.partition_counts()?;
        let mut changes = Vec::new();
        for spec in TOPICS {
            let expected = spec.partitions.count(settings.partitions);
            match existing.get(spec.topic.name()) {
                None => changes.push(TopicChange::Create(spec.topic)),
                Some(found) if *found != usize::from(expected) => {
                    let (topic, found) = (spec.topic, *found);
                    changes.push(TopicChange::WrongPartitions { topic, found, expected });
                }
                Some(_) => changes.extend(self.drift(spec, settings).await?),
            }
        }
        Ok(changes)
    }

    fn partition_counts(&self) -> Result<BTreeMap<String, usize>, AdminError> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, TIMEOUT)
            .map_err(|error| failed("metadata", error))?;
        let counts = metadata.topics().iter();
        Ok(counts.map(|it| (it.name().to_owned(), it.partitions().len())).collect())
    }

    async fn drift(
        &self,
        spec: &TopicSpec,
        settings: &TopicSettings,
    ) -> Result<Option<TopicChange>, AdminError> {
        let what = format!("settings of {}", spec.topic);
        let asked = ResourceSpecifier::Topic(spec.topic.name());
        let described = self
            .client
            .describe_configs(&[asked], &options())
            .await
            .map_err(|error| failed(&what, error))?;
        let Some(Ok(found)) = described.into_iter().next() else {
            return Err(failed(what, "not described"));
        };
        let wanted = topic_settings(spec, settings);
        let differing: Vec<_> = wanted
            .into_iter()
            .filter_map(|(key, value)| {
                let is = found.get(key)?.value.clone().unwrap_or_default();
                (is != value).then(|| (key.to_owned(), is, value))
            })
            .collect();
        Ok((!differing.is_empty()).then_some(TopicChange::Alter(spec.topic, differing)))
    }

    /// Does what [`plan`](Self::plan) says. Safe to run twice at once: a topic that somebody else
    /// has just created is as good.
    pub async fn apply(
        &self,
        changes: &[TopicChange],
        settings: &TopicSettings,
    ) -> Result<(), AdminError> {
        for change in changes {
            match change {
                TopicChange::Create(topic) => self.create(topic.spec(), settings).await?,
                TopicChange::Alter(topic, _) => self.alter(topic.spec(), settings).await?,
                TopicChange::WrongPartitions { topic, .. } => {
                    return Err(failed(topic.name(), change));
                }
            }
        }
        self.until_told(changes, settings).await
    }

    /// A broker acknowledges a new topic or setting before it tells of it.
    async fn until_told(
        &self,
        changes: &[TopicChange],
        settings: &TopicSettings,
    ) -> Result<(), AdminError> {
        let begun = Instant::now();
        loop {
            let left = self.plan(settings).await.map(|plan| {
                plan.into_iter().find(|left| changes.iter().any(|it| it.topic() == left.topic()))
            });
            let late = begun.elapsed() > TIMEOUT;
            match left {
                Ok(None) => return Ok(()),
                Ok(Some(left)) if late => {
                    let detail = format!("done, but the broker does not tell of it yet: {left}");
                    return Err(failed(left.topic().name(), detail));
                }
                Err(error) if late => return Err(error),
                Ok(Some(_)) | Err(_) => {}
            }
            tokio::time::sleep(TOLD_STEP).await;
        }
    }

    async fn create(&self, spec: &TopicSpec, settings: &TopicSettings) -> Result<(), AdminError> {
        let owned = topic_settings(spec, settings);
        let partitions = i32::from(spec.partitions.count(settings.partitions));
        let replication = TopicReplication::Fixed(i32::from(settings.replication));
        let topic = NewTopic::new(spec.topic.name(), partitions, replication);
        let topic = owned.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let what = format!("create {}", spec.topic);
        let created = self
            .client
            .create_topics(&[topic], &options())
            .await
            .map_err(|error| failed(&what, error))?;
        match created.into_iter().next() {
            Some(Ok(_) | Err((_, rdkafka::types::RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((_, code))) => Err(failed(what, code)),
            None => Err(failed(what, "no answer")),
        }
    }

    async fn alter(&self, spec: &TopicSpec, settings: &TopicSettings) -> Result<(), AdminError> {
        let owned = topic_settings(spec, settings);
        let resource = ResourceSpecifier::Topic(spec.topic.name());
        let alter = rdkafka::admin::AlterConfig::new(resource);
        let alter = owned.iter().fold(alter, |alter, (key, value)| alter.set(key, value));
        let what = format!("alter {}", spec.topic);
        let altered = self
            .client
            .alter_configs(&[alter], &options())
            .await
            .map_err(|error| failed(&what, error))?;
        match altered.into_iter().next() {
            Some(Ok(_)) => Ok(()),
            Some(Err((_, code))) => Err(failed(what, code)),
            None => Err(failed(what, "no answer")),
        }
    }

    /// Commits the start of the log for every partition of `topics` on which `group` has nothing
    /// committed yet: no stage ever resets an offset, so its first one must be given. Returns how
    /// many partitions got one.
    pub fn first_positions(&self, group: &str, topics: &[Topic]) -> Result<usize, AdminError> {
        let mut scanner = Scanner::new(&self.kafka, "waybill-migrate")?;
        let mut list = TopicPartitionList::new();
        for position in scanner.group_positions(group, topics)? {
            if position.offset.is_some() {
                continue;
            }
            let bounds = scanner.bounds(position.topic)?;
            let start = bounds.iter().find(|it| it.partition == position.partition);
            let offset = Offset::Offset(start.map_or(0, |it| it.start));
            list.add_partition_offset(position.topic.name(), position.partition, offset)
                .map_err(|error| failed("first positions", error))?;
        }
        if list.count() == 0 {
            return Ok(0);
        }
        self.commit_as(group, &list)
            .map_err(|error| failed(format!("first positions of {group}"), error))?;
        Ok(list.count())
    }

    fn commit_as(&self, group: &str, list: &TopicPartitionList) -> Result<(), KafkaError> {
        let consumer: BaseConsumer = self.kafka.group_observer(group).create()?;
        consumer.commit(list, CommitMode::Sync)
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}

/// The settings of a topic as the topology says.
fn topic_settings(spec: &TopicSpec, settings: &TopicSettings) -> Vec<(&'static str, String)> {
    let mut wanted = vec![
        ("max.message.bytes", spec.topic.max_message_bytes().to_string()),
        ("min.insync.replicas", settings.min_insync_replicas.to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
    ];
    match spec.cleanup {
        Cleanup::DeleteAfterHours(hours) => {
            wanted.push(("cleanup.policy", "delete".to_owned()));
            wanted.push(("retention.ms", (u64::from(hours) * 3_600_000).to_string()));
        }
        Cleanup::Compact => {
            let millis = |hours: u32| (u64::from(hours) * 3_600_000).to_string();
            wanted.push(("cleanup.policy", "compact".to_owned()));
            wanted.push(("max.compaction.lag.ms", millis(COMPACTED_WITHIN_HOURS)));
            wanted.push(("delete.retention.ms", millis(TAKEN_BACK_FOR_HOURS)));
        }
        Cleanup::Never => {
            wanted.push(("cleanup.policy", "delete".to_owned()));
            wanted.push(("retention.ms", "-1".to_owned()));
        }
    }
    let stamp = match spec.timestamps {
        Timestamps::LogAppend => "LogAppendTime",
        Timestamps::Create => "CreateTime",
    };
    wanted.push(("message.timestamp.type", stamp.to_owned()));
    if spec.topic == Topic::RawEvents {
        // The limit of a topic is on the compressed batch, and librdkafka gives up on a zstd frame
        // that unpacks to more than 100 MB, for ever. Anybody may write here: what lz4 packs into
        // 1 MiB unpacks to at most 255 MiB, whatever the producer used.
        wanted.push(("compression.type", "lz4".to_owned()));
    }
    wanted
}
