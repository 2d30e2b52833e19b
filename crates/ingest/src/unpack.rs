//! Content encodings, with bounded memory.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use axum::http::{HeaderMap, header};
use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::refusal::Refusal;

/// The largest window that a zstd body may ask for, as a power of two: 8 MB, what RFC 9659 lets
/// every receiver of this content encoding insist on.
const ZSTD_WINDOW_LOG: u32 = 23;
/// How much brotli reads at a time, in bytes.
const BROTLI_BUFFER: usize = 16 * 1024;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it is.
    Identity,
    /// gzip, RFC 1952.
    Gzip,
    /// zlib, RFC 1950; or the bare deflate, RFC 1951, that many send under the same name.
    Deflate,
    /// brotli, RFC 7932.
    Brotli,
    /// zstd, RFC 8878.
    Zstd,
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
            "deflate" => Ok(Self::Deflate),
            "br" => Ok(Self::Brotli),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Refusal::UnsupportedEncoding),
        }
    }

    /// The decoded body, which may have at most `limit` bytes; no more than that is ever held.
    pub(crate) fn decode(self, body: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, Refusal> {
        if self == Self::Identity {
            let fits = body.len() <= limit;
            return if fits { Ok(Cow::Borrowed(body)) } else { Err(too_large(limit)) };
        }
        let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut decoded = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
        let read =
            self.reader(body).and_then(|reader| reader.take(one_more).read_to_end(&mut decoded));
        read.map_err(|_| Refusal::UnreadableBody(self.is_not()))?;
        if decoded.len() > limit { Err(too_large(limit)) } else { Ok(Cow::Owned(decoded)) }
    }

    fn reader(self, body: &[u8]) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Identity => Box::new(body),
            Self::Gzip => Box::new(MultiGzDecoder::new(body)),
            Self::Deflate if has_zlib_header(body) => Box::new(ZlibDecoder::new(body)),
            Self::Deflate => Box::new(DeflateDecoder::new(body)),
            Self::Brotli => Box::new(Decompressor::new(body, BROTLI_BUFFER)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(body)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }

    /// What a body is told that cannot be decoded.
    fn is_not(self) -> &'static str {
        match self {
            Self::Identity => "the body cannot be read",
            Self::Gzip => "the body is not the gzip that it claims to be",
            Self::Deflate => "the body is not the deflate that it claims to be",
            Self::Brotli => "the body is not the br that it claims to be",
            Self::Zstd => "the body is not the zstd that it claims to be",
        }
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::BodyTooLarge { limit }
}

/// RFC 1950, 2.2: the method is 8, and the first two bytes are a multiple of 31.
fn has_zlib_header(body: &[u8]) -> bool {
    let Some(first) = body.first_chunk::<2>() else { return false };
    first[0] & 0x0f == 8 && u16::from_be_bytes(*first).is_multiple_of(31)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;

    /// A name, its encoding, and what encodes that way.
    type Way = (&'static str, Encoding, fn(&[u8]) -> Vec<u8>);

    const WAYS: [Way; 6] = [
        ("", Encoding::Identity, |bytes| bytes.to_vec()),
        ("gzip", Encoding::Gzip, gzip),
        ("deflate", Encoding::Deflate, |bytes| {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }),
        ("deflate", Encoding::Deflate, |bytes| {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }),
        ("br", Encoding::Brotli, |bytes| {
            let (mut packed, params) = (Vec::new(), brotli::enc::BrotliEncoderParams::default());
            brotli::BrotliCompress(&mut &bytes[..], &mut packed, &params).unwrap();
            packed
        }),
        ("zstd", Encoding::Zstd, |bytes| zstd::encode_all(bytes, 19).unwrap()),
    ];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_header_names_one_encoding_or_none() {
        let table = [
            (&[][..], Ok(Encoding::Identity)),
            (&["identity"], Ok(Encoding::Identity)),
            (&[" GZIP "], Ok(Encoding::Gzip)),
            (&["x-gzip"], Ok(Encoding::Gzip)),
            (&["compress"], Err(Refusal::UnsupportedEncoding)),
            (&["gzip, gzip"], Err(Refusal::UnsupportedEncoding)),
            (&["gzip", "gzip"], Err(Refusal::UnsupportedEncoding)),
        ];
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            Encoding::of(&headers)
        };
        for (values, expected) in table {
            assert_eq!(of(values), expected, "{values:?}");
        }
        for (name, encoding, _) in WAYS {
            assert_eq!(of(&[name]), Ok(encoding));
        }
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_limit() {
        for (name, encoding, encode) in WAYS {
            let bomb = encode(&vec![b' '; 20_000_000]);
            let refused = encoding.decode(&bomb, 1_000_000);
            assert_eq!(refused, Err(Refusal::BodyTooLarge { limit: 1_000_000 }), "{name}");
        }
    }

    #[test]
    fn a_zstd_body_that_wants_a_window_of_more_than_8_mb_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(b"{}").unwrap();
        let body = encoder.finish().unwrap();
        let refused = Encoding::Zstd.decode(&body, 1_000);
        assert!(matches!(refused, Err(Refusal::UnreadableBody(_))), "{refused:?}");
    }

    #[test]
    fn exactly_the_limit_is_taken() {
        for (name, encoding, encode) in WAYS {
            assert_eq!(encoding.decode(&encode(&[b'x'; 100]), 100).unwrap(), vec![b'x'; 100]);
            assert!(encoding.decode(&encode(&[b'x'; 101]), 100).is_err(), "{name}");
        }
    }

    #[test]
    fn several_members_of_a_gzip_are_one_body() {
        let two = [gzip(b"{\"batch\":"), gzip(b"[1]}")].concat();
        assert_eq!(*Encoding::Gzip.decode(&two, 100).unwrap(), *b"{\"batch\":[1]}");
    }

    #[test]
    fn what_is_not_what_it_claims_to_be_or_cut_short_is_refused() {
        for (name, encoding, encode) in WAYS.iter().skip(1) {
            let whole = encode(b"{\"batch\":[1,2,3,4,5,6]}");
            for body in [&b"{\"batch\":[1]}"[..], b"", &whole[..whole.len() - 1]] {
                let refused = encoding.decode(body, 1_000);
                let told =
                    matches!(refused, Err(Refusal::UnreadableBody(text)) if text.contains(name));
                assert!(told, "{name}: {body:?}: {refused:?}");
            }
        }
    }
}
