//! Percentiles.

use std::time::Duration;

/// Of many durations those that a share of them does not exceed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Half.
    pub(crate) p50: Duration,
    /// 95 of 100.
    pub(crate) p95: Duration,
    /// 99 of 100.
    pub(crate) p99: Duration,
    /// All.
    pub(crate) max: Duration,
}

impl Shares {
    pub(crate) fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut all: Vec<Duration> = durations.into_iter().collect();
        all.sort_unstable();
        // The nearest rank: the smallest value that so many do not exceed.
        let at = |percent: usize| {
            let rank = (all.len() * percent).div_ceil(100).max(1);
            all.get(rank - 1).copied().unwrap_or_default()
        };
        Self { p50: at(50), p95: at(95), p99: at(99), max: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_smallest_value_that_so_many_do_not_exceed() {
        let ms = Duration::from_millis;
        let shares = Shares::of((1..=200).rev().map(ms));
        let expected = Shares { p50: ms(100), p95: ms(190), p99: ms(198), max: ms(200) };
        assert_eq!(shares, expected);
        assert_eq!(Shares::of([ms(7)]).p50, ms(7));
        assert_eq!(Shares::of([]), Shares::default());
    }
}
