//! The header that every record behind `raw-events` carries.

use crate::{Millis, Origin};

/// Length of the header's value in bytes: epoch (2), partition (4), offset (8), append time (8).
pub const WAYBILL_HEADER_LEN: usize = 22;

/// What travels with an event everywhere: its number and when the broker appended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Waybill {
    /// The waybill number.
    pub origin: Origin,
    /// When the broker appended the event to `raw-events`; milliseconds UTC.
    pub appended_at: Millis,
}

/// The header's value is not 22 bytes of a waybill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a waybill header has {WAYBILL_HEADER_LEN} bytes with partition and offset not negative; this has {0}"
)]
pub struct WaybillHeaderError(usize);

impl Waybill {
    /// The header's value: all numbers big-endian.
    pub fn to_header(self) -> [u8; WAYBILL_HEADER_LEN] {
        let mut header = [0; WAYBILL_HEADER_LEN];
        header[..2].copy_from_slice(&self.origin.epoch.to_be_bytes());
        header[2..6].copy_from_slice(&self.origin.partition.to_be_bytes());
        header[6..14].copy_from_slice(&self.origin.offset.to_be_bytes());
        header[14..].copy_from_slice(&self.appended_at.to_be_bytes());
        header
    }

    /// Reads the header's value.
    pub fn from_header(value: &[u8]) -> Result<Self, WaybillHeaderError> {
        Self::read(value).ok_or(WaybillHeaderError(value.len()))
    }

    fn read(value: &[u8]) -> Option<Self> {
        let (epoch, rest) = value.split_first_chunk()?;
        let (partition, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let appended_at: &[u8; 8] = rest.try_into().ok()?;
        let origin = Origin {
            epoch: u16::from_be_bytes(*epoch),
            partition: i32::from_be_bytes(*partition),
            offset: i64::from_be_bytes(*offset),
        };
        (origin.partition >= 0 && origin.offset >= 0)
            .then_some(Self { origin, appended_at: i64::from_be_bytes(*appended_at) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        let origin = Origin { epoch: 1, partition: 5, offset: i64::MAX };
        let waybill = Waybill { origin, appended_at: 1_795_000_000_123 };
        assert_eq!(Waybill::from_header(&waybill.to_header()), Ok(waybill));
    }

    #[test]
    fn a_header_of_another_length_or_with_negative_numbers_is_refused() {
        let origin = Origin { epoch: 0, partition: -1, offset: 0 };
        let negative = Waybill { origin, appended_at: 0 }.to_header();
        for value in [&[][..], &[0; 21], &[0; 23], &negative] {
            assert!(Waybill::from_header(value).is_err());
        }
    }
}
