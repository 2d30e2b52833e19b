//! From a value to a datum.

use std::fmt;

use crate::fixed;
use serde::ser::{self, Impossible, Serialize, SerializeSeq, SerializeStruct, Serializer};

/// Appends the datum of `value`.
pub(crate) fn write<T: Serialize>(bytes: &mut Vec<u8>, value: &T) -> Result<(), NotPlain> {
    value.serialize(Writer(bytes))
}

/// The value has something for which there is no place in a plain schema.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotPlain(String);

impl ser::Error for NotPlain {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    /// An int or a long: zigzag, seven bits a byte, the lowest first.
    fn long(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while rest > 0x7f {
            self.0.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push((rest & 0x7f) as u8);
    }

    fn length(&mut self, length: usize) -> Result<(), NotPlain> {
        let length = i64::try_from(length).map_err(ser::Error::custom)?;
        self.long(length);
        Ok(())
    }
}

/// Implements what no plain schema has a place for.
macro_rules! no_place {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$ok, NotPlain> {
            Err(NotPlain(concat!(stringify!($method), " has no place here").to_owned()))
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = NotPlain;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Impossible<(), NotPlain>;
    type SerializeTupleStruct = Impossible<(), NotPlain>;
    type SerializeTupleVariant = Impossible<(), NotPlain>;
    type SerializeMap = Impossible<(), NotPlain>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), NotPlain>;

    fn serialize_bool(self, value: bool) -> Result<(), NotPlain> {
        self.0.push(u8::from(value));
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), NotPlain> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), NotPlain> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), NotPlain> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(mut self, value: i64) -> Result<(), NotPlain> {
        self.long(value);
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), NotPlain> {
        self.serialize_i64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), NotPlain> {
        self.serialize_i64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), NotPlain> {
        self.serialize_i64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), NotPlain> {
        self.serialize_i64(i64::try_from(value).map_err(ser::Error::custom)?)
    }

    fn serialize_str(self, value: &str) -> Result<(), NotPlain> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(mut self, value: &[u8]) -> Result<(), NotPlain> {
        self.length(value.len())?;
        self.0.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(mut self) -> Result<(), NotPlain> {
        self.long(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), NotPlain> {
        self.long(1);
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), NotPlain> {
        if name != fixed::NAME {
            return value.serialize(self);
        }
        // The length that stands in front of bytes is one byte for so few.
        let start = self.0.len();
        value.serialize(Writer(&mut *self.0))?;
        self.0.remove(start);
        Ok(())
    }

    fn serialize_seq(mut self, length: Option<usize>) -> Result<Items<'a>, NotPlain> {
        let length = length.ok_or_else(|| NotPlain("a list of unknown length".to_owned()))?;
        if length > 0 {
            self.length(length)?;
        }
        Ok(Items(self.0))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NotPlain> {
        Ok(self)
    }

    /// See [`fixed::NAME`].
    fn is_human_readable(&self) -> bool {
        true
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NotPlain> {
        Err(NotPlain("serialize_newtype_variant has no place here".to_owned()))
    }

    no_place! {
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize)
            -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct_variant(&'static str, u32, &'static str, usize)
            -> Self::SerializeStructVariant;
    }
}

impl SerializeStruct for Writer<'_> {
    type Ok = ();
    type Error = NotPlain;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotPlain> {
        value.serialize(Writer(self.0))
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), NotPlain> {
        Err(NotPlain(format!("`{name}` is left out, and every field has its place")))
    }

    fn end(self) -> Result<(), NotPlain> {
        Ok(())
    }
}

/// The items of an array: one block, then the block that is empty.
struct Items<'a>(&'a mut Vec<u8>);

impl SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = NotPlain;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotPlain> {
        value.serialize(Writer(self.0))
    }

    fn end(self) -> Result<(), NotPlain> {
        self.0.push(0);
        Ok(())
    }
}
