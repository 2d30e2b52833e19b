//! How a body goes over the wire.

use std::{borrow::Cow, io::Write};

use brotli::enc::BrotliEncoderParams;
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

type Pack = fn(&[u8]) -> Vec<u8>;

/// A content encoding, and who encodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing {
    /// Value of `Content-Encoding`; no header where it is empty.
    pub(crate) name: &'static str,
    /// Encodes the bytes, so that what is made of them by chance gets past the decoder; without it
    /// the bytes themselves are what the decoder gets.
    pack: Option<Pack>,
}

const fn as_it_is(name: &'static str) -> Packing {
    Packing { name, pack: None }
}

const fn packed(name: &'static str, pack: Pack) -> Packing {
    Packing { name, pack: Some(pack) }
}

pub(crate) const PACKINGS: [Packing; 12] = [
    as_it_is(""),
    as_it_is("gzip"),
    as_it_is("deflate"),
    as_it_is("br"),
    as_it_is("zstd"),
    as_it_is("identity"),
    as_it_is("compress"),
    packed("x-gzip", gzip),
    packed("deflate", zlib),
    packed("deflate", deflate),
    packed("br", brotli),
    packed("zstd", zstd),
];

impl Packing {
    /// The bytes that go over the wire.
    pub(crate) fn wire<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        self.pack.map_or(Cow::Borrowed(body), |pack| Cow::Owned(pack(body)))
    }

    /// What the receiver is to understand, where that is known without decoding.
    pub(crate) fn plain<'a>(&self, body: &'a [u8]) -> Option<&'a [u8]> {
        (self.pack.is_some() || matches!(self.name, "" | "identity")).then_some(body)
    }
}

// Writing to a vector cannot fail.

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let _written = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let _written = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let _written = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let params = BrotliEncoderParams { quality: 0, lgwin: 16, ..BrotliEncoderParams::default() };
    let mut packed = Vec::new();
    let _written = brotli::BrotliCompress(&mut &bytes[..], &mut packed, &params);
    packed
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap_or_default()
}
