//! Values of the store. An emitted message, of which there are most, has big-endian numbers of
//! fixed places; all else is the Avro datum of its record of the changelog.

use event::{
    BusinessEntry, ContextEntry, Fixed16, IdentityState, JournalEntry, Origin, SessionEntry,
    codec::{from_datum, to_datum},
};
use identity::{Day, device_hash};
use serde::de::DeserializeOwned;

use crate::store::{DatedWrite, DeviceWrite, Kind, StoreError};

pub(crate) fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], StoreError> {
    value.try_into().map_err(|_| wrong_length(value))
}

fn wrong_length(value: &[u8]) -> StoreError {
    StoreError::Damaged(format!("a value of {} bytes", value.len()))
}

const ORIGIN_BYTES: usize = 14;

fn origin_bytes(origin: Origin) -> [u8; ORIGIN_BYTES] {
    let mut bytes = [0; ORIGIN_BYTES];
    bytes[..2].copy_from_slice(&origin.epoch.to_be_bytes());
    bytes[2..6].copy_from_slice(&origin.partition.to_be_bytes());
    bytes[6..].copy_from_slice(&origin.offset.to_be_bytes());
    bytes
}

/// Splits an origin off.
fn read_origin(value: &[u8]) -> Option<(Origin, &[u8])> {
    let (epoch, rest) = value.split_first_chunk()?;
    let (partition, rest) = rest.split_first_chunk()?;
    let (offset, rest) = rest.split_first_chunk()?;
    let origin = Origin {
        epoch: u16::from_be_bytes(*epoch),
        partition: i32::from_be_bytes(*partition),
        offset: i64::from_be_bytes(*offset),
    };
    Some((origin, rest))
}

/// A record that is filed under a day.
pub(crate) trait Dated: Sized {
    const KIND: Kind;
    fn key(&self) -> Fixed16;
    fn day(&self) -> Day;
    fn bytes(&self) -> Vec<u8>;
    fn read(key: Fixed16, day: Day, value: &[u8]) -> Result<Self, StoreError>;

    fn write(&self) -> DatedWrite {
        DatedWrite { kind: Self::KIND, key: self.key(), day: self.day(), value: self.bytes() }
    }
}

impl Dated for JournalEntry {
    const KIND: Kind = Kind::Message;

    fn key(&self) -> Fixed16 {
        self.key
    }

    fn day(&self) -> Day {
        self.day
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ORIGIN_BYTES + 8);
        bytes.extend_from_slice(&origin_bytes(self.origin));
        bytes.extend_from_slice(&self.fingerprint.to_be_bytes());
        bytes
    }

    fn read(key: Fixed16, day: Day, value: &[u8]) -> Result<Self, StoreError> {
        let (origin, rest) = read_origin(value).ok_or_else(|| wrong_length(value))?;
        Ok(Self { key, origin, fingerprint: i64::from_be_bytes(exact(rest)?), day })
    }
}

/// Records whose value is their datum.
macro_rules! datums {
    ($($record:ident, $kind:ident, $key:ident;)*) => {
        $(impl Dated for $record {
            const KIND: Kind = Kind::$kind;

            fn key(&self) -> Fixed16 {
                self.$key
            }

            fn day(&self) -> Day {
                self.day
            }

            fn bytes(&self) -> Vec<u8> {
                datum(self)
            }

            fn read(_: Fixed16, _: Day, value: &[u8]) -> Result<Self, StoreError> {
                read_datum(value)
            }
        })*
    };
}

datums! {
    BusinessEntry, Business, key;
    SessionEntry, Session, device;
    ContextEntry, Context, device;
}

fn datum<T: serde::Serialize>(value: &T) -> Vec<u8> {
    // It cannot fail here: the same record is in the changelog already, written by the same code, and a
    // record that has no datum halts the batch there.
    to_datum(value).unwrap_or_default()
}

fn read_datum<T: DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    from_datum(value).map_err(|error| StoreError::Damaged(error.to_string()))
}

pub(crate) fn device_write(device: &IdentityState) -> DeviceWrite {
    DeviceWrite { key: device_hash(&device.device_key), value: Some(datum(device)) }
}

pub(crate) fn device_gone(device: &str) -> DeviceWrite {
    DeviceWrite { key: device_hash(device), value: None }
}

pub(crate) fn read_device(value: &[u8]) -> Result<IdentityState, StoreError> {
    read_datum(value)
}
