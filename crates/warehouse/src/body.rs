//! How the rows of an INSERT travel.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, Read as _, Write as _},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
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
    /// Zstandard frames of level 1.
    Zstd,
}

const ZSTD_LEVEL: i32 = 1;
/// A piece of rows is a block, seldom two.
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

    /// Bytes as a frame of their own; frames one behind the other are the bytes one behind the other. Only a
    /// want of memory can make it fail.
    pub(crate) fn packed(self, bytes: &[u8]) -> io::Result<Bytes> {
        let room = Vec::with_capacity(bytes.len() / USUAL_RATIO);
        match self {
            Self::None => Ok(Bytes::copy_from_slice(bytes)),
            Self::Lz4 => {
                let frame = FrameInfo::new().block_size(LZ4_BLOCK);
                let mut frame = FrameEncoder::with_frame_info(frame, room);
                frame.write_all(bytes)?;
                Ok(frame.finish().map_err(io::Error::from)?.into())
            }
            Self::Zstd => {
                let mut frame = zstd::Encoder::new(room, ZSTD_LEVEL)?;
                frame.set_pledged_src_size(u64::try_from(bytes.len()).ok())?;
                frame.write_all(bytes)?;
                Ok(frame.finish()?.into())
            }
        }
    }

    /// What was [`packed`](Self::packed), in one frame or in several.
    pub(crate) fn unpacked(self, frames: &Bytes) -> io::Result<Bytes> {
        match self {
            Self::None => Ok(frames.clone()),
            Self::Lz4 => {
                let mut bytes = Vec::with_capacity(frames.len() * USUAL_RATIO);
                let mut left = &frames[..];
                while !left.is_empty() {
                    FrameDecoder::new(&mut left).read_to_end(&mut bytes)?;
                }
                Ok(bytes.into())
            }
            Self::Zstd => Ok(zstd::decode_all(&frames[..])?.into()),
        }
    }
}

/// What an INSERT sends, in the pieces in which it was packed: put together they would be copied once more,
/// into as much memory again. Clones share the pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body(VecDeque<Bytes>);

impl Body {
    /// Adds a piece behind the others.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.0.push_back(piece);
        }
    }

    fn length(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// The pieces as one: for whom it is no matter what that costs.
    pub(crate) fn concat(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.length());
        self.0.iter().for_each(|piece| bytes.extend_from_slice(piece));
        bytes.into()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    /// Exact, so that the request has a `Content-Length`.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn what_was_packed_is_unpacked_as_it_was() {
        let long: Vec<u8> =
            (0..200_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
            for bytes in [&long[..], &long[..1], &[]] {
                let packed = compression.packed(bytes).unwrap();
                assert_eq!(compression.unpacked(&packed).unwrap(), bytes, "{compression:?}");
                let twice: Bytes = [&packed[..], &packed[..]].concat().into();
                let expected = [bytes, bytes].concat();
                assert_eq!(compression.unpacked(&twice).unwrap(), expected, "{compression:?}");
            }
        }
    }

    #[test]
    fn a_body_is_its_pieces_one_after_the_other_and_knows_how_long_it_is() {
        let mut body = Body::default();
        for piece in ["one", "", "two", "three"] {
            body.push(Bytes::from_static(piece.as_bytes()));
        }
        let whole = body.concat();
        assert_eq!(whole, "onetwothree");
        let (mut sent, mut left) = (Vec::new(), whole.len());
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
            let piece = frame.unwrap().into_data().unwrap();
            left -= piece.len();
            assert_eq!(body.size_hint().exact(), Some(left as u64));
            assert_eq!(body.is_end_stream(), left == 0);
            sent.extend_from_slice(&piece);
        }
        assert_eq!(sent, whole);
    }
}
