//! What a retry does not change of an event.

use std::{fmt, hash::Hasher as _};

use event::{Event, Text};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use siphasher::sip::SipHasher13;

const HASH_KEY: &[u8; 16] = b"waybill/payload1";

/// 64-bit hash of what the event says: type, name, ids, properties and traits. Left out is what
/// a retry may change: times, context, request. The order of members and white space in
/// properties and traits do not count, since a retry may be serialised anew.
pub fn fingerprint<S: Text>(event: &Event<S>) -> i64 {
    let mut hasher = Fields::new(b'e');
    hasher.text(Some(&event.kind));
    for field in [&event.event, &event.name, &event.category] {
        hasher.text(field.as_deref());
    }
    for id in [&event.anonymous_id, &event.user_id, &event.group_id, &event.previous_id] {
        hasher.text(id.as_deref());
    }
    hasher.number(json(&event.properties));
    hasher.number(json(&event.traits));
    hasher.finish().cast_signed()
}

/// Text that is no JSON (validate lets none through) counts as it stands.
fn json(text: &str) -> u64 {
    serde_json::from_str::<Hashed>(text)
        .map_or_else(|_| one(b'?', text.as_bytes()), |hashed| hashed.0)
}

/// Fields one after the other, each with its length in front.
struct Fields(SipHasher13);

impl Fields {
    fn new(kind: u8) -> Self {
        let mut hasher = SipHasher13::new_with_key(HASH_KEY);
        hasher.write(&[kind]);
        Self(hasher)
    }

    fn number(&mut self, number: u64) {
        self.0.write(&number.to_be_bytes());
    }

    fn text(&mut self, text: Option<&str>) {
        self.number(text.map_or(u64::MAX, |text| text.len() as u64));
        self.0.write(text.unwrap_or_default().as_bytes());
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

fn one(kind: u8, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_key(HASH_KEY);
    hasher.write(&[kind]);
    hasher.write(bytes);
    hasher.finish()
}

/// A JSON value's hash, worked out while it is read: no tree is built.
struct Hashed(u64);

impl<'de> Deserialize<'de> for Hashed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HashVisitor).map(Hashed)
    }
}

struct HashVisitor;

impl<'de> DeserializeSeed<'de> for HashVisitor {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for HashVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(one(b'n', b""))
    }

    fn visit_bool<E>(self, value: bool) -> Result<u64, E> {
        Ok(one(b'b', &[u8::from(value)]))
    }

    fn visit_u64<E>(self, value: u64) -> Result<u64, E> {
        Ok(one(b'u', &value.to_be_bytes()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<u64, E> {
        Ok(one(b'i', &value.to_be_bytes()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<u64, E> {
        Ok(one(b'f', &value.to_bits().to_be_bytes()))
    }

    fn visit_str<E>(self, value: &str) -> Result<u64, E> {
        Ok(one(b's', value.as_bytes()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
        let mut hasher = Fields::new(b'[');
        while let Some(item) = items.next_element_seed(HashVisitor)? {
            hasher.number(item);
        }
        Ok(hasher.finish())
    }

    /// A sum does not depend on the order of its terms.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<u64, A::Error> {
        let mut sum = 0_u64;
        let mut count = 0_u64;
        while let Some((name, value)) = members.next_entry_seed(HashVisitor, HashVisitor)? {
            let mut member = Fields::new(b':');
            member.number(name);
            member.number(value);
            sum = sum.wrapping_add(member.finish());
            count += 1;
        }
        let mut hasher = Fields::new(b'{');
        hasher.number(count);
        hasher.number(sum);
        Ok(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_members_and_white_space_do_not_count() {
        let same =
            [r#"{"a":1,"b":{"c":[1,2],"d":null}}"#, r#"{ "b" : {"d":null, "c":[1,2]}, "a":1}"#];
        assert_eq!(json(same[0]), json(same[1]));
    }

    #[test]
    fn every_difference_in_content_counts() {
        let texts = [
            r#"{"a":1,"b":2}"#,
            r#"{"a":2,"b":1}"#,
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":-1}"#,
            r#"{"a":1.5}"#,
            r#"{"a":true}"#,
            r#"{"a":false}"#,
            r#"{"a":null}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[2,1]}"#,
            r#"{"a":{}}"#,
            r#"{"a":[]}"#,
            r#"{"b":1}"#,
            "{}",
            "[]",
            "null",
            r#""""#,
            "",
            "{",
            r#"{"a":1,"a":1}"#,
        ];
        let mut hashes: Vec<_> = texts.iter().map(|text| json(text)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn nesting_beyond_what_the_parser_takes_is_no_crash() {
        let deep = "[".repeat(100_000);
        assert_eq!(json(&deep), json(&deep));
    }
}
