//! Days of the window, counted on append times and never on a clock.

use event::Millis;

/// Days since 1970-01-01, UTC.
pub type Day = i32;

const MILLIS_PER_DAY: Millis = 24 * 60 * 60 * 1000;

/// The day in which `appended_at` lies.
pub fn day_of(appended_at: Millis) -> Day {
    let day = appended_at.div_euclid(MILLIS_PER_DAY);
    Day::try_from(day).unwrap_or(if day < 0 { Day::MIN } else { Day::MAX })
}

/// For how long a repeat is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Whole days before the one that is being filled.
    pub days: u16,
}

impl Window {
    /// The day that a message appended at `appended_at` is filed under, where `newest` is the
    /// newest day of the partition so far: a late (redriven) message falls into the newest day,
    /// not into its own, which may have been dropped.
    pub fn today(self, newest: Option<Day>, appended_at: Millis) -> Day {
        let own = day_of(appended_at);
        newest.map_or(own, |newest| newest.max(own))
    }

    /// The oldest day that still counts on the day `today`.
    pub fn oldest(self, today: Day) -> Day {
        today.saturating_sub(Day::from(self.days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc() {
        let cases = [
            (0, 0),
            (MILLIS_PER_DAY - 1, 0),
            (MILLIS_PER_DAY, 1),
            (-1, -1),
            (1_795_000_000_000, 20_775),
            (Millis::MAX, Day::MAX),
            (Millis::MIN, Day::MIN),
        ];
        for (appended_at, day) in cases {
            assert_eq!(day_of(appended_at), day, "{appended_at}");
        }
    }

    #[test]
    fn a_late_message_is_filed_under_the_newest_day_seen() {
        let window = Window { days: 7 };
        assert_eq!(window.today(None, 3 * MILLIS_PER_DAY), 3);
        assert_eq!(window.today(Some(9), 3 * MILLIS_PER_DAY), 9);
        assert_eq!(window.today(Some(2), 3 * MILLIS_PER_DAY), 3);
        assert_eq!(window.oldest(9), 2);
        assert_eq!(window.oldest(Day::MIN), Day::MIN);
    }
}
