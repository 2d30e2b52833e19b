//! The encodings of a value of `raw-events`, and how one is told from another.

use std::fmt;

use serde::Deserialize;

use crate::frame;

/// How a value of `raw-events` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Confluent framing: byte 0, the schema's id, an Avro datum.
    Confluent,
    /// Avro's single-object encoding: bytes C3 01, the schema's fingerprint, an Avro datum.
    SingleObject,
    /// One JSON object.
    Json,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Confluent, Self::SingleObject, Self::Json];

    /// The word that stands for the encoding in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Confluent => "confluent",
            Self::SingleObject => "single-object",
            Self::Json => "json",
        }
    }

    /// The encoding that the first bytes of a value tell; no value tells two. `None`: it begins as
    /// none of them does.
    pub fn of(value: &[u8]) -> Option<Self> {
        let text = value.trim_ascii_start();
        match value {
            [frame::MAGIC, ..] => Some(Self::Confluent),
            _ if value.starts_with(&frame::SINGLE_OBJECT_MARKER) => Some(Self::SingleObject),
            _ if text.starts_with(b"{") => Some(Self::Json),
            _ => None,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confluent => "Confluent framing",
            Self::SingleObject => "Avro single-object encoding",
            Self::Json => "plain JSON",
        })
    }
}

/// The encodings that an operator allows: Confluent framing, which ingest writes, and maybe others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Encoding>")]
pub struct Encodings {
    single_object: bool,
    json: bool,
}

impl Encodings {
    /// Every encoding.
    pub const ALL: Self = Self { single_object: true, json: true };

    /// Whether values may be written so.
    pub const fn allows(self, encoding: Encoding) -> bool {
        match encoding {
            Encoding::Confluent => true,
            Encoding::SingleObject => self.single_object,
            Encoding::Json => self.json,
        }
    }
}

/// A list of encodings without the one that cannot be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("\"confluent\" must be in the list: it is what ingest writes")]
pub struct NoConfluent;

impl TryFrom<Vec<Encoding>> for Encodings {
    type Error = NoConfluent;

    fn try_from(list: Vec<Encoding>) -> Result<Self, NoConfluent> {
        let has = |encoding| list.contains(&encoding);
        if !has(Encoding::Confluent) {
            return Err(NoConfluent);
        }
        Ok(Self { single_object: has(Encoding::SingleObject), json: has(Encoding::Json) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_encoding() {
        let table: [(&[u8], Option<Encoding>); 10] = [
            (&[0], Some(Encoding::Confluent)),
            (&[0, 0xc3, 0x01], Some(Encoding::Confluent)),
            (&[0xc3, 0x01], Some(Encoding::SingleObject)),
            (&[0xc3, 0x02], None),
            (&[0xc3], None),
            (b"{", Some(Encoding::Json)),
            (b" \r\n\t{}", Some(Encoding::Json)),
            (b"[{}]", None),
            (b"\xef\xbb\xbf{}", None),
            (b"", None),
        ];
        for (value, expected) in table {
            assert_eq!(Encoding::of(value), expected, "{value:x?}");
        }
    }

    #[test]
    fn a_list_without_what_ingest_writes_is_refused() {
        let listed = |list: &[Encoding]| Encodings::try_from(list.to_vec());
        assert_eq!(listed(&[Encoding::Confluent]), Ok(Encodings::default()));
        assert_eq!(listed(&Encoding::ALL), Ok(Encodings::ALL));
        assert_eq!(listed(&[Encoding::Json]), Err(NoConfluent));
        assert_eq!(listed(&[]), Err(NoConfluent));
        let json = listed(&[Encoding::Json, Encoding::Confluent]).unwrap();
        let allowed = Encoding::ALL.map(|encoding| json.allows(encoding));
        assert_eq!(allowed, [true, false, true]);
    }

    #[test]
    fn an_encoding_is_configured_by_its_word() {
        for encoding in Encoding::ALL {
            let text = format!("\"{}\"", encoding.word());
            assert_eq!(serde_json::from_str::<Encoding>(&text).unwrap(), encoding);
        }
    }
}
