//! Where the state is filed, and under which keys.

use std::fmt;

use event::Fixed16;
use identity::Day;

use crate::store::Kind;

/// A keyspace of the database. Prints as its name, such as `day-20775`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// What lives for ever.
    Devices,
    /// What was filed under a day.
    Day(Day),
}

const DEVICES: &str = "devices";
const DAY_PREFIX: &str = "day-";

impl Place {
    /// Reads a keyspace's name; `None` if it is no place.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if name == DEVICES {
            return Some(Self::Devices);
        }
        name.strip_prefix(DAY_PREFIX)?.parse().ok().map(Self::Day)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Devices => f.write_str(DEVICES),
            Self::Day(day) => write!(f, "{DAY_PREFIX}{day}"),
        }
    }
}

/// A key as it is stored: a byte for the kind, then the key.
pub(crate) type Key = [u8; 17];

pub(crate) fn dated_key(kind: Kind, key: Fixed16) -> Key {
    stored(
        match kind {
            Kind::Message => b'm',
            Kind::Business => b'b',
            Kind::Session => b's',
            Kind::Context => b'c',
        },
        key,
    )
}

pub(crate) fn device_key(key: Fixed16) -> Key {
    stored(b'd', key)
}

fn stored(kind: u8, key: Fixed16) -> Key {
    let mut bytes = [kind; 17];
    bytes[1..].copy_from_slice(&key.0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_the_name_that_it_prints_and_other_names_are_none() {
        for place in [Place::Devices, Place::Day(0), Place::Day(-3), Place::Day(Day::MAX)] {
            assert_eq!(Place::named(&place.to_string()), Some(place));
        }
        for name in ["meta", "", "day-", "day-x", "devicesx"] {
            assert_eq!(Place::named(name), None, "{name}");
        }
    }
}
