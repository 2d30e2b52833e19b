//! `stitched-events`: with the person who did it; what the sinks load.

use serde::{Deserialize, Serialize};

use crate::{Described, EnrichmentFacts, Event, Hints, Keyed, ValidationFacts};

/// Who did this, as far as was known when the event passed. The meaning of each field is in
/// `avro/stitched-events.avsc`.
#[expect(missing_docs, reason = "avro/stitched-events.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityFacts {
    pub person_id: String,
    pub basis: String,
    pub user_id: Option<String>,
    pub link_origin: Option<String>,
    pub flags: Vec<String>,
}

/// The value of `stitched-events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StitchedEvent {
    /// The event.
    pub event: Event,
    /// What validate found.
    pub validation: ValidationFacts,
    /// What enrich worked out.
    pub enrichment: EnrichmentFacts,
    /// Who did it.
    pub identity: IdentityFacts,
}

impl Described for StitchedEvent {
    fn hints(&self) -> Hints {
        self.event.hints()
    }
}

impl Keyed for StitchedEvent {
    fn key(&self) -> &str {
        &self.validation.device_key
    }
}
