//! Encoders and decoders of a topic's values, for stage threads.

use std::{collections::HashMap, time::Instant};

use event::{
    codec::{Decoder, Encoder},
    frame,
};
use pipeline::{Halt, RejectReason, Rejected};
use serde::{Deserialize, de::DeserializeOwned};
use topology::Topic;

use crate::{Registry, away, client::schema_of, unknown::Unknown};

/// What came of bytes. The outer error means that the registry is away; the inner one that the bytes
/// are undecodable or their schema unknown.
pub type Decoded<T> = Result<Result<T, Rejected>, Halt>;

/// A value that was read: `B` borrows its texts, `O` owns them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read<'v, B, O> {
    /// As our own schema wrote it.
    InPlace {
        /// Its texts stand in the bytes that were read.
        value: B,
        /// These bytes: facts can be appended to them ([`Encoder::encode_behind`]).
        datum: &'v [u8],
    },
    /// As another schema wrote it.
    Copied(O),
}

/// Decodes values. Blocks on the registry when a schema is new: call it on an OS thread only.
pub trait Decode<T> {
    /// Decodes one value.
    fn decode(&mut self, value: &[u8]) -> Decoded<T>;
}

impl Registry {
    /// An encoder of `topic`'s values. Blocks on the registry: call it on an OS thread only.
    ///
    /// Halts when the registry is away, or our schema is not registered yet.
    pub fn encoder(&self, topic: Topic) -> Result<Encoder, Halt> {
        self.block_on(self.encoder_async(topic))
    }

    /// [`encoder`](Self::encoder) for async code.
    pub async fn encoder_async(&self, topic: Topic) -> Result<Encoder, Halt> {
        let id = self.registered_id(topic).await.map_err(|error| away(error.to_string()))?;
        let Some(id) = id else {
            let subject = topic.subject();
            return Err(away(format!("{subject} has not our schema yet: run `waybill migrate`")));
        };
        let schema = schema_of(topic).map_err(|error| away(error.to_string()))?;
        Encoder::new(schema, id).map_err(|error| away(error.to_string()))
    }

    /// A decoder of `topic`'s values in Confluent framing, by whatever writer's schema they name.
    pub fn decoder(&self, topic: Topic) -> TopicDecoder {
        TopicDecoder {
            registry: self.clone(),
            topic,
            by_id: HashMap::new(),
            unknown: Unknown::new(),
        }
    }
}

/// Decodes the values of one topic; asks the registry once for each writer's schema, and for one
/// that it does not know no more often than every ten seconds.
pub struct TopicDecoder {
    registry: Registry,
    topic: Topic,
    by_id: HashMap<u32, Decoder>,
    unknown: Unknown<u32>,
}

impl<T: DeserializeOwned> Decode<T> for TopicDecoder {
    fn decode(&mut self, value: &[u8]) -> Decoded<T> {
        Self::decode(self, value)
    }
}

impl TopicDecoder {
    /// Decodes a framed value. Blocks on the registry when the schema id is new: call it on an OS
    /// thread only.
    pub fn decode<T: DeserializeOwned>(&mut self, value: &[u8]) -> Decoded<T> {
        match frame::parse(value) {
            Ok(frame) => self.decode_by(frame.schema_id, frame.datum),
            Err(error) => Ok(Err(undecodable(error.to_string()))),
        }
    }

    /// Reads a framed value with its texts left where they stand, if our own schema wrote it; decodes it
    /// otherwise.
    pub fn read<'v, B: Deserialize<'v>, O: DeserializeOwned>(
        &mut self,
        value: &'v [u8],
    ) -> Decoded<Read<'v, B, O>> {
        let frame = match frame::parse(value) {
            Ok(frame) => frame,
            Err(error) => return Ok(Err(undecodable(error.to_string()))),
        };
        let decoder = match self.decoder_of(frame.schema_id)? {
            Ok(decoder) => decoder,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let datum = frame.datum;
        let read = match decoder.decode_in_place(datum) {
            Some(read) => read.map(|value| Read::InPlace { value, datum }),
            None => decoder.decode(datum).map(Read::Copied),
        };
        Ok(read.map_err(|error| undecodable(error.to_string())))
    }

