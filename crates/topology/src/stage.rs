//! The stages: the parts of the flow that consume with a group of their own and give every
//! record exactly one fate.

use std::fmt;

use crate::{Service, Topic};

/// One consumer group with its own dead-letter and redrive topic.
///
/// Each sink of `forward` is a stage by itself, so that redriving to one never reaches another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The quality gate.
    Validate,
    /// Adds what a server can work out.
    Enrich,
    /// Drops repeats, links identities.
    IdentityStitch,
    /// The ClickHouse loader.
    ForwardClickhouse,
}

impl Stage {
    /// Every stage in the order of the flow.
    pub const ALL: [Self; 4] =
        [Self::Validate, Self::Enrich, Self::IdentityStitch, Self::ForwardClickhouse];

    /// The stage's name: its consumer group, its metric label and the value of header `stage`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Enrich => "enrich",
            Self::IdentityStitch => "identity-stitch",
            Self::ForwardClickhouse => "forward-clickhouse",
        }
    }

    /// The stage with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// The consumer group of the stage.
    pub const fn group(self) -> &'static str {
        self.name()
    }

    /// The service that runs the stage.
    pub const fn service(self) -> Service {
        match self {
            Self::Validate => Service::Validate,
            Self::Enrich => Service::Enrich,
            Self::IdentityStitch => Service::IdentityStitch,
            Self::ForwardClickhouse => Service::Forward,
        }
    }

    /// The topic that the stage reads in the ordinary flow.
    pub const fn input(self) -> Topic {
        match self {
            Self::Validate => Topic::RawEvents,
            Self::Enrich => Topic::ValidatedEvents,
            Self::IdentityStitch => Topic::EnrichedEvents,
            Self::ForwardClickhouse => Topic::StitchedEvents,
        }
    }

    /// The topic that the stage writes what it accepts to; `None` for a sink.
    pub const fn output(self) -> Option<Topic> {
        match self {
            Self::Validate => Some(Topic::ValidatedEvents),
            Self::Enrich => Some(Topic::EnrichedEvents),
            Self::IdentityStitch => Some(Topic::StitchedEvents),
            Self::ForwardClickhouse => None,
        }
    }

    /// What operators send back into the stage.
    pub const fn redrive(self) -> Topic {
        Topic::Redrive(self)
    }

    /// Where the stage puts what it rejects.
    pub const fn dead_letters(self) -> Topic {
        Topic::DeadLetters(self)
    }

    /// Where the stage's events come from: its input and its redrive topic.
    pub const fn inputs(self) -> [Topic; 2] {
        [self.input(), self.redrive()]
    }

    /// The topic of what operators order of the stage's state, beside its events.
    pub const fn commands(self) -> Option<Topic> {
        match self {
            Self::IdentityStitch => Some(Topic::IdentityCommands),
            _ => None,
        }
    }

    /// Everything the stage's group consumes.
    pub fn reads(self) -> Vec<Topic> {
        self.inputs().into_iter().chain(self.commands()).collect()
    }

    /// Whether the stage keeps state by partition, so that equal partition numbers of all its
    /// inputs must come to the same instance.
    pub const fn is_stateful(self) -> bool {
        matches!(self, Self::IdentityStitch)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_found_by_its_name() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_name(stage.name()), Some(stage));
        }
        assert_eq!(Stage::from_name("nonesuch"), None);
    }

    #[test]
    fn each_stage_reads_what_the_one_before_it_writes() {
        for pair in Stage::ALL.windows(2) {
            assert_eq!(pair[0].output(), Some(pair[1].input()));
        }
    }
}
