//! How the rows of an INSERT travel.

use std::io::{self, Write as _};

use bytes::Bytes;
use serde::Deserialize;

/// How the rows of an INSERT are compressed on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4 frames.
    #[default]
    Lz4,
    /// Zstandard at level 1.
    Zstd,
}

const ZSTD_LEVEL: i32 = 1;

impl Compression {
    /// What the header `Content-Encoding` says of such a body.
    pub(crate) const fn encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Lz4 => Some("lz4"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The body as it travels. Only a want of memory can make it fail.
    pub(crate) fn packed(self, body: Vec<u8>) -> io::Result<Bytes> {
        match self {
            Self::None => Ok(body.into()),
            Self::Lz4 => {
                let mut frame = lz4_flex::frame::FrameEncoder::new(Vec::new());
                frame.write_all(&body)?;
                Ok(frame.finish().map_err(io::Error::from)?.into())
            }
            Self::Zstd => Ok(zstd::bulk::compress(&body, ZSTD_LEVEL)?.into()),
        }
    }
}
