//! Bytes of what the stage reads and writes.

use event::{
    EnrichedEvent, EnrichmentFacts, Event, IdentityAlias, IdentityCommand, IdentityFacts,
    IdentityJournal, IdentityLink, IdentityState, ValidationFacts,
    codec::{CodecError, Encoder},
};
use identity::KEY_VERSION;
use kafka_runtime::{Outgoing, Record};
use pipeline::{Halt, Rejected};
use schema_registry::{Decoded, Read, Registry, TopicDecoder};
use serde::{Serialize, de::DeserializeOwned};
use topology::Topic;

use crate::{
    overlay::{Device, Overlay},
    packing::packed,
    store::{DatedWrite, DeviceWrite},
    values::{Dated, device_gone, device_write},
};

struct Encoders {
    stitched: Encoder,
    links: Encoder,
    aliases: Encoder,
    journal: Encoder,
    state: Encoder,
}

/// What is written of an `event::StitchedEvent`: the facts of this stage are no borrowed ones.
#[derive(Serialize)]
struct Stitched<'e, S> {
    event: &'e Event<S>,
    validation: &'e ValidationFacts<S>,
    enrichment: &'e EnrichmentFacts<S>,
    identity: IdentityFacts,
}

/// An event that was read.
pub(crate) type ReadEvent<'v> = Read<'v, EnrichedEvent<&'v str>, EnrichedEvent>;

/// Decoders and encoders of the stage's topics. The registry is asked at first use.
pub(crate) struct Codecs {
    registry: Registry,
    enriched: TopicDecoder,
    commands: TopicDecoder,
    journal: TopicDecoder,
    state: TopicDecoder,
    encoders: Option<Encoders>,
}

