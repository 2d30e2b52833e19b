//! How the rows of an INSERT travel.

use std::io;

use bytes::Bytes;
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
use serde::Deserialize;

use crate::RowBytes;

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
const LZ4_BLOCK: BlockSize = BlockSize::Max256KB;
/// Most rows become smaller by at least so much.
const USUAL_RATIO: usize = 4;

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
    pub(crate) fn packed(self, rows: &[RowBytes]) -> io::Result<Bytes> {
        let length = rows.iter().map(|row| row.as_bytes().len()).sum();
        match self {
            Self::None => {
                let mut body = Vec::with_capacity(length);
                write_rows(rows, &mut body)?;
                Ok(body.into())
            }
            Self::Lz4 => {
                let frame = FrameInfo::new().block_size(LZ4_BLOCK);
                let body = Vec::with_capacity(length / USUAL_RATIO);
                let mut frame = FrameEncoder::with_frame_info(frame, body);
                write_rows(rows, &mut frame)?;
                Ok(frame.finish().map_err(io::Error::from)?.into())
            }
            Self::Zstd => {
                let body = Vec::with_capacity(length / USUAL_RATIO);
                let mut frame = zstd::Encoder::new(body, ZSTD_LEVEL)?;
                frame.set_pledged_src_size(u64::try_from(length).ok())?;
                write_rows(rows, &mut frame)?;
                Ok(frame.finish()?.into())
            }
        }
    }
}

fn write_rows(rows: &[RowBytes], out: &mut impl io::Write) -> io::Result<()> {
    rows.iter().try_for_each(|row| out.write_all(row.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use lz4_flex::frame::FrameDecoder;

    use super::*;
    use crate::{Row, RowWriter, rows::columns};

    /// A row that is nothing but a text.
    struct Text(String);

    impl Row for Text {
        const TABLE: &'static str = "texts";
        const FORMAT: u16 = 1;
        columns! { "text" => |row, out| out.text(&row.0) }
    }

    #[test]
    fn whatever_the_compression_the_body_is_the_rows_one_after_the_other() {
        let texts: Vec<Text> = (0..20_000).map(|number| Text(format!("row {number}"))).collect();
        let mut writer = RowWriter::default();
        for rows in [&texts[..], &texts[..1], &[]] {
            let rows: Vec<RowBytes> = rows.iter().map(|row| writer.write(row)).collect();
            let expected: Vec<u8> = rows.iter().flat_map(|row| row.as_bytes().to_vec()).collect();
            assert_eq!(Compression::None.packed(&rows).unwrap(), expected);
            let packed = Compression::Zstd.packed(&rows).unwrap();
            assert_eq!(zstd::decode_all(&packed[..]).unwrap(), expected);
            let packed = Compression::Lz4.packed(&rows).unwrap();
            let mut read = Vec::new();
            FrameDecoder::new(&packed[..]).read_to_end(&mut read).unwrap();
            assert_eq!(read, expected);
        }
    }
}
