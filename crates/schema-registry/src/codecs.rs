//! Encoders and decoders of a topic's values, for stage threads.

use std::collections::{HashMap, hash_map::Entry};

use event::{
    codec::{Decoder, Encoder},
    frame,
    schema::TopicSchema,
};
use pipeline::{Halt, RejectReason, Rejected};
use serde::de::DeserializeOwned;
use topology::Topic;

use crate::{Registry, away, client::schema_of};

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

    /// A decoder of `topic`'s values by whatever writer's schema they name.
    pub fn decoder(&self, topic: Topic) -> TopicDecoder {
        TopicDecoder { registry: self.clone(), topic, by_id: HashMap::new() }
    }
}

/// Decodes the values of one topic; asks the registry once for each writer's schema.
pub struct TopicDecoder {
    registry: Registry,
    topic: Topic,
    by_id: HashMap<u32, Decoder>,
}

impl TopicDecoder {
    /// Decodes a framed value. Blocks on the registry when the schema id is new: call it on an OS
    /// thread only.
    ///
    /// The outer error means that the registry is away; the inner one that the value is
    /// undecodable or its schema unknown.
    pub fn decode<T: DeserializeOwned>(
        &mut self,
        value: &[u8],
    ) -> Result<Result<T, Rejected>, Halt> {
        let frame = match frame::parse(value) {
            Ok(frame) => frame,
            Err(error) => return Ok(Err(undecodable(error.to_string()))),
        };
        let decoder = match self.by_id.entry(frame.schema_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(slot) => {
                match new_decoder(&self.registry, self.topic, frame.schema_id)? {
                    Ok(decoder) => slot.insert(decoder),
                    Err(rejected) => return Ok(Err(rejected)),
                }
            }
        };
        Ok(decoder.decode(frame.datum).map_err(|error| undecodable(error.to_string())))
    }
}

fn new_decoder(
    registry: &Registry,
    topic: Topic,
    id: u32,
) -> Result<Result<Decoder, Rejected>, Halt> {
    let found = registry.block_on(registry.writer_schema(id));
    let Some(writer) = found.map_err(|error| away(error.to_string()))? else {
        let detail = format!("the registry has no usable schema with id {id}");
        return Ok(Err(Rejected::new(RejectReason::UnknownSchema, detail)));
    };
    let schema: &'static TopicSchema = schema_of(topic).map_err(|error| away(error.to_string()))?;
    Ok(Decoder::new(schema, writer).map_err(|error| undecodable(error.to_string())))
}

fn undecodable(detail: String) -> Rejected {
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
