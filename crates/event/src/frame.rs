//! Confluent framing: byte 0, the schema's id as 4 bytes big-endian, then the Avro datum.

/// Length of the frame before the datum.
pub const FRAME_LEN: usize = 5;

/// A framed value taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Id of the writer's schema in the registry.
    pub schema_id: u32,
    /// The Avro datum.
    pub datum: &'a [u8],
}

/// The value is not in Confluent framing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Fewer than five bytes.
    #[error("the value has {0} bytes; byte 0 and a schema id of 4 bytes are expected in front")]
    TooShort(usize),
    /// The first byte is not 0.
    #[error("the value begins with byte {0:#04x}; 0x00 is expected (Confluent framing)")]
    NoMagic(u8),
}

/// Takes a framed value apart.
pub fn parse(value: &[u8]) -> Result<Frame<'_>, FrameError> {
    let Some((header, datum)) = value.split_first_chunk::<FRAME_LEN>() else {
        return Err(FrameError::TooShort(value.len()));
    };
    let [magic, a, b, c, d] = *header;
    if magic != 0 {
        return Err(FrameError::NoMagic(magic));
    }
    Ok(Frame { schema_id: u32::from_be_bytes([a, b, c, d]), datum })
}

/// Begins a framed value: the five bytes that stand before the datum.
pub fn header(schema_id: u32) -> [u8; FRAME_LEN] {
    let [a, b, c, d] = schema_id.to_be_bytes();
    [0, a, b, c, d]
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
}
