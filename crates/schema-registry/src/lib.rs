//! Look-up, registration and compatibility of Avro schemas.
//!
//! Look-ups and registrations go through `schema_registry_converter`; what it does not offer (the
//! look-up of a subject's schema, compatibility levels) is one HTTP call each. A registry that
//! does not answer is a [`Halt`]: nothing is dead-lettered for it.

mod client;
mod codecs;
mod raw_decoder;
mod register;
mod unknown;
mod versions;

pub use client::{Registry, RegistryConfig, RegistryError};
pub use codecs::{Decode, Decoded, Read, TopicDecoder};
pub use raw_decoder::RawDecoder;
pub use register::{Registration, RegistrationState};

use pipeline::Halt;

/// What a stage waits for when the registry does not answer.
const DEPENDENCY: &str = "registry";

fn away(detail: impl Into<String>) -> Halt {
    Halt::new(DEPENDENCY, detail)
}
