//! An order: where, when, and what to do.

use std::{fmt, str::FromStr};

use crate::points::is_named;

/// What to do at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// End as by SIGKILL.
    Die,
    /// Stop as by SIGSTOP, in the middle of it.
    Freeze,
}

/// `[thread/]point:n[=freeze]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Name of the thread that is meant; any if there is none.
    pub thread: Option<String>,
    /// The point.
    pub point: String,
    /// At which time that it is reached, from 1.
    pub hit: u64,
    /// What to do then.
    pub act: Act,
}

/// A text that is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderError(String);

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no order for a crash: expected [thread/]point:n[=freeze]", self.0)
    }
}

impl std::error::Error for OrderError {}

impl FromStr for Order {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        let parsed = || {
            let (place, hit) = text.rsplit_once(':')?;
            let (hit, act) = match hit.strip_suffix("=freeze") {
                Some(hit) => (hit, Act::Freeze),
                None => (hit, Act::Die),
            };
            let (thread, point) = match place.split_once('/') {
                Some((thread, point)) => (Some(thread.to_owned()), point),
                None => (None, place),
            };
            let hit = hit.parse().ok().filter(|hit| *hit > 0)?;
            is_named(point).then(|| Self { thread, point: point.to_owned(), hit, act })
        };
        parsed().ok_or_else(|| OrderError(text.to_owned()))
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(thread) = &self.thread {
            write!(f, "{thread}/")?;
        }
        let act = if self.act == Act::Freeze { "=freeze" } else { "" };
        write!(f, "{}:{}{act}", self.point, self.hit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reads_what_it_prints() {
        for text in ["after-commit:1", "validate/after-commit:3", "enrich/mid-send:20=freeze"] {
            assert_eq!(text.parse::<Order>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_names_no_point_or_no_time_is_refused() {
        for text in ["", "after-commit", "after-commit:0", "after-lunch:1", "after-commit:1=stop"] {
            assert!(text.parse::<Order>().is_err(), "{text}");
        }
    }
}
