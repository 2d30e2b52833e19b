//! The table itself.

use crate::{Service, Stage, Topic};

/// What the records of a topic are keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Whatever the producer likes.
    Any,
    /// The device key: anonymous id, else user id, else message id.
    Device,
    /// As the record that caused it: the same key.
    AsInput,
    /// No key: written to the partition with the input's number.
    InputPartition,
    /// The device key, and written to the partition with the input's number.
    DeviceInInputPartition,
    /// The name of the stage.
    Stage,
    /// The two user ids.
    Users,
}

impl Key {
    /// The words for the table in the README.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Device => "device key",
            Self::AsInput => "as the input's",
            Self::InputPartition => "none; the input's partition",
            Self::DeviceInInputPartition => "device key; the input's partition",
            Self::Stage => "stage",
            Self::Users => "both user ids",
        }
    }
}

/// How many partitions a topic has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitions {
    /// The flow's common count, `topics.partitions` in the configuration.
    Flow,
    /// Always this many.
    Fixed(u16),
}

impl Partitions {
    /// The number of partitions when the flow's common count is `flow`.
    pub const fn count(self, flow: u16) -> u16 {
        match self {
            Self::Flow => flow,
            Self::Fixed(count) => count,
        }
    }
}

/// How a topic forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Records are deleted after this many hours.
    DeleteAfterHours(u32),
    /// Only the newest record of each key is kept, for ever.
    Compact,
    /// Nothing is forgotten: for the few records that people write.
    Never,
}

/// Within how many hours a compacted topic loses what was told before: who is forgotten is then
/// gone from the log too.
pub const COMPACTED_WITHIN_HOURS: u32 = 7 * DAY;
/// For how many hours a compacted topic keeps a record that takes a key back: whoever was away for
/// longer does not learn of it.
pub const TAKEN_BACK_FOR_HOURS: u32 = 30 * DAY;

/// Whose clock stamps the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamps {
    /// The broker's, when it appends: hours are offset ranges.
    LogAppend,
    /// The producer's.
    Create,
}

/// The registry's compatibility level of the topic's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// Every version reads what every other wrote.
    FullTransitive,
    /// A newer version reads what every older one wrote.
    BackwardTransitive,
}

impl Compatibility {
    /// The level as the registry spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FullTransitive => "FULL_TRANSITIVE",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct TopicSpec {
    /// Which topic.
    pub topic: Topic,
    /// Who writes it.
    pub written_by: &'static [Service],
    /// Who reads it.
    pub read_by: &'static [Service],
    /// What its records are keyed by.
    pub key: Key,
    /// How many partitions it has.
    pub partitions: Partitions,
    /// How it forgets.
    pub cleanup: Cleanup,
    /// Whose clock stamps it.
    pub timestamps: Timestamps,
    /// Compatibility of its schema.
    pub compatibility: Compatibility,
    /// Why the retention is what it is.
    pub why: &'static str,
}

const DAY: u32 = 24;

const EVERY_STAGE: &[Service] =
    &[Service::Validate, Service::Enrich, Service::IdentityStitch, Service::Forward];

const fn flow(
    topic: Topic,
    written_by: &'static [Service],
    read_by: &'static [Service],
    why: &'static str,
) -> TopicSpec {
    TopicSpec {
        topic,
        written_by,
        read_by,
        key: Key::Device,
        partitions: Partitions::Flow,
        cleanup: Cleanup::DeleteAfterHours(7 * DAY),
        timestamps: Timestamps::Create,
        compatibility: Compatibility::BackwardTransitive,
        why,
    }
}

const fn dead_letters(stage: Stage, written_by: &'static [Service]) -> TopicSpec {
    TopicSpec {
        key: Key::AsInput,
        cleanup: Cleanup::DeleteAfterHours(30 * DAY),
        ..flow(
            Topic::DeadLetters(stage),
            written_by,
            &[Service::Forward, Service::Audit, Service::Operators],
            "a month to mend a plan or a sender and redrive",
        )
    }
}

const fn redrive(stage: Stage, read_by: &'static [Service]) -> TopicSpec {
    TopicSpec {
        key: Key::AsInput,
        cleanup: Cleanup::DeleteAfterHours(30 * DAY),
        ..flow(
            Topic::Redrive(stage),
            &[Service::Operators],
            read_by,
            "as long as the dead letters: a settled one must not look open again",
        )
    }
}

