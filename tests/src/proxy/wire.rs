//! What is read at once, and what it says.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Aim;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const CHUNK: usize = 16 * 1024;
/// More than any message of ours; a length above it is no Kafka.
const LARGEST_FRAME: usize = 64 * 1024 * 1024;

/// The protocol that goes through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Frames: a length of 4 bytes, then that much.
    Kafka,
    /// Whatever comes.
    Http,
}

impl Wire {
    /// The next piece: a whole frame of Kafka, some bytes of HTTP; `None` at the end.
    pub(super) async fn piece(
        self,
        from: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Kafka => frame(from).await,
            Self::Http => {
                let mut chunk = vec![0; CHUNK];
                let length = from.read(&mut chunk).await?;
                chunk.truncate(length);
                Ok((length > 0).then_some(chunk))
            }
        }
    }

    pub(super) fn matches(self, aim: Aim, request: &[u8]) -> bool {
        match aim {
            Aim::Any => true,
            Aim::Kafka(api) => self == Self::Kafka && number(request, 4) == Some(api.to_be_bytes()),
            Aim::Text(text) => request.windows(text.len()).any(|window| window == text.as_bytes()),
        }
    }

    /// How long the request is that begins like this; `None` if it has not said yet.
    pub(super) fn length(self, begun: &[u8]) -> Option<usize> {
        if self == Self::Kafka {
            return Some(begun.len());
        }
        let head = begun.windows(END_OF_HEAD.len()).position(|it| it == END_OF_HEAD)?;
        let text = String::from_utf8_lossy(&begun[..head]).to_lowercase();
        let body = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let body = body.map_or(Some(0), |length| length.trim().parse().ok())?;
        Some(head + END_OF_HEAD.len() + body)
    }

    /// What a request and its reply have in common: Kafka's correlation id. HTTP needs none.
    pub(super) fn correlation(self, piece: &[u8], is_request: bool) -> Option<i32> {
        match self {
            Self::Kafka => number(piece, if is_request { 8 } else { 4 }).map(i32::from_be_bytes),
            Self::Http => Some(0),
        }
    }
}

async fn frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let size = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if size > LARGEST_FRAME {
        return Err(io::Error::other("no frame of Kafka"));
    }
    let mut frame = length.to_vec();
    frame.resize(4 + size, 0);
    from.read_exact(&mut frame[4..]).await?;
    Ok(Some(frame))
}

fn number<const N: usize>(piece: &[u8], at: usize) -> Option<[u8; N]> {
    piece.get(at..at + N)?.try_into().ok()
}
