//! From a datum to a value.

use std::fmt;

use crate::{fixed, shared_runs};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};

/// Bytes of the longest number: 64 bits, 7 in each.
const LONGEST_NUMBER: usize = 10;

/// Reads a value from the beginning of `bytes`, and leaves there what follows it.
pub(crate) fn read<'de, T: Deserialize<'de>>(bytes: &mut &'de [u8]) -> Result<T, NotRead> {
    T::deserialize(Reader(bytes))
}

/// The bytes are no datum of the value's schema.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotRead {
    #[error("the bytes end inside of the datum")]
    EndsTooSoon,
    #[error("a number has more than 64 bits")]
    NoNumber,
    #[error("a length is negative, or more than the bytes that are left")]
    NoLength,
    #[error("a union has no such branch")]
    NoBranch,
    #[error("a boolean is neither 0 nor 1")]
    NoBoolean,
    #[error("a text is not UTF-8")]
    NoText,
    /// What serde says; a number that does not fit its field, for one. Never a text of the datum.
    #[error("{0}")]
    DoesNotFit(String),
}

impl de::Error for NotRead {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::DoesNotFit(message.to_string())
    }
}

struct Reader<'a, 'de>(&'a mut &'de [u8]);

impl<'de> Reader<'_, 'de> {
    #[inline]
    fn byte(&mut self) -> Result<u8, NotRead> {
        let (first, rest) = self.0.split_first().ok_or(NotRead::EndsTooSoon)?;
        *self.0 = rest;
        Ok(*first)
    }

    /// An int or a long: zigzag, seven bits a byte, the lowest first. Most have one byte.
    #[inline]
    fn long(&mut self) -> Result<i64, NotRead> {
        let first = self.byte()?;
        let value = if first < 0x80 { u64::from(first) } else { self.longer(first)? };
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn longer(&mut self, first: u8) -> Result<u64, NotRead> {
        let mut value = u64::from(first & 0x7f);
        for at in 1..LONGEST_NUMBER {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if at == LONGEST_NUMBER - 1 && bits > 1 {
                return Err(NotRead::NoNumber);
            }
            value |= bits << (7 * at);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(NotRead::NoNumber)
    }

    /// Bytes of a text, or of what is no text.
    fn bytes(&mut self) -> Result<&'de [u8], NotRead> {
        let length = usize::try_from(self.long()?).map_err(|_| NotRead::NoLength)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(NotRead::NoLength)?;
        *self.0 = rest;
        Ok(bytes)
    }

    fn take(&mut self, bytes: usize) -> Result<&'de [u8], NotRead> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(NotRead::EndsTooSoon)?;
        *self.0 = rest;
        Ok(taken)
    }

    /// The datum of a list of enrichments, an array of records of two texts; whether they are texts is not
    /// looked at.
    fn runs(&mut self) -> Result<&'de [u8], NotRead> {
        if let Some(length) = shared_runs::same_again(self.0) {
            return self.take(length);
        }
        let all = *self.0;
        let mut items = Items { bytes: &mut *self.0, left: 0, ended: false };
        while let Some(mut item) = items.next()? {
            item.bytes()?;
            item.bytes()?;
        }
        Ok(&all[..all.len() - self.0.len()])
    }

    fn text(&mut self) -> Result<&'de str, NotRead> {
        simdutf8::basic::from_utf8(self.bytes()?).map_err(|_| NotRead::NoText)
    }
}

/// Reads all that are written as a long.
macro_rules! longs {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, NotRead> {
            visitor.visit_i64(self.long()?)
        })*
    };
}

