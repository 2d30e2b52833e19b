//! 16 bytes as Avro's `fixed`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// By this name `datum` tells a `fixed` of 16 bytes, which has no length in front, from `bytes`.
/// apache-avro takes a named struct for a record, so it is given the bytes alone; `datum` calls itself
/// readable for humans, as JSON does and apache-avro does not.
pub(crate) const NAME: &str = "Fixed16";
/// Its bytes.
pub(crate) const SIZE: usize = 16;

/// 16 bytes: an Avro `fixed` of that size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fixed16(pub [u8; SIZE]);

impl Serialize for Fixed16 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = serde_bytes::Bytes::new(&self.0);
        if serializer.is_human_readable() {
            serializer.serialize_newtype_struct(NAME, bytes)
        } else {
            bytes.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Fixed16 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_newtype_struct(NAME, Bytes)
        } else {
            deserializer.deserialize_bytes(Bytes)
        }
    }
}

struct Bytes;

impl<'de> de::Visitor<'de> for Bytes {
    type Value = Fixed16;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SIZE} bytes")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Fixed16, D::Error> {
        inner.deserialize_bytes(self)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Fixed16, E> {
        let bytes = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))?;
        Ok(Fixed16(bytes))
    }

    /// As JSON shows bytes.
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Fixed16, A::Error> {
        let mut bytes = [0; SIZE];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let next = items.next_element()?;
            *byte = next.ok_or_else(|| de::Error::invalid_length(index, &self))?;
        }
        Ok(Fixed16(bytes))
    }
}
