//! From verdicts to fates.

use event::{Keyed, codec::Encoder};
use pipeline::{Halt, RejectReason, Rejected, Verdict};
use schema_registry::Registry;
use serde::Serialize;
use topology::{Stage, Topic};

use crate::processor::Fate;

/// Encodes what a stage gives on.
pub struct Outlet {
    output: Option<Topic>,
    registry: Registry,
    encoder: Option<Encoder>,
}

impl Outlet {
    /// The outlet to `stage`'s output. The registry is asked when the first output comes.
    pub fn new(stage: Stage, registry: &Registry) -> Self {
        Self { output: stage.output(), registry: registry.clone(), encoder: None }
    }

    /// The fate that a verdict means. What does not fit the output's schema is rejected.
    pub fn fate<T: Serialize + Keyed>(&mut self, verdict: Verdict<T>) -> Result<Fate, Halt> {
        Ok(match verdict {
            Verdict::Discard(discarded) => Fate::Discard(discarded),
            Verdict::Reject(rejected) => Fate::Reject(rejected),
            Verdict::Emit(output) => match self.encoder()?.encode(&output) {
                Ok(value) => Fate::Emit { key: output.key().into(), value },
                Err(error) => {
                    Fate::Reject(Rejected::new(RejectReason::InvalidField, error.to_string()))
                }
            },
        })
    }

    fn encoder(&mut self) -> Result<&Encoder, Halt> {
        if self.encoder.is_none() {
            let topic = self.output.ok_or_else(|| Halt::new("topology", "no output topic"))?;
            self.encoder = Some(self.registry.encoder(topic)?);
        }
        self.encoder.as_ref().ok_or_else(|| Halt::new("registry", "no encoder"))
    }
}
