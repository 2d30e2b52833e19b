//! Bytes of what the stage reads and writes.

use event::{
    EnrichedEvent, IdentityJournal, IdentityState, JournalEntry,
    codec::{CodecError, Encoder},
};
use identity::KEY_VERSION;
use kafka_runtime::{Outgoing, Record};
use pipeline::{Halt, Rejected};
use schema_registry::{Registry, TopicDecoder};
use serde::{Serialize, de::DeserializeOwned};
use topology::Topic;

use crate::{overlay::Overlay, store::DeviceWrite};

/// A journal record packs at most this many entries, about 1.5 MB: far below what the topic takes,
/// whatever the batch limits are.
const ENTRIES_PER_RECORD: usize = 32_768;

struct Encoders {
    stitched: Encoder,
    links: Encoder,
    journal: Encoder,
    state: Encoder,
}

/// Decoders and encoders of the stage's topics. The registry is asked at first use.
pub(crate) struct Codecs {
    registry: Registry,
    enriched: TopicDecoder,
    journal: TopicDecoder,
    state: TopicDecoder,
    encoders: Option<Encoders>,
}

impl Codecs {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            enriched: registry.decoder(Topic::EnrichedEvents),
            journal: registry.decoder(Topic::IdentityJournal),
            state: registry.decoder(Topic::IdentityState),
            encoders: None,
        }
    }

    pub(crate) fn event(&mut self, value: &[u8]) -> Result<Result<EnrichedEvent, Rejected>, Halt> {
        self.enriched.decode(value)
    }

    fn encoders(&mut self) -> Result<&Encoders, Halt> {
        if self.encoders.is_none() {
            self.encoders = Some(Encoders {
                stitched: self.registry.encoder(Topic::StitchedEvents)?,
                links: self.registry.encoder(Topic::IdentityLinks)?,
                journal: self.registry.encoder(Topic::IdentityJournal)?,
                state: self.registry.encoder(Topic::IdentityState)?,
            });
        }
        self.encoders.as_ref().ok_or_else(|| Halt::new("registry", "no encoder"))
    }

    /// The inner error means that the event does not fit the schema of its topic.
    pub(crate) fn stitched<T: Serialize>(
        &mut self,
        event: &T,
    ) -> Result<Result<Vec<u8>, CodecError>, Halt> {
        Ok(self.encoders()?.stitched.encode(event))
    }

    pub(crate) fn link<T: Serialize>(
        &mut self,
        link: &T,
    ) -> Result<Result<Vec<u8>, CodecError>, Halt> {
        Ok(self.encoders()?.links.encode(link))
    }

    /// What tells the changes of `partition` to the changelogs.
    pub(crate) fn changes(
        &mut self,
        partition: i32,
        overlay: &Overlay,
    ) -> Result<Vec<Outgoing>, Halt> {
        let encoders = self.encoders()?;
        let mut changes = Vec::new();
        for entries in overlay.entries().chunks(ENTRIES_PER_RECORD) {
            let journal = IdentityJournal { version: KEY_VERSION, entries: entries.to_vec() };
            let value = encoders.journal.encode(&journal).map_err(|error| unwritable(&error))?;
            changes.push(change(Topic::IdentityJournal, partition, None, value));
        }
        for device in overlay.devices() {
            let value = encoders.state.encode(device).map_err(|error| unwritable(&error))?;
            let key = Some(device.device_key.clone().into_bytes());
            changes.push(change(Topic::IdentityState, partition, key, value));
        }
        Ok(changes)
    }

    /// The entries of a record of `identity-journal`.
    pub(crate) fn entries(&mut self, record: &Record) -> Result<Vec<JournalEntry>, Halt> {
        let journal: IdentityJournal = own(&mut self.journal, record)?;
        if journal.version != KEY_VERSION {
            let version = journal.version;
            let detail = format!("has keys of version {version}, not {KEY_VERSION}");
            return Err(unreadable(record, &detail));
        }
        Ok(journal.entries)
    }

    /// The device of a record of `identity-state`; without a value it is forgotten.
    pub(crate) fn device(&mut self, record: &Record) -> Result<DeviceWrite, Halt> {
        if record.value.is_none() {
            let key = record.key.clone().unwrap_or_default();
            let device = String::from_utf8(key)
                .map_err(|_| unreadable(record, "has a key that is no text"))?;
            return Ok(DeviceWrite { device, link: None });
        }
        let state: IdentityState = own(&mut self.state, record)?;
        Ok(DeviceWrite { device: state.device_key.clone(), link: Some(state.into()) })
    }
}

fn change(topic: Topic, partition: i32, key: Option<Vec<u8>>, value: Vec<u8>) -> Outgoing {
    Outgoing { topic, partition: Some(partition), key, value: Some(value), headers: Vec::new() }
}

/// Reads what the stage itself wrote. A record that cannot be read leaves the state unknown: to
/// pass it over would let repeats through, so the stage waits for an operator.
fn own<T: DeserializeOwned>(decoder: &mut TopicDecoder, record: &Record) -> Result<T, Halt> {
    let value = record.value.as_deref().unwrap_or_default();
    decoder.decode(value)?.map_err(|rejected| unreadable(record, &rejected.detail))
}

fn unreadable(record: &Record, why: &str) -> Halt {
    let at = record.position;
    let detail = format!("{}-{}@{} cannot be applied: {why}", at.topic, at.partition, at.offset);
    Halt::new("changelog", detail)
}

/// Our own struct does not fit our own schema: a broken build. Nothing may be committed.
fn unwritable(error: &CodecError) -> Halt {
    Halt::new("schema", error.to_string())
}