/// Refuses what no plain schema has a place for.
macro_rules! no_place {
    ($($method:ident($($argument:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, NotRead> {
            Err(NotRead::DoesNotFit(concat!(stringify!($method), " has no place here").to_owned()))
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_, 'de> {
    type Error = NotRead;

    longs! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, NotRead> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(NotRead::NoBoolean),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, NotRead> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, NotRead> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, NotRead> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, NotRead> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    /// The branches of a plain union are null and the value's own.
    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, NotRead> {
        match self.long()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            _ => Err(NotRead::NoBranch),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotRead> {
        match name {
            fixed::NAME => visitor.visit_borrowed_bytes(self.take(fixed::SIZE)?),
            shared_runs::NAME => visitor.visit_borrowed_bytes(self.runs()?),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotRead> {
        visitor.visit_seq(Items { bytes: self.0, left: 0, ended: false })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotRead> {
        visitor.visit_seq(Fields { bytes: self.0, left: fields.len() })
    }

    /// See [`fixed::NAME`].
    fn is_human_readable(&self) -> bool {
        true
    }

    no_place! {
        deserialize_any() deserialize_f32() deserialize_f64() deserialize_char() deserialize_unit()
        deserialize_unit_struct(&'static str) deserialize_tuple(usize)
        deserialize_tuple_struct(&'static str, usize) deserialize_map()
        deserialize_enum(&'static str, &'static [&'static str]) deserialize_identifier()
        deserialize_ignored_any()
    }
}

/// The fields of a record, one after the other.
struct Fields<'a, 'de> {
    bytes: &'a mut &'de [u8],
    left: usize,
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = NotRead;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NotRead> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Reader(self.bytes)).map(Some)
    }
}

/// The items of an array: blocks, each with its count, until one has none.
struct Items<'a, 'de> {
    bytes: &'a mut &'de [u8],
    /// Items that are left of the block.
    left: u64,
    ended: bool,
}

impl<'de> Items<'_, 'de> {
    /// Where the next item stands.
    fn next(&mut self) -> Result<Option<Reader<'_, 'de>>, NotRead> {
        if self.left == 0 && !self.ended {
            self.block()?;
        }
        if self.ended {
            return Ok(None);
        }
        self.left -= 1;
        // Every item of a plain array takes a byte, so a count that is too large ends with the bytes.
        Ok(Some(Reader(self.bytes)))
    }

    /// Begins the next block. A negative count is followed by the bytes of the block, which only who
    /// skips it needs.
    fn block(&mut self) -> Result<(), NotRead> {
        let count = Reader(self.bytes).long()?;
        if count < 0 {
            Reader(self.bytes).long()?;
        }
        self.left = count.unsigned_abs();
        self.ended = count == 0;
        Ok(())
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = NotRead;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NotRead> {
        self.next()?.map(|item| seed.deserialize(item)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::reader::datum::GenericDatumReader;
    use proptest::prelude::*;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::{
        EnrichedEvent, RawEvent,
        codec::Encoder,
        schema::{self, TopicSchema},
    };

    /// What apache-avro reads, and what it leaves.
    fn by_apache_avro<T: DeserializeOwned>(
        schema: &'static TopicSchema,
        bytes: &[u8],
    ) -> Option<(T, usize)> {
        let reader = GenericDatumReader::builder(schema.parsed().unwrap())
            .human_readable(false)
            .build()
            .unwrap();
        let mut rest = bytes;
        reader.read_deser(&mut rest).ok().map(|value| (value, rest.len()))
    }

    fn by_us<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), NotRead> {
        let mut rest = bytes;
        read(&mut rest).map(|value| (value, rest.len()))
    }

    /// Whether both read the same, or both nothing. Of one thing they differ: apache-avro drops the bits of a
    /// number that do not fit into 64, which is another number than the writer's; we refuse it.
    fn both_read<T: DeserializeOwned + fmt::Debug + PartialEq>(
        schema: &'static TopicSchema,
        bytes: &[u8],
    ) -> Result<(), TestCaseError> {
        let ours = by_us::<T>(bytes);
        if !matches!(ours, Err(NotRead::NoNumber)) {
            prop_assert_eq!(ours.ok(), by_apache_avro(schema, bytes));
        }
        Ok(())
    }

    /// The datum of an example of a topic.
    fn example<T: serde::Serialize + DeserializeOwned>(
        schema: &'static TopicSchema,
        name: &str,
    ) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../avro/examples/");
        let text = std::fs::read_to_string(format!("{folder}{}/{name}.json", schema.name)).unwrap();
        let value: T = serde_json::from_str(&text).unwrap();
        Encoder::new(schema, 1).unwrap().encode(&value).unwrap()[5..].to_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn what_changed_bytes_say_is_what_apache_avro_reads(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            thread_local! {
                static RAW: Vec<u8> = example::<RawEvent>(&schema::RAW_EVENTS, "track-browser");
                static ENRICHED: Vec<u8> =
                    example::<EnrichedEvent>(&schema::ENRICHED_EVENTS, "page-utm-only");
            }
            let changed = |bytes: &Vec<u8>| {
                let mut bytes = bytes.clone();
                for (at, byte) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                let length = cut.map_or(bytes.len(), |cut| cut.index(bytes.len()));
                bytes.truncate(length);
                bytes
            };
            both_read::<RawEvent>(&schema::RAW_EVENTS, &RAW.with(changed))?;
            both_read::<EnrichedEvent>(&schema::ENRICHED_EVENTS, &ENRICHED.with(changed))?;
        }
    }

    #[test]
    fn an_array_may_come_in_blocks_with_and_without_their_sizes() {
        // Two items "a" and "b"; then one block of -1 item (2 bytes) "c"; then the end.
        let bytes = [4, 2, b'a', 2, b'b', 1, 4, 2, b'c', 0, 0xff];
        let mut rest = &bytes[..];
        assert_eq!(read::<Vec<String>>(&mut rest).unwrap(), ["a", "b", "c"]);
        assert_eq!(rest, [0xff]);
    }

    #[test]
    fn a_count_of_more_items_than_there_are_bytes_ends_with_the_bytes() {
        for count in [&[0xfe, 0xff, 0xff, 0xff, 0x0f][..], &[0xff; 9]] {
            let bytes = [count, &[1, 2, b'a', 2, b'b']].concat();
            assert!(read::<Vec<String>>(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn numbers_at_their_ends_are_read_and_longer_ones_are_not() {
        let ten = |last: u8| [[0xff; 9].as_slice(), &[last]].concat();
        for (bytes, expected) in [
            (ten(1), Ok(i64::MIN)),
            ([[0xfe].as_slice(), &[0xff; 8], &[1]].concat(), Ok(i64::MAX)),
            (ten(2), Err(NotRead::NoNumber)),
            (ten(0x81), Err(NotRead::NoNumber)),
            (vec![0xff; 4], Err(NotRead::EndsTooSoon)),
        ] {
            assert_eq!(read::<i64>(&mut &bytes[..]), expected, "{bytes:?}");
        }
    }
}
