//! Why an event does not go on: closed lists of low cardinality.
//!
//! The same word appears in the log, the metric label, the header, the ClickHouse row and the
//! console. The lists live here, not in `telemetry`, since pure steps name reasons and may not
//! depend on a crate that touches the outside; `telemetry` takes its label values from here.

use std::fmt;

macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every reason of this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that stands for the reason everywhere.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The reason that this word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

reasons! {
    /// Why a stage puts a record into its dead letters.
    RejectReason {
        /// The bytes are not a value in Confluent framing with the schema that they name.
        Undecodable = "undecodable",
        /// The registry does not know the schema id.
        UnknownSchema = "unknown-schema",
        /// A record behind `raw-events` came without a readable waybill header.
        NoWaybill = "no-waybill",
        /// Members of the message have types that do not fit.
        Malformed = "malformed",
        /// No source has this id.
        UnknownSource = "unknown-source",
        /// The source is switched off.
        SourceDisabled = "source-disabled",
        /// The type is not one of track, identify, page, screen, group, alias.
        UnknownType = "unknown-type",
        /// A field that the type requires is absent.
        MissingField = "missing-field",
        /// A field has a value that it may not have.
        InvalidField = "invalid-field",
        /// No event of the tracking plan has this name.
        UnplannedEvent = "unplanned-event",
        /// A name is not written as the plan has it.
        InvalidName = "invalid-name",
        /// Context that the plan requires of the source's kind is absent.
        MissingContext = "missing-context",
        /// The context is not as the plan's schema has it.
        InvalidContext = "invalid-context",
        /// A property or trait that the plan requires is absent.
        MissingProperty = "missing-property",
        /// A property or trait is not as the plan's schema has it.
        InvalidProperty = "invalid-property",
        /// The plan does not name this property or trait.
        UnplannedProperty = "unplanned-property",
        /// The plan says that the event should not be sent any more; flagged, never rejected.
        DeprecatedEvent = "deprecated-event",
        /// The source requires a first-party id, and the event has none.
        FirstPartyMissing = "first-party-missing",
        /// The source requires a first-party id, and no key of ours signed the event's.
        FirstPartyForged = "first-party-forged",
        /// The source requires a first-party id, and the event's is too old.
        FirstPartyExpired = "first-party-expired",
        /// The event is larger than its source may send, or than the broker takes.
        EventTooLarge = "event-too-large",
        /// A transformation of the operator failed on the event.
        TransformationFailed = "transformation-failed",
        /// The step panicked on the record.
        StepPanicked = "step-panicked",
        /// The process died on the record again and again: it was put aside unread.
        ProcessKilled = "process-killed",
        /// The result does not fit the output topic.
        TooLarge = "too-large",
        /// The warehouse refused the row.
        RefusedRow = "refused-row",
    }
}

reasons! {
    /// Why a stage drops an event on purpose.
    DiscardReason {
        /// The same message of the same source was emitted before.
        Repeat = "repeat",
        /// An event of the same or a higher precedence told the same thing, by the plan's business key.
        ToldBefore = "told-before",
        /// Somebody asked for the erasure of what is known of a person, and the event is hers.
        Suppressed = "suppressed",
        /// The person denied consent to a category without which the plan keeps no such event.
        NoConsent = "no-consent",
        /// Signs were seen that no person did this, and the source keeps no such events.
        Bot = "bot",
        /// A transformation of the operator says that the event is not kept.
        Filtered = "filtered",
        /// A copy of a record that this stage has emitted already; never a fate of the event.
        AlreadyEmitted = "already-emitted",
        /// A copy of a record that the warehouse holds already; never a fate of the event.
        AlreadyLoaded = "already-loaded",
    }
}

impl DiscardReason {
    /// Whether only a *copy* was dropped, so that the discard is not the fate of the event.
    pub const fn is_of_a_copy(self) -> bool {
        matches!(self, Self::AlreadyEmitted | Self::AlreadyLoaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_word() {
        for reason in RejectReason::ALL {
            assert_eq!(RejectReason::from_word(reason.word()), Some(*reason));
        }
        for reason in DiscardReason::ALL {
            assert_eq!(DiscardReason::from_word(reason.word()), Some(*reason));
        }
    }
}
