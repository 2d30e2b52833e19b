//! The one seam between bytes and structs.
//!
//! Our own schemas are plain ([`datum`]); what others wrote by other schemas, and what is not plain, goes
//! through apache-avro.

use std::fmt;

use apache_avro::{
    Schema, from_value, reader::datum::GenericDatumReader, schema::ResolvedSchema,
    writer::datum::GenericDatumWriter,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{datum, extent::extent, frame, schema::TopicSchema};

/// A value could not be turned into bytes, or bytes into a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The schema itself is unusable.
    #[error("schema {name}: {detail}")]
    Schema {
        /// Which schema.
        name: String,
        /// What apache-avro says.
        detail: String,
    },
    /// The value does not fit the schema.
    #[error("cannot be written as {name}: {detail}")]
    Encode {
        /// Which schema.
        name: String,
        /// What apache-avro says.
        detail: String,
    },
    /// The datum does not fit its writer's schema, or that schema does not resolve to ours.
    #[error("cannot be read as {name}: {detail}")]
    Decode {
        /// Which schema.
        name: String,
        /// What apache-avro says; never a value.
        detail: String,
    },
    /// Bytes follow the datum.
    #[error("{0} bytes follow the Avro datum")]
    TrailingBytes(usize),
}

/// Most events fit, with all facts, so that nothing is copied to a larger place while they are written.
const USUAL_BYTES: usize = 2_560;

/// Writes values of one topic in Confluent framing.
pub struct Encoder {
    name: &'static str,
    schema_id: u32,
    writer: GenericDatumWriter<'static>,
    plain: bool,
}

impl Encoder {
    /// An encoder with our own schema, which the registry knows as `schema_id`.
    pub fn new(schema: &'static TopicSchema, schema_id: u32) -> Result<Self, CodecError> {
        let parsed = parsed(schema)?;
        let writer = GenericDatumWriter::builder(parsed)
            .human_readable(false)
            .build()
            .map_err(|error| schema_error(schema, &error))?;
        Ok(Self { name: schema.name, schema_id, writer, plain: datum::plain(parsed) })
    }

    /// The framed bytes of `value`.
    pub fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.extend_from_slice(&frame::header(self.schema_id));
        let header = bytes.len();
        if self.plain {
            datum::write(&mut bytes, value).map_err(|error| self.unwritable(&error))?;
            debug_assert_eq!(Ok(&bytes[header..]), self.by_apache_avro(value).as_deref());
        } else {
            bytes.extend(self.by_apache_avro(value)?);
        }
        Ok(bytes)
    }

    /// The framed bytes of a record whose first fields stand in `datum` already, as they were written, and
    /// whose last field is `last`: facts are appended, so what is there need not be written anew. The
    /// schema must be plain, as it is where [`Decoder::decode_in_place`] read `datum`.
    pub fn encode_behind<T: Serialize>(
        &self,
        datum: &[u8],
        last: &T,
    ) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::with_capacity(USUAL_BYTES.max(datum.len() + USUAL_BYTES / 4));
        bytes.extend_from_slice(&frame::header(self.schema_id));
        bytes.extend_from_slice(datum);
        datum::write(&mut bytes, last).map_err(|error| self.unwritable(&error))?;
        Ok(bytes)
    }

    fn by_apache_avro<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::new();
        self.writer.write_ser(&mut bytes, value).map_err(|error| self.unwritable(&error))?;
        Ok(bytes)
    }

    fn unwritable(&self, error: &dyn fmt::Display) -> CodecError {
        CodecError::Encode { name: self.name.to_owned(), detail: error.to_string() }
    }
}

/// Reads datums that were written with one writer's schema.
pub struct Decoder {
    name: &'static str,
    reader: GenericDatumReader<'static>,
    /// Whether the writer's schema is our own and plain.
    plain: bool,
    /// The writer's schema, where it is not our own.
    writer: Option<Writer>,
}

struct Writer {
    schema: &'static Schema,
    names: ResolvedSchema<'static>,
}

