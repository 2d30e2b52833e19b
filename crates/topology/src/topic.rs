//! The topics by their roles, apart from their physical names.

use std::fmt;

use crate::{Stage, TOPICS, TopicSpec};

/// `raw-events` takes messages up to this size, in bytes; every other topic [`HEADROOM`] times it.
pub const RAW_MESSAGE_BYTES: u32 = 1024 * 1024;

/// Sizes rise along the flow (facts are added, a dead letter carries the whole record), so every
/// topic behind `raw-events` takes this many times what `raw-events` takes.
pub const HEADROOM: u32 = 4;

/// A topic by its role, apart from its physical name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The only way in; its positions are the waybill numbers.
    RawEvents,
    /// What passed the quality gate.
    ValidatedEvents,
    /// With enrichment facts.
    EnrichedEvents,
    /// With identity facts; what the sinks load.
    StitchedEvents,
    /// What operators order of identities: link, unlink.
    IdentityCommands,
    /// Candidate links between anonymous ids and users.
    IdentityLinks,
    /// Users who are the same person: the merges of user ids.
    IdentityAliases,
    /// Changelog of what lives for a window: keys of messages already emitted, business keys,
    /// sessions.
    IdentityJournal,
    /// Changelog of what lives for ever: the users of each device.
    IdentityState,
    /// What operators, and a stage's breaker, ordered: pause, resume, skip what has expired.
    StageCommands,
    /// Intended drops of every stage.
    DiscardedEvents,
    /// What became of events at destinations.
    Deliveries,
    /// What a stage rejected.
    DeadLetters(Stage),
    /// What operators send back into a stage.
    Redrive(Stage),
}

impl Topic {
    /// The physical name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RawEvents => "raw-events",
            Self::ValidatedEvents => "validated-events",
            Self::EnrichedEvents => "enriched-events",
            Self::StitchedEvents => "stitched-events",
            Self::IdentityCommands => "identity-commands",
            Self::IdentityLinks => "identity-links",
            Self::IdentityAliases => "identity-aliases",
            Self::IdentityJournal => "identity-journal",
            Self::IdentityState => "identity-state",
            Self::StageCommands => "stage-commands",
            Self::DiscardedEvents => "discarded-events",
            Self::Deliveries => "deliveries",
            Self::DeadLetters(Stage::Validate) => "dead-letters.validate",
            Self::DeadLetters(Stage::Enrich) => "dead-letters.enrich",
            Self::DeadLetters(Stage::IdentityStitch) => "dead-letters.identity-stitch",
            Self::DeadLetters(Stage::ForwardClickhouse) => "dead-letters.forward-clickhouse",
            Self::Redrive(Stage::Validate) => "redrive.validate",
            Self::Redrive(Stage::Enrich) => "redrive.enrich",
            Self::Redrive(Stage::IdentityStitch) => "redrive.identity-stitch",
            Self::Redrive(Stage::ForwardClickhouse) => "redrive.forward-clickhouse",
        }
    }

    /// The topic with this physical name, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        TOPICS.iter().map(|spec| spec.topic).find(|topic| topic.name() == name)
    }

    /// The name of the schema file under `avro/`, without `.avsc`. All dead-letter topics share
    /// one; a redrive topic has its stage's input's.
    pub const fn schema_name(self) -> &'static str {
        match self {
            Self::DeadLetters(_) => "dead-letters",
            Self::Redrive(stage) => stage.input().name(),
            other => other.name(),
        }
    }

    /// The registry's subject of the values (Confluent's `TopicNameStrategy`).
    pub fn subject(self) -> String {
        format!("{}-value", self.name())
    }

    /// The largest message that the topic takes, in bytes.
    pub const fn max_message_bytes(self) -> u32 {
        match self {
            Self::RawEvents => RAW_MESSAGE_BYTES,
            _ => RAW_MESSAGE_BYTES * HEADROOM,
        }
    }

    /// The topic's row of the table.
    ///
    /// Every topic has one; a test holds that.
    pub fn spec(self) -> &'static TopicSpec {
        let row = TOPICS.iter().position(|spec| spec.topic == self);
        &TOPICS[row.unwrap_or_default()]
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
