//! Label values that are decided outside the pure steps: closed lists of low cardinality.

use prometheus_client::encoding::EncodeLabelSet;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value of this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that stands for the value everywhere.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// Why a transaction was aborted.
    AbortCause {
        /// A needed dependency was gone.
        Halt = "halt",
        /// The broker asked for it: the transaction failed and can begin again.
        Abortable = "abortable",
        /// The breaker opened.
        Breaker = "breaker",
        /// Partitions of the batch were revoked.
        Revoked = "revoked",
        /// It did not end in time.
        Timeout = "timeout",
    }
}

words! {
    /// Who ordered a stage to stand still.
    StoppedBy {
        /// A person.
        Operator = "operator",
        /// The stage's own breaker.
        Breaker = "breaker",
    }
}

words! {
    /// Why ingest refused a request; the same word is the `code` of the answer.
    IngestRefusal {
        /// The body is not JSON.
        NotJson = "not-json",
        /// No source has this write key.
        UnknownWriteKey = "unknown-write-key",
        /// The body or one event is larger than what is taken.
        TooLarge = "too-large",
        /// The local queue is full.
        Overloaded = "overloaded",
        /// The broker did not acknowledge every event in time.
        NotAcknowledged = "not-acknowledged",
        /// The batch has no event.
        EmptyBatch = "empty-batch",
        /// The content encoding is not one that is taken.
        UnsupportedEncoding = "unsupported-encoding",
        /// The source sends more events than it may.
        RateLimited = "rate-limited",
        /// A page of an origin that the source does not allow.
        OriginNotAllowed = "origin-not-allowed",
    }
}

words! {
    /// Why the disk spool of ingest did not keep a request.
    SpoolRefusal {
        /// It holds as much as it may.
        Full = "full",
        /// The disk did not take it.
        Disk = "disk",
    }
}

words! {
    /// How much of an uncertain INSERT the loader found in the sink.
    RecoveryFound {
        /// All rows: the commit was owed.
        AllPresent = "all-present",
        /// No row: sent again as it was.
        None = "none",
        /// Some rows: the rest sent under the next content number.
        Some = "some",
    }
}

words! {
    /// What came of a finding of validate.
    FindingOutcome {
        /// The event went on, with the finding among its facts.
        Flag = "flag",
        /// So it did; a version of the plan that is not in force yet rejects it.
        WouldReject = "would-reject",
        /// The event was rejected for it.
        Reject = "reject",
    }
}

words! {
    /// How the auditor judged an hour.
    HourState {
        /// The barrier has not passed every stage.
        Open = "open",
        /// Every origin has its fate.
        Balanced = "balanced",
        /// Something is missing or duplicated.
        Unbalanced = "unbalanced",
    }
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Stage {
    pub(super) stage: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StageReason {
    pub(super) stage: String,
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StageCause {
    pub(super) stage: String,
    pub(super) cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StageDependency {
    pub(super) stage: String,
    pub(super) dependency: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StageStop {
    pub(super) stage: String,
    pub(super) by: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StagePartition {
    pub(super) stage: String,
    pub(super) partition: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) route: &'static str,
    pub(super) status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Source {
    pub(super) source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reason {
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReasonOutcome {
    pub(super) reason: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Database {
    pub(super) database: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Sink {
    pub(super) sink: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SinkFound {
    pub(super) sink: String,
    pub(super) found: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Hours {
    pub(super) state: &'static str,
}

/// No label: a family of one, so that the metric stays away until someone sets it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Nothing {}
