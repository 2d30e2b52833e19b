//! Hours of append time and spans of offsets.

use std::{collections::BTreeMap, ops::Range};

use event::Millis;

const HOUR_MILLIS: Millis = 3_600_000;

/// An hour of append time, as whole hours since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hour(pub i64);

impl Hour {
    /// The hour that this moment falls in.
    pub const fn of(moment: Millis) -> Self {
        Self(moment.div_euclid(HOUR_MILLIS))
    }

    /// Its first millisecond.
    pub const fn start(self) -> Millis {
        self.0.saturating_mul(HOUR_MILLIS)
    }

    /// The first millisecond after it.
    pub const fn end(self) -> Millis {
        self.start().saturating_add(HOUR_MILLIS)
    }
}

/// A span of `raw-events`: a range of offsets for each partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// Epoch of the log.
    pub epoch: u16,
    /// For each partition the offsets, end exclusive.
    pub offsets: BTreeMap<i32, Range<i64>>,
    /// The hour that the span is, if it is one. What has no origin belongs to the hour of its own
    /// record's time.
    pub hour: Option<Hour>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_belongs_to_the_hour_that_began_at_or_before_it() {
        for (moment, hour) in [(0, 0), (3_599_999, 0), (3_600_000, 1), (-1, -1)] {
            assert_eq!(Hour::of(moment), Hour(hour));
        }
        assert_eq!(Hour(2).start()..Hour(2).end(), 7_200_000..10_800_000);
    }
}