impl Codecs {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            enriched: registry.decoder(Topic::EnrichedEvents),
            commands: registry.decoder(Topic::IdentityCommands),
            journal: registry.decoder(Topic::IdentityJournal),
            state: registry.decoder(Topic::IdentityState),
            encoders: None,
        }
    }

    /// The event.
    pub(crate) fn event<'v>(&mut self, value: &'v [u8]) -> Decoded<ReadEvent<'v>> {
        self.enriched.read(value)
    }

    pub(crate) fn command(
        &mut self,
        value: &[u8],
    ) -> Result<Result<IdentityCommand, Rejected>, Halt> {
        self.commands.decode(value)
    }

    fn encoders(&mut self) -> Result<&Encoders, Halt> {
        if self.encoders.is_none() {
            self.encoders = Some(Encoders {
                stitched: self.registry.encoder(Topic::StitchedEvents)?,
                links: self.registry.encoder(Topic::IdentityLinks)?,
                aliases: self.registry.encoder(Topic::IdentityAliases)?,
                journal: self.registry.encoder(Topic::IdentityJournal)?,
                state: self.registry.encoder(Topic::IdentityState)?,
            });
        }
        self.encoders.as_ref().ok_or_else(|| Halt::new("registry", "no encoder"))
    }

    /// The output: the event with `identity` behind its own facts. The inner error means that it does not
    /// fit the schema of its topic.
    pub(crate) fn stitched<S: Serialize>(
        &mut self,
        event: &EnrichedEvent<S>,
        datum: Option<&[u8]>,
        identity: IdentityFacts,
    ) -> Result<Result<Vec<u8>, CodecError>, Halt> {
        let encoder = &self.encoders()?.stitched;
        if let Some(datum) = datum {
            return Ok(encoder.encode_behind(datum, &identity));
        }
        let EnrichedEvent { event, validation, enrichment } = event;
        Ok(encoder.encode(&Stitched { event, validation, enrichment, identity }))
    }

    /// The record that tells of a link.
    pub(crate) fn link(
        &mut self,
        link: &IdentityLink,
    ) -> Result<Result<Outgoing, CodecError>, Halt> {
        let key = link.anonymous_id.clone().into_bytes();
        let value = self.encoders()?.links.encode(link);
        Ok(value.map(|value| side(Topic::IdentityLinks, None, key, value)))
    }

    /// The record that tells of two users.
    pub(crate) fn alias(
        &mut self,
        alias: &IdentityAlias,
    ) -> Result<Result<Outgoing, CodecError>, Halt> {
        let key = alias_key(&alias.previous_id, &alias.user_id);
        let value = self.encoders()?.aliases.encode(alias);
        Ok(value.map(|value| side(Topic::IdentityAliases, Some(0), key, value)))
    }

    /// What tells the changes of `partition` to the changelogs.
    pub(crate) fn changes(
        &mut self,
        partition: i32,
        overlay: &Overlay,
    ) -> Result<Vec<Outgoing>, Halt> {
        let encoders = self.encoders()?;
        let mut changes = Vec::new();
        for journal in packed(overlay) {
            let value = encoders.journal.encode(&journal).map_err(|error| unwritable(&error))?;
            changes.push(change(Topic::IdentityJournal, partition, None, Some(value)));
        }
        for device in overlay.devices() {
            let value = match device {
                Device::Known(state) => {
                    Some(encoders.state.encode(state).map_err(|error| unwritable(&error))?)
                }
                Device::Forgotten(_) => None,
            };
            let key = Some(device.key().as_bytes().to_vec());
            changes.push(change(Topic::IdentityState, partition, key, value));
        }
        Ok(changes)
    }

    /// What a record of `identity-journal` says.
    pub(crate) fn journal(&mut self, record: &Record) -> Result<Vec<DatedWrite>, Halt> {
        let journal: IdentityJournal = own(&mut self.journal, record)?;
        if journal.version != KEY_VERSION {
            let version = journal.version;
            let detail = format!("has keys of version {version}, not {KEY_VERSION}");
            return Err(unreadable(record, &detail));
        }
        let messages = journal.entries.iter().map(Dated::write);
        let business = journal.business_keys.iter().map(Dated::write);
        let sessions = journal.sessions.iter().map(Dated::write);
        let contexts = journal.contexts.iter().map(Dated::write);
        Ok(messages.chain(business).chain(sessions).chain(contexts).collect())
    }

    /// The device of a record of `identity-state`; without a value it is forgotten.
    pub(crate) fn device(&mut self, record: &Record) -> Result<DeviceWrite, Halt> {
        if record.value.is_none() {
            let key = record.key.clone().unwrap_or_default();
            let device = std::str::from_utf8(&key)
                .map_err(|_| unreadable(record, "has a key that is no text"))?;
            return Ok(device_gone(device));
        }
        let state: IdentityState = own(&mut self.state, record)?;
        Ok(device_write(&state))
    }
}

/// One record of each pair is kept. No id has a zero byte: validate refuses control characters.
fn alias_key(previous: &str, user: &str) -> Vec<u8> {
    format!("{previous}\0{user}").into_bytes()
}

/// The two user ids of a key of `identity-aliases`.
pub(crate) fn users_of_key(key: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(key).ok()?.split_once('\0')
}

/// The record by which all that was told of two users is forgotten.
pub(crate) fn alias_gone((previous, user): &(String, String)) -> Outgoing {
    let (topic, key) = (Topic::IdentityAliases, Some(alias_key(previous, user)));
    Outgoing { topic, partition: Some(0), key, value: None, headers: Vec::new() }
}

fn side(topic: Topic, partition: Option<i32>, key: Vec<u8>, value: Vec<u8>) -> Outgoing {
    Outgoing { topic, partition, key: Some(key), value: Some(value), headers: Vec::new() }
}

fn change(topic: Topic, partition: i32, key: Option<Vec<u8>>, value: Option<Vec<u8>>) -> Outgoing {
    Outgoing { topic, partition: Some(partition), key, value, headers: Vec::new() }
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
