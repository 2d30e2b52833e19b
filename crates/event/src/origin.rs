//! The waybill number.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The waybill number of an event: its position in `raw-events`. Printed as
/// `epoch-partition-offset`, e.g. `0-3-18446`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Epoch of the log: configuration, raised when `raw-events` is created anew.
    #[serde(with = "epoch_as_int")]
    pub epoch: u16,
    /// Partition of `raw-events`.
    pub partition: i32,
    /// Offset in that partition.
    pub offset: i64,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.epoch, self.partition, self.offset)
    }
}

/// The text is not `epoch-partition-offset`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no waybill number: expected epoch-partition-offset, such as 0-3-18446")]
pub struct ParseOriginError(String);

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseOriginError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Origin> {
    let mut parts = text.splitn(3, '-');
    let epoch = parts.next()?.parse().ok()?;
    let partition: i32 = parts.next()?.parse().ok()?;
    let offset: i64 = parts.next()?.parse().ok()?;
    (partition >= 0 && offset >= 0).then_some(Origin { epoch, partition, offset })
}

/// Avro has no unsigned 16-bit integer: the epoch travels as an `int`.
mod epoch_as_int {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(epoch: &u16, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(i32::from(*epoch))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
        let epoch = i32::deserialize(deserializer)?;
        u16::try_from(epoch).map_err(|_| D::Error::custom("epoch is not within 0..=65535"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_what_it_prints() {
        let origin = Origin { epoch: 2, partition: 3, offset: 18_446 };
        assert_eq!(origin.to_string(), "2-3-18446");
        assert_eq!("2-3-18446".parse(), Ok(origin));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_an_example() {
        for text in ["", "0-3", "0-3-", "a-3-1", "0--3-1", "70000-0-1", "0-3-18446-1"] {
            let error = text.parse::<Origin>().unwrap_err();
            assert!(error.to_string().contains("0-3-18446"), "{text}");
        }
    }
}
