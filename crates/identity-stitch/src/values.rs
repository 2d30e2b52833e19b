//! Values of the store on disk: big-endian numbers of fixed places, then text.

use event::Origin;
use identity::{DeviceLink, PersonId};

use crate::store::StoreError;

pub(crate) fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], StoreError> {
    value.try_into().map_err(|_| wrong_length(value))
}

fn wrong_length(value: &[u8]) -> StoreError {
    StoreError::Damaged(format!("a value of {} bytes", value.len()))
}

/// Devices are looked up by the 16 bytes of their person: an id may be longer than a key can be.
pub(crate) fn device_key(device: &str) -> [u8; 16] {
    PersonId::of_anonymous(device).to_bytes()
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

pub(crate) fn seen_bytes(origin: Origin, fingerprint: i64) -> [u8; ORIGIN_BYTES + 8] {
    let mut bytes = [0; ORIGIN_BYTES + 8];
    bytes[..ORIGIN_BYTES].copy_from_slice(&origin_bytes(origin));
    bytes[ORIGIN_BYTES..].copy_from_slice(&fingerprint.to_be_bytes());
    bytes
}

pub(crate) fn read_seen(value: &[u8]) -> Result<(Origin, i64), StoreError> {
    let (origin, rest) = read_origin(value).ok_or_else(|| wrong_length(value))?;
    Ok((origin, i64::from_be_bytes(exact(rest)?)))
}

pub(crate) fn link_bytes(link: &DeviceLink) -> Vec<u8> {
    let mut bytes = origin_bytes(link.cause).to_vec();
    bytes.extend_from_slice(&link.event_time.to_be_bytes());
    bytes.extend_from_slice(&link.users.to_be_bytes());
    bytes.extend_from_slice(link.user_id.as_bytes());
    bytes
}

pub(crate) fn read_link(value: &[u8]) -> Result<DeviceLink, StoreError> {
    let parts = || {
        let (cause, rest) = read_origin(value)?;
        let (event_time, rest) = rest.split_first_chunk()?;
        let (users, user_id) = rest.split_first_chunk()?;
        Some(DeviceLink {
            user_id: String::from_utf8(user_id.to_vec()).ok()?,
            cause,
            event_time: i64::from_be_bytes(*event_time),
            users: i32::from_be_bytes(*users),
        })
    };
    parts().ok_or_else(|| wrong_length(value))
}
