//! Rows in ClickHouse's RowBinary format: values one after the other, without names or types.
//!
//! Source of the encoding: <https://clickhouse.com/docs/interfaces/formats/RowBinary>. Numbers
//! are little-endian; a string, array or map begins with its length as LEB128; a Nullable with
//! 0 (a value follows) or 1 (NULL); a tuple is its members; LowCardinality(T) is written as T,
//! DateTime64(3) as Int64 milliseconds.

use std::ops::Range;

use event::{Millis, Text};

/// Milliseconds UTC that `DateTime64(3)` can hold: 1900 to 2299. RowBinary takes any other without a
/// word, and what is read of it is another time (of 26.7 only beyond the years 0 to 9999). Source:
/// <https://clickhouse.com/docs/sql-reference/data-types/datetime64>.
pub const TIMES: Range<Millis> = -2_208_988_800_000..10_413_792_000_000;

/// A buffer that a row is written to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowBinary {
    pub(crate) bytes: Vec<u8>,
}

impl RowBinary {
    /// What another buffer holds.
    pub fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// `UInt16`.
    pub fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `UInt32` and `DateTime` (seconds).
    pub fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `UInt64`.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `Int32`.
    pub fn i32(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `Int64`.
    pub fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `Int128` and `Decimal128`, in units of its last digit.
    pub fn i128(&mut self, value: i128) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `Bool`.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// `DateTime64(3)`.
    pub fn millis(&mut self, value: Millis) {
        self.i64(value);
    }

    /// `String` of text.
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// `String` of any bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
    }

    /// `Nullable` of what `write` writes.
    pub fn nullable<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => {
                self.bytes.push(0);
                write(self, value);
            }
            None => self.bytes.push(1),
        }
    }

    /// `Nullable(String)` of text.
    pub fn opt_text(&mut self, value: Option<&str>) {
        self.nullable(value, Self::text);
    }

    /// `Array` of what `write` writes. A `Map` is an array of its pairs.
    pub fn array<T>(
        &mut self,
        values: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let values = values.into_iter();
        self.length(values.len());
        values.for_each(|value| write(self, value));
    }

    /// `Array(String)` of texts.
    pub fn texts(&mut self, values: &[impl Text]) {
        self.array(values, |out, value| out.text(value));
    }

    /// Unsigned LEB128.
    fn length(&mut self, mut length: usize) {
        loop {
            let [low, ..] = length.to_le_bytes();
            length >>= 7;
            if length == 0 {
                self.bytes.push(low & 0x7f);
                return;
            }
            self.bytes.push(low | 0x80);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut RowBinary)) -> Vec<u8> {
        let mut out = RowBinary::default();
        write(&mut out);
        out.bytes
    }

    #[test]
    fn values_are_written_as_the_format_says() {
        for (case, bytes, expected) in [
            ("UInt16", written(|o| o.u16(0x0102)), vec![2, 1]),
            ("UInt32", written(|o| o.u32(1)), vec![1, 0, 0, 0]),
            ("UInt64", written(|o| o.u64(1)), vec![1, 0, 0, 0, 0, 0, 0, 0]),
            ("Int32", written(|o| o.i32(-2)), vec![0xfe, 0xff, 0xff, 0xff]),
            ("Int64", written(|o| o.i64(-1)), vec![0xff; 8]),
            ("Bool", written(|o| o.bool(true)), vec![1]),
            ("String", written(|o| o.text("äb")), vec![3, 0xc3, 0xa4, b'b']),
            ("String of bytes", written(|o| o.bytes(&[0, 255])), vec![2, 0, 255]),
            ("empty String", written(|o| o.text("")), vec![0]),
            ("NULL", written(|o| o.opt_text(None)), vec![1]),
            ("Nullable", written(|o| o.opt_text(Some("a"))), vec![0, 1, b'a']),
            ("Nullable number", written(|o| o.nullable(Some(7), RowBinary::u16)), vec![0, 7, 0]),
            ("empty Array", written(|o| o.texts(&[""; 0])), vec![0]),
            ("Array", written(|o| o.texts(&["a", "b"])), vec![2, 1, b'a', 1, b'b']),
        ] {
            assert_eq!(bytes, expected, "{case}");
        }
    }

    #[test]
    fn lengths_are_leb128() {
        for (length, expected) in [
            (127, vec![0x7f]),
            (128, vec![0x80, 0x01]),
            (300, vec![0xac, 0x02]),
            (1 << 14, vec![0x80, 0x80, 0x01]),
        ] {
            let bytes = written(|out| out.bytes(&vec![b'x'; length]));
            assert_eq!(&bytes[..expected.len()], expected, "{length}");
            assert_eq!(bytes.len(), expected.len() + length);
        }
    }
}
