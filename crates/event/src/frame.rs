//! What stands before an Avro datum and names its writer's schema.
//!
//! Confluent framing: byte 0, the schema's id as 4 bytes big-endian. Avro's single-object encoding:
//! bytes C3 01, the CRC-64-AVRO fingerprint of the schema in parsing canonical form as 8 bytes
//! little-endian (Avro specification, "Single-object encoding").

use std::fmt;

/// First byte in Confluent framing.
pub const MAGIC: u8 = 0;

/// Length of the frame before the datum.
pub const FRAME_LEN: usize = 5;

/// First bytes in single-object encoding.
pub const SINGLE_OBJECT_MARKER: [u8; 2] = [0xc3, 0x01];

/// Length of the marker and the fingerprint before the datum.
pub const SINGLE_OBJECT_LEN: usize = 10;

/// A framed value taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Id of the writer's schema in the registry.
    pub schema_id: u32,
    /// The Avro datum.
    pub datum: &'a [u8],
}

/// The fingerprint of a schema, its bytes in the order in which they stand in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 8]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A value in single-object encoding taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SingleObject<'a> {
    /// Fingerprint of the writer's schema.
    pub fingerprint: Fingerprint,
    /// The Avro datum.
    pub datum: &'a [u8],
}

/// The value is not framed as it was expected to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Fewer than five bytes.
    #[error("the value has {0} bytes; byte 0 and a schema id of 4 bytes are expected in front")]
    TooShort(usize),
    /// The first byte is not 0.
    #[error("the value begins with byte {0:#04x}; 0x00 is expected (Confluent framing)")]
    NoMagic(u8),
    /// Fewer than ten bytes.
    #[error(
        "the value has {0} bytes; C3 01 and a fingerprint of 8 bytes are expected in front \
         (single-object encoding)"
    )]
    NoFingerprint(usize),
    /// The first bytes are not C3 01.
    #[error("the value does not begin with C3 01 (single-object encoding)")]
    NoMarker,
}

/// Takes a framed value apart.
pub fn parse(value: &[u8]) -> Result<Frame<'_>, FrameError> {
    let Some((header, datum)) = value.split_first_chunk::<FRAME_LEN>() else {
        return Err(FrameError::TooShort(value.len()));
    };
    let [magic, a, b, c, d] = *header;
    if magic != MAGIC {
        return Err(FrameError::NoMagic(magic));
    }
    Ok(Frame { schema_id: u32::from_be_bytes([a, b, c, d]), datum })
}

/// Begins a framed value: the five bytes that stand before the datum.
pub fn header(schema_id: u32) -> [u8; FRAME_LEN] {
    let [a, b, c, d] = schema_id.to_be_bytes();
    [MAGIC, a, b, c, d]
}

/// Takes a value in single-object encoding apart.
pub fn parse_single_object(value: &[u8]) -> Result<SingleObject<'_>, FrameError> {
    let rest = value.strip_prefix(&SINGLE_OBJECT_MARKER).ok_or(FrameError::NoMarker)?;
    let Some((fingerprint, datum)) = rest.split_first_chunk() else {
        return Err(FrameError::NoFingerprint(value.len()));
    };
    Ok(SingleObject { fingerprint: Fingerprint(*fingerprint), datum })
}

/// Begins a value in single-object encoding: the ten bytes that stand before the datum.
pub fn single_object_header(fingerprint: Fingerprint) -> [u8; SINGLE_OBJECT_LEN] {
    let mut header = [0; SINGLE_OBJECT_LEN];
    let (marker, rest) = header.split_at_mut(SINGLE_OBJECT_MARKER.len());
    marker.copy_from_slice(&SINGLE_OBJECT_MARKER);
    rest.copy_from_slice(&fingerprint.0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_as_it_was_written() {
        let mut value = header(0x0102_0304).to_vec();
        value.extend_from_slice(b"datum");
        assert_eq!(parse(&value), Ok(Frame { schema_id: 0x0102_0304, datum: b"datum" }));
    }

    #[test]
    fn what_is_not_framed_says_how_it_differs() {
        assert_eq!(parse(b""), Err(FrameError::TooShort(0)));
        assert_eq!(parse(b"{\"a\":1}"), Err(FrameError::NoMagic(b'{')));
    }

    #[test]
    fn a_single_object_reads_back_as_it_was_written() {
        let fingerprint = Fingerprint([1, 2, 3, 4, 5, 6, 7, 8]);
        let mut value = single_object_header(fingerprint).to_vec();
        assert_eq!(value, [0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8]);
        value.extend_from_slice(b"datum");
        assert_eq!(parse_single_object(&value), Ok(SingleObject { fingerprint, datum: b"datum" }));
        assert_eq!(fingerprint.to_string(), "0102030405060708");
    }

    #[test]
    fn a_single_object_without_marker_or_fingerprint_says_so() {
        assert_eq!(parse_single_object(&[0xc3, 2, 0, 0]), Err(FrameError::NoMarker));
        assert_eq!(parse_single_object(&[0xc3]), Err(FrameError::NoMarker));
        for cut in 2..SINGLE_OBJECT_LEN {
            let value = &single_object_header(Fingerprint([7; 8]))[..cut];
            assert_eq!(parse_single_object(value), Err(FrameError::NoFingerprint(cut)));
        }
    }
}