impl Decoder {
    /// A decoder of what `writer` wrote, read as our own schema `schema`.
    ///
    /// `writer` lives for ever: the caller keeps one decoder per schema id, and a registry hands
    /// out few of them.
    pub fn new(schema: &'static TopicSchema, writer: &'static Schema) -> Result<Self, CodecError> {
        let ours = parsed(schema)?;
        let resolves = writer.canonical_form() != ours.canonical_form();
        let reader = GenericDatumReader::builder(writer)
            .maybe_reader_schema(resolves.then_some(ours))
            .human_readable(false)
            .build()
            .map_err(|error| schema_error(schema, &error))?;
        let names =
            ResolvedSchema::try_from(writer).map_err(|error| schema_error(schema, &error))?;
        let plain = !resolves && datum::plain(ours);
        let writer = resolves.then_some(Writer { schema: writer, names });
        Ok(Self { name: schema.name, reader, plain, writer })
    }

    /// The value of a whole datum; bytes left over are an error.
    pub fn decode<T: DeserializeOwned>(&self, datum: &[u8]) -> Result<T, CodecError> {
        if self.plain {
            return self.decode_plain(datum);
        }
        let mut rest = datum;
        let value = if let Some(writer) = &self.writer {
            let length = extent(writer.schema, writer.names.get_names(), datum);
            rest = &datum[length.map_err(|why| self.unreadable(why.to_string()))?..];
            self.reader.read_value(&mut &*datum).and_then(|value| from_value(&value))
        } else {
            self.reader.read_deser(&mut rest)
        }
        .map_err(|error| self.unreadable(without_values(&error)))?;
        if rest.is_empty() { Ok(value) } else { Err(CodecError::TrailingBytes(rest.len())) }
    }

    /// The value of a whole datum with its texts left where they stand; `None` where what it was written
    /// with is another schema than our own, or one that is not plain.
    pub fn decode_in_place<'d, T: Deserialize<'d>>(
        &self,
        datum: &'d [u8],
    ) -> Option<Result<T, CodecError>> {
        self.plain.then(|| self.decode_plain(datum))
    }

    fn decode_plain<'d, T: Deserialize<'d>>(&self, datum: &'d [u8]) -> Result<T, CodecError> {
        let mut rest = datum;
        let value = datum::read(&mut rest).map_err(|why| self.unreadable(why.to_string()))?;
        if rest.is_empty() { Ok(value) } else { Err(CodecError::TrailingBytes(rest.len())) }
    }

    fn unreadable(&self, detail: String) -> CodecError {
        CodecError::Decode { name: self.name.to_owned(), detail }
    }
}

/// The datum of one of our own records, without a frame: for a store that keeps what a changelog
/// holds. Its schema must be plain.
pub fn to_datum<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    match datum::write(&mut bytes, value) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let name = std::any::type_name::<T>().to_owned();
            Err(CodecError::Encode { name, detail: error.to_string() })
        }
    }
}

/// Reads what [`to_datum`] wrote.
pub fn from_datum<T: DeserializeOwned>(mut datum: &[u8]) -> Result<T, CodecError> {
    let value = datum::read(&mut datum).map_err(|error| {
        let name = std::any::type_name::<T>().to_owned();
        CodecError::Decode { name, detail: error.to_string() }
    })?;
    if datum.is_empty() { Ok(value) } else { Err(CodecError::TrailingBytes(datum.len())) }
}

fn parsed(schema: &'static TopicSchema) -> Result<&'static Schema, CodecError> {
    schema.parsed().map_err(|error| schema_error(schema, error))
}

fn schema_error(schema: &TopicSchema, error: &apache_avro::Error) -> CodecError {
    CodecError::Schema { name: schema.name.to_owned(), detail: error.to_string() }
}

/// apache-avro's messages may quote the value; a detail may not.
fn without_values(error: &apache_avro::Error) -> String {
    let text = error.to_string();
    let end = text.find([':', '"', '`']).unwrap_or(text.len());
    text.chars().take(end.min(120)).collect()
}
