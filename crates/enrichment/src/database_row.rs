//! What is read of a row of a database, and in which layouts: MaxMind's (which DB-IP's files have too),
//! and IPinfo's, whose members are texts.

use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The layouts of [`Row`].
pub(crate) const PLACE: u8 = 0;
pub(crate) const NETWORK: u8 = 1;

/// A member of a row, and the way to its value where it is no text itself.
type Wanted = (&'static str, &'static [&'static str]);

/// As many as any layout wants.
const MOST: usize = 8;

const OF_PLACE: [Wanted; MOST] = [
    ("country", &["iso_code"]),
    ("country_code", &[]),
    ("subdivisions", &["iso_code"]),
    ("region_code", &[]),
    ("region", &[]),
    ("city", &["names", "en"]),
    ("location", &["time_zone"]),
    ("timezone", &[]),
];

const OF_NETWORK: [Wanted; 5] = [
    ("autonomous_system_number", &[]),
    ("autonomous_system_organization", &[]),
    ("asn", &[]),
    ("as_name", &[]),
    ("name", &[]),
];

/// The wanted members of a row, in the order of its layout.
pub(crate) struct Row<'a, const OF: u8>([Option<Value<'a>>; MOST]);

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Number(u64),
}

impl<'a> Value<'a> {
    fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => (!text.is_empty()).then_some(text),
            Self::Number(_) => None,
        }
    }

    /// A number, or the digits behind `AS`.
    fn number(self) -> Option<i64> {
        match self {
            Self::Text(text) => text.strip_prefix("AS")?.parse().ok(),
            Self::Number(number) => i64::try_from(number).ok(),
        }
    }
}

/// Where an address is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PlaceRow<'a> {
    pub(crate) country: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) city: Option<&'a str>,
    pub(crate) timezone: Option<&'a str>,
}

impl<'a> PlaceRow<'a> {
    pub(crate) fn of(Row(values): Row<'a, PLACE>) -> Self {
        let [country, code, subdivision, region_code, region, city, location, timezone] =
            values.map(|value| value.and_then(Value::text));
        let is_code =
            |text: &&str| text.len() == 2 && text.bytes().all(|it| it.is_ascii_uppercase());
        Self {
            country: code.filter(is_code).or(country.filter(is_code)),
            region: subdivision.or(region_code).or(region),
            city,
            timezone: location.or(timezone),
        }
    }
}

/// Whose network an address belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NetworkRow<'a> {
    pub(crate) asn: Option<i64>,
    pub(crate) organisation: Option<&'a str>,
}

impl<'a> NetworkRow<'a> {
    pub(crate) fn of(Row(values): Row<'a, NETWORK>) -> Self {
        let [number, organisation, asn, as_name, name, ..] = values;
        let text = |value: Option<Value<'a>>| value.and_then(Value::text);
        Self {
            asn: number.or(asn).and_then(Value::number),
            organisation: text(organisation).or(text(as_name)).or(text(name)),
        }
    }
}

impl<'de: 'a, 'a, const OF: u8> Deserialize<'de> for Row<'a, OF> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wanted: &[Wanted] = if OF == PLACE { &OF_PLACE } else { &OF_NETWORK };
        deserializer.deserialize_map(Members(wanted)).map(Row)
    }
}

struct Members(&'static [Wanted]);

impl<'de> Visitor<'de> for Members {
    type Value = [Option<Value<'de>>; MOST];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; MOST];
        while let Some(name) = map.next_key::<&str>()? {
            let wanted = self.0.iter().zip(&mut values).find(|((wanted, _), _)| *wanted == name);
            match wanted {
                Some(((_, way), value)) => *value = map.next_value_seed(At(way))?,
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(values)
    }
}

/// The text or number at the end of a way, in the first element of each list on it. Anything else
/// there is an error; nothing there is none.
#[derive(Clone, Copy)]
struct At(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for At {
    type Value = Option<Value<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At {
    type Value = Option<Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, or a map or list with one")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Value::Text(text)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Value::Number(number)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<&str>()? {
            match self.0.split_first() {
                Some((first, rest)) if *first == name => found = map.next_value_seed(At(rest))?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element_seed(self)?.flatten();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }
}