    /// Decodes a datum that the schema with this id wrote.
    pub(crate) fn decode_by<T: DeserializeOwned>(&mut self, id: u32, datum: &[u8]) -> Decoded<T> {
        match self.decoder_of(id)? {
            Ok(decoder) => {
                Ok(decoder.decode(datum).map_err(|error| undecodable(error.to_string())))
            }
            Err(rejected) => Ok(Err(rejected)),
        }
    }

    fn decoder_of(&mut self, id: u32) -> Decoded<&Decoder> {
        if !self.by_id.contains_key(&id) {
            match self.new_decoder(id)? {
                Ok(decoder) => drop(self.by_id.insert(id, decoder)),
                Err(rejected) => return Ok(Err(rejected)),
            }
        }
        self.by_id.get(&id).map(Ok).ok_or_else(|| away("no decoder"))
    }

    fn new_decoder(&mut self, id: u32) -> Decoded<Decoder> {
        let now = Instant::now();
        if let Some(why_not) = self.unknown.why_not_ask(&id, now) {
            return Ok(Err(unknown(id, &format!(" ({why_not})"))));
        }
        let found = self.registry.block_on(self.registry.writer_schema(id));
        let Some(writer) = found.map_err(|error| away(error.to_string()))? else {
            self.unknown.note(id, now);
            return Ok(Err(unknown(id, "")));
        };
        let schema = schema_of(self.topic).map_err(|error| away(error.to_string()))?;
        Ok(Decoder::new(schema, writer).map_err(|error| undecodable(error.to_string())))
    }
}

fn unknown(id: u32, why_not: &str) -> Rejected {
    let detail = format!("the registry has no usable schema with id {id}{why_not}");
    Rejected::new(RejectReason::UnknownSchema, detail)
}

pub(crate) fn undecodable(detail: String) -> Rejected {
    Rejected::new(RejectReason::Undecodable, detail)
}

#[cfg(test)]
mod tests {
    use event::RawEvent;

    use super::*;

    fn registry() -> (tokio::runtime::Runtime, Registry) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let registry = Registry::offline(runtime.handle().clone()).unwrap();
        (runtime, registry)
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let (_runtime, registry) = registry();
        let event = RawEvent { source: Some("web/app".into()), ..RawEvent::default() };
        let bytes = registry.encoder(Topic::RawEvents).unwrap().encode(&event).unwrap();
        let mut decoder = registry.decoder(Topic::RawEvents);
        assert_eq!(decoder.decode::<RawEvent>(&bytes).unwrap(), Ok(event));
    }

    #[test]
    fn garbage_and_unknown_ids_are_rejected_with_different_reasons() {
        let (_runtime, registry) = registry();
        let mut decoder = registry.decoder(Topic::RawEvents);
        let mut reason =
            |value: &[u8]| decoder.decode::<RawEvent>(value).unwrap().unwrap_err().reason;
        assert_eq!(reason(b""), RejectReason::Undecodable);
        assert_eq!(reason(b"{\"json\":true}"), RejectReason::Undecodable);
        assert_eq!(reason(&[0, 0, 0, 0, 1, 0xff]), RejectReason::Undecodable);
        assert_eq!(reason(&[0, 0, 0, 3, 0xe7, 0x00]), RejectReason::UnknownSchema);
    }

    #[test]
    fn a_registry_that_does_not_answer_is_a_halt() {
        let (runtime, _) = registry();
        let config = crate::RegistryConfig {
            url: "http://127.0.0.1:9".into(),
            ..crate::RegistryConfig::default()
        };
        let registry = Registry::new(&config, runtime.handle().clone()).unwrap();
        let halt = registry.encoder(Topic::RawEvents).err().unwrap();
        assert_eq!(halt.dependency, "registry");
        let mut decoder = registry.decoder(Topic::RawEvents);
        assert!(decoder.decode::<RawEvent>(&[0, 0, 0, 0, 1, 0]).is_err());
    }
}
