//! Values of the topics as bytes, and back; made once for all histories of a test.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use event::{EnrichedEvent, StitchedEvent, Waybill, codec::Encoder};
use kafka_runtime::{Position, Record};
use schema_registry::{Registry, TopicDecoder};
use serde::Serialize;
use topology::Topic;

use crate::world::offline;

pub(crate) struct Wire {
    pub(crate) registry: Registry,
    _runtime: tokio::runtime::Runtime,
    encoders: HashMap<Topic, Encoder>,
    decoder: RefCell<TopicDecoder>,
}

thread_local! {
    static WIRE: Rc<Wire> = Rc::new(Wire::new());
}

impl Wire {
    fn new() -> Self {
        let (runtime, registry) = offline();
        let topics = [
            Topic::EnrichedEvents,
            Topic::IdentityCommands,
            Topic::IdentityLinks,
            Topic::IdentityAliases,
        ];
        let encoders = topics.map(|topic| (topic, registry.encoder(topic).unwrap())).into();
        let decoder = RefCell::new(registry.decoder(Topic::StitchedEvents));
        Self { registry, _runtime: runtime, encoders, decoder }
    }

    /// The one of this thread.
    pub(crate) fn shared() -> Rc<Self> {
        WIRE.with(Rc::clone)
    }

    pub(crate) fn encoded<T: Serialize>(&self, topic: Topic, value: &T) -> Vec<u8> {
        self.encoders[&topic].encode(value).unwrap()
    }

    pub(crate) fn stitched(&self, value: &[u8]) -> StitchedEvent {
        self.decoder.borrow_mut().decode(value).unwrap().unwrap()
    }

    /// A record of `enriched-events` at `offset`.
    pub(crate) fn enriched(&self, at: Waybill, offset: i64, event: &EnrichedEvent) -> Record {
        let (topic, partition) = (Topic::EnrichedEvents, at.origin.partition);
        Record {
            position: Position { topic, partition, offset },
            timestamp: None,
            key: None,
            value: Some(self.encoded(topic, event).into()),
            headers: Vec::new(),
        }
    }
}
