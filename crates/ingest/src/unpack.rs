//! Content encodings, with bounded memory.

use std::{borrow::Cow, io::Read};

use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;

use crate::refusal::Refusal;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it is.
    Identity,
    /// gzip, RFC 1952.
    Gzip,
}

impl Encoding {
    /// The encoding that the headers name. More than one, or another, is refused.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let (first, further) = (values.next(), values.next());
        let name = first.map_or("", |value| value.to_str().unwrap_or("?").trim());
        match name.to_ascii_lowercase().as_str() {
            _ if further.is_some() => Err(Refusal::UnsupportedEncoding),
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            _ => Err(Refusal::UnsupportedEncoding),
        }
    }

    /// The decoded body, which may have at most `limit` bytes; no more than that is ever held.
    pub(crate) fn decode(self, body: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, Refusal> {
        match self {
            Self::Identity if body.len() > limit => Err(Refusal::BodyTooLarge { limit }),
            Self::Identity => Ok(Cow::Borrowed(body)),
            Self::Gzip => gunzip(body, limit).map(Cow::Owned),
        }
    }
}

fn gunzip(body: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut decoded = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
    MultiGzDecoder::new(body)
        .take(one_more)
        .read_to_end(&mut decoded)
        .map_err(|_| Refusal::UnreadableBody("the body is not the gzip that it claims to be"))?;
    if decoded.len() > limit { Err(Refusal::BodyTooLarge { limit }) } else { Ok(decoded) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn only_gzip_and_nothing_are_taken() {
        let table = [
            (&[][..], Ok(Encoding::Identity)),
            (&["identity"], Ok(Encoding::Identity)),
            (&["gzip"], Ok(Encoding::Gzip)),
            (&[" GZIP "], Ok(Encoding::Gzip)),
            (&["x-gzip"], Ok(Encoding::Gzip)),
            (&["br"], Err(Refusal::UnsupportedEncoding)),
            (&["gzip, gzip"], Err(Refusal::UnsupportedEncoding)),
            (&["gzip", "gzip"], Err(Refusal::UnsupportedEncoding)),
        ];
        for (values, expected) in table {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(Encoding::of(&headers), expected, "{values:?}");
        }
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_limit() {
        let bomb = gzip(&vec![b' '; 20_000_000]);
        assert!(bomb.len() < 40_000);
        let refused = Encoding::Gzip.decode(&bomb, 1_000_000);
        assert_eq!(refused, Err(Refusal::BodyTooLarge { limit: 1_000_000 }));
    }

    #[test]
    fn exactly_the_limit_is_taken() {
        for encoding in [Encoding::Identity, Encoding::Gzip] {
            let encode = |bytes: &[u8]| match encoding {
                Encoding::Identity => bytes.to_vec(),
                Encoding::Gzip => gzip(bytes),
            };
            assert_eq!(encoding.decode(&encode(&[b'x'; 100]), 100).unwrap(), vec![b'x'; 100]);
            assert!(encoding.decode(&encode(&[b'x'; 101]), 100).is_err());
        }
    }

    #[test]
    fn what_is_no_gzip_or_cut_short_is_refused() {
        let whole = gzip(b"{\"batch\":[1]}");
        for body in [&b"{\"batch\":[1]}"[..], b"", &whole[..whole.len() - 1]] {
            let refused = Encoding::Gzip.decode(body, 1000);
            assert!(matches!(refused, Err(Refusal::UnreadableBody(_))), "{body:?}");
        }
    }
}