/// Every topic in the order of the flow.
pub const TOPICS: &[TopicSpec] = &[
    TopicSpec {
        key: Key::Any,
        cleanup: Cleanup::DeleteAfterHours(14 * DAY),
        timestamps: Timestamps::LogAppend,
        compatibility: Compatibility::FullTransitive,
        ..flow(
            Topic::RawEvents,
            &[Service::Ingest, Service::Producers],
            &[Service::Validate, Service::Audit],
            "two weeks: a stage may stand still over holidays, and a replay starts here",
        )
    },
    flow(
        Topic::ValidatedEvents,
        &[Service::Validate],
        &[Service::Enrich, Service::Audit],
        "a week: the stage behind may stand still that long",
    ),
    flow(
        Topic::EnrichedEvents,
        &[Service::Enrich],
        &[Service::IdentityStitch, Service::Audit],
        "a week: the stage behind may stand still that long",
    ),
    flow(
        Topic::StitchedEvents,
        &[Service::IdentityStitch],
        &[Service::Forward, Service::Audit],
        "a week: a destination may be down that long",
    ),
    TopicSpec {
        cleanup: Cleanup::DeleteAfterHours(30 * DAY),
        ..flow(
            Topic::IdentityLinks,
            &[Service::IdentityStitch],
            &[Service::Forward],
            "a month: the links can be loaded again into a lost table",
        )
    },
    TopicSpec {
        key: Key::Users,
        partitions: Partitions::Fixed(1),
        cleanup: Cleanup::Compact,
        ..flow(
            Topic::IdentityAliases,
            &[Service::IdentityStitch],
            &[Service::IdentityStitch, Service::Forward],
            "a merge of users holds for ever; the newest word on two ids is enough",
        )
    },
    TopicSpec {
        cleanup: Cleanup::Never,
        timestamps: Timestamps::LogAppend,
        ..flow(
            Topic::IdentityCommands,
            &[Service::Operators],
            &[Service::IdentityStitch],
            "for ever: who linked whom, and why, stays known",
        )
    },
    TopicSpec {
        key: Key::InputPartition,
        cleanup: Cleanup::DeleteAfterHours(9 * DAY),
        ..flow(
            Topic::IdentityJournal,
            &[Service::IdentityStitch],
            &[Service::IdentityStitch],
            "longer than the 7 days in which a repeat is recognised",
        )
    },
    TopicSpec {
        key: Key::DeviceInInputPartition,
        cleanup: Cleanup::Compact,
        ..flow(
            Topic::IdentityState,
            &[Service::IdentityStitch],
            &[Service::IdentityStitch],
            "a link holds for ever; the newest state of a device is enough",
        )
    },
    TopicSpec {
        key: Key::Stage,
        partitions: Partitions::Fixed(1),
        cleanup: Cleanup::Never,
        timestamps: Timestamps::LogAppend,
        ..flow(
            Topic::StageCommands,
            &[
                Service::Validate,
                Service::Enrich,
                Service::IdentityStitch,
                Service::Forward,
                Service::Operators,
            ],
            &[
                Service::Validate,
                Service::Enrich,
                Service::IdentityStitch,
                Service::Forward,
                Service::Audit,
                Service::Operators,
            ],
            "for ever: a pause holds until it is lifted, and who did what, and why, stays known",
        )
    },
    TopicSpec {
        key: Key::AsInput,
        cleanup: Cleanup::DeleteAfterHours(30 * DAY),
        ..flow(
            Topic::DiscardedEvents,
            EVERY_STAGE,
            &[Service::Forward, Service::Audit],
            "a month: the books of an hour can be opened again",
        )
    },
    TopicSpec {
        key: Key::AsInput,
        cleanup: Cleanup::DeleteAfterHours(30 * DAY),
        ..flow(
            Topic::Deliveries,
            &[Service::Forward],
            &[Service::Forward],
            "a month, as the dead letters: what a destination got is told beside what it refused",
        )
    },
    dead_letters(Stage::Validate, &[Service::Validate]),
    dead_letters(Stage::Enrich, &[Service::Enrich]),
    dead_letters(Stage::IdentityStitch, &[Service::IdentityStitch]),
    dead_letters(Stage::ForwardClickhouse, &[Service::Forward]),
    redrive(Stage::Validate, &[Service::Validate, Service::Audit]),
    redrive(Stage::Enrich, &[Service::Enrich, Service::Audit]),
    redrive(Stage::IdentityStitch, &[Service::IdentityStitch, Service::Audit]),
    redrive(Stage::ForwardClickhouse, &[Service::Forward, Service::Audit]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_topic_has_exactly_one_row_and_one_name() {
        let names: BTreeSet<_> = TOPICS.iter().map(|spec| spec.topic.name()).collect();
        assert_eq!(names.len(), TOPICS.len());
        for spec in TOPICS {
            assert_eq!(spec.topic.spec().topic, spec.topic);
            assert_eq!(Topic::from_name(spec.topic.name()), Some(spec.topic));
        }
        for stage in Stage::ALL {
            for topic in [stage.input(), stage.redrive(), stage.dead_letters()] {
                assert_eq!(topic.spec().topic, topic);
            }
        }
    }

    #[test]
    fn a_stage_is_among_the_readers_of_its_inputs_and_the_writers_of_its_outputs() {
        for stage in Stage::ALL {
            for topic in stage.inputs() {
                assert!(topic.spec().read_by.contains(&stage.service()), "{topic}");
            }
            let outputs = [Some(stage.dead_letters()), stage.output()];
            for topic in outputs.into_iter().flatten() {
                assert!(topic.spec().written_by.contains(&stage.service()), "{topic}");
            }
        }
    }

    #[test]
    fn all_inputs_of_a_stage_have_the_same_partition_count() {
        for stage in Stage::ALL {
            let [input, redrive] = stage.inputs();
            assert_eq!(input.spec().partitions, redrive.spec().partitions);
        }
    }

    #[test]
    fn the_journal_outlives_the_window_in_which_a_repeat_is_recognised() {
        let Cleanup::DeleteAfterHours(hours) = Topic::IdentityJournal.spec().cleanup else {
            panic!("the journal forgets by age");
        };
        assert!(hours > 8 * DAY, "7 days and the day that is being filled");
    }
}
