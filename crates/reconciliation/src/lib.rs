//! Set arithmetic over origins: what came in, what arrived, what is missing by name.
//!
//! [`Books`] takes down what the headers of every record say. A [`Barrier`] proves that a span of
//! `raw-events` has gone through every stage, so that what has no fate is *missing* and not only
//! late. [`reconcile`] compares the books with what the warehouse holds; an [`Expiry`] says which of
//! what is missing a stage gave up. Nothing here touches a
//! clock, a socket or a thread, and nothing here is shared with the stages.

mod barrier;
mod books;
mod dead_letters;
mod entry;
mod expiry;
mod hour;
mod origin_set;
mod verdict;

pub use barrier::{Barrier, Ends, Holder, Progress, Standing};
pub use books::Books;
pub use entry::{Entry, Reason, Strangeness, Stranger};
pub use expiry::{Expired, Expiry, Skip};
pub use hour::{Hour, Span};
pub use origin_set::OriginSet;
pub use verdict::{Lost, Verdict, WarehouseView, reconcile};
