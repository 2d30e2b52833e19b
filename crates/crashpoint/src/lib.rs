//! Named places at which a test ends or freezes the process: `crashpoint!("after-commit")`.
//!
//! Without the feature `enabled` a point compiles to nothing. With it the variable
//! [`VARIABLE`] gives an order, `[thread/]point:n[=freeze]`: at the n-th time that the thread
//! reaches the point the process ends by SIGKILL, or stops by SIGSTOP until someone continues it. A
//! stage runs on a thread that bears its name, so `validate/after-commit:3` is meant for validate.
//!
//! A crate of its own below everything that has points: `warehouse` and `kafka-runtime` do not
//! know each other, and `telemetry` is about what operators see.

mod order;
mod points;

pub use order::{Act, Order, OrderError};
pub use points::{POINTS, Point, is_named};

/// The environment variable with the order.
pub const VARIABLE: &str = "WAYBILL_CRASH";

/// The environment variable that declares records to be poison: `[thread/]text`. A process that
/// handles a record with this text in its value aborts, as by a bug that no panic handler sees.
pub const POISON: &str = "WAYBILL_POISON";

/// Ends or freezes the process here if a test has ordered so. The name must be one of [`POINTS`];
/// any other does not compile.
#[macro_export]
macro_rules! crashpoint {
    ($name:literal) => {{
        const { assert!($crate::is_named($name), "no such crash point") };
        $crate::hit($name);
    }};
}

/// Whether the order is for this point now. For a place that has to do something before it ends
/// the process with [`act`]; everywhere else [`crashpoint!`] does both.
#[cfg(not(feature = "enabled"))]
#[inline]
pub const fn reached(_point: &str) -> bool {
    false
}

/// Does what the order says.
#[cfg(not(feature = "enabled"))]
#[inline]
pub const fn act(_point: &str) {}

/// Ends the process if a test has declared records with these bytes to be poison.
#[cfg(not(feature = "enabled"))]
#[inline]
pub const fn taste(_bytes: &[u8]) {}

/// What [`crashpoint!`] becomes.
#[cfg(not(feature = "enabled"))]
#[inline]
pub const fn hit(_point: &str) {}

#[cfg(feature = "enabled")]
mod live;
#[cfg(feature = "enabled")]
pub use live::{act, hit, reached, taste};
