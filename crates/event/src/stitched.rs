//! `stitched-events`: with the person who did it; what the sinks load.

use serde::{Deserialize, Serialize};

use crate::{Described, EnrichmentFacts, Event, Hints, Keyed, Millis, Text, ValidationFacts};

/// Who did this, as far as was known when the event passed. The meaning of each field is in
/// `avro/stitched-events.avsc`.
#[expect(missing_docs, reason = "avro/stitched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityFacts<S = String> {
    pub person_id: S,
    pub basis: S,
    pub user_id: Option<S>,
    pub link_origin: Option<S>,
    pub flags: Vec<S>,
    pub alias_origin: Option<S>,
    pub supersedes: Option<S>,
    pub told_first: Option<S>,
    pub session: Option<SessionFacts<S>>,
    pub inherited: Vec<Inherited<S>>,
}

/// The visit that the event belongs to. The meaning of each field is in
/// `avro/stitched-events.avsc`.
#[expect(missing_docs, reason = "avro/stitched-events.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts<S = String> {
    pub id: S,
    pub basis: S,
    pub number: Option<i32>,
    pub started_at: Millis,
}

/// A value that the event lacks and an earlier event of the same session told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited<S = String> {
    /// Name of the column of the table `events` that lacks it.
    pub field: S,
    /// The value.
    pub value: S,
    /// Waybill number of the event that told it.
    pub origin: S,
}

/// The value of `stitched-events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StitchedEvent<S = String> {
    /// The event.
    pub event: Event<S>,
    /// What validate found.
    pub validation: ValidationFacts<S>,
    /// What enrich worked out.
    pub enrichment: EnrichmentFacts<S>,
    /// Who did it.
    pub identity: IdentityFacts<S>,
}

impl<S: Text> Described for StitchedEvent<S> {
    fn hints(&self) -> Hints {
        self.event.hints()
    }

    fn source(&self) -> Option<&str> {
        self.event.source()
    }
}

impl<S: Text> Keyed for StitchedEvent<S> {
    fn key(&self) -> &str {
        self.validation.key()
    }
}
