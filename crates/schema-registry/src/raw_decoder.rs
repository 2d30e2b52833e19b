//! The decoder of `raw-events`, in whatever encoding the operator allows.

use std::{collections::HashMap, time::Instant};

use event::{
    Encoding, Encodings, RawEvent, fingerprints,
    frame::{self, Fingerprint},
    plain_json,
};
use pipeline::{Halt, RejectReason, Rejected};
use topology::Topic;

use crate::{
    Decode, Registry, TopicDecoder, away,
    codecs::{Decoded, undecodable},
    unknown::Unknown,
};

const TOPIC: Topic = Topic::RawEvents;

/// Decodes raw events in Confluent framing and the other encodings that are allowed.
pub struct RawDecoder {
    registry: Registry,
    encodings: Encodings,
    by_id: TopicDecoder,
    ids: HashMap<Fingerprint, u32>,
    unknown: Unknown<Fingerprint>,
}

impl Registry {
    /// A decoder of raw events in these encodings. The registry is asked when the first record comes.
    pub fn raw_decoder(&self, encodings: Encodings) -> RawDecoder {
        RawDecoder {
            registry: self.clone(),
            encodings,
            by_id: self.decoder(TOPIC),
            ids: HashMap::new(),
            unknown: Unknown::new(),
        }
    }
}

impl Decode<RawEvent> for RawDecoder {
    fn decode(&mut self, value: &[u8]) -> Decoded<RawEvent> {
        match allowed(value, self.encodings) {
            Ok(Encoding::Confluent) => self.by_id.decode(value),
            Ok(Encoding::SingleObject) => self.single_object(value),
            Ok(Encoding::Json) => {
                Ok(plain_json::raw_event(value).map_err(|error| undecodable(error.to_string())))
            }
            Err(rejected) => Ok(Err(rejected)),
        }
    }
}

/// The encoding of a value, if values may be written so.
fn allowed(value: &[u8], encodings: Encodings) -> Result<Encoding, Rejected> {
    match Encoding::of(value) {
        Some(encoding) if encodings.allows(encoding) => Ok(encoding),
        Some(encoding) => Err(undecodable(format!(
            "the value looks like {encoding}, which is not allowed: raw_encodings under [validate] \
             does not have \"{}\"",
            encoding.word()
        ))),
        None => Err(undecodable(match value.first() {
            Some(first) => format!(
                "the value begins with byte {first:#04x}: it is neither Confluent framing (0x00) \
                 nor Avro single-object encoding (0xc3 0x01) nor a JSON object"
            ),
            None => "the value is empty".to_owned(),
        })),
    }
}

impl RawDecoder {
    fn single_object(&mut self, value: &[u8]) -> Decoded<RawEvent> {
        let single = match frame::parse_single_object(value) {
            Ok(single) => single,
            Err(error) => return Ok(Err(undecodable(error.to_string()))),
        };
        match self.id_of(single.fingerprint)? {
            Ok(id) => self.by_id.decode_by(id, single.datum),
            Err(rejected) => Ok(Err(rejected)),
        }
    }

    /// The id of the schema with this fingerprint among the versions of the topic's subject.
    fn id_of(&mut self, fingerprint: Fingerprint) -> Decoded<u32> {
        if let Some(id) = self.ids.get(&fingerprint) {
            return Ok(Ok(*id));
        }
        let now = Instant::now();
        if let Some(why_not) = self.unknown.why_not_ask(&fingerprint, now) {
            return Ok(Err(unknown(fingerprint, &format!(" ({why_not})"))));
        }
        self.look_up()?;
        if let Some(id) = self.ids.get(&fingerprint) {
            return Ok(Ok(*id));
        }
        self.unknown.note(fingerprint, now);
        Ok(Err(unknown(fingerprint, "")))
    }

    fn look_up(&mut self) -> Result<(), Halt> {
        let versions = self.registry.block_on(self.registry.versions(TOPIC));
        for (id, schema) in versions.map_err(|error| away(error.to_string()))? {
            self.ids.extend(fingerprints(schema).into_iter().map(|it| (it, id)));
        }
        Ok(())
    }
}

fn unknown(fingerprint: Fingerprint, why_not: &str) -> Rejected {
    let subject = TOPIC.subject();
    let detail = format!(
        "the registry has no version of {subject} with the fingerprint {fingerprint}{why_not}"
    );
    Rejected::new(RejectReason::UnknownSchema, detail)
}
