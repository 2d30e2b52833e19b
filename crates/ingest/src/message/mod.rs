//! From a request's JSON to raw events: pure, without a clock, a socket or a random source.
//!
//! It decides nothing about an event's worth. What fits no field is kept: unknown members in
//! `extra`, members of the wrong type in `malformed`, which validate rejects.

mod batch_times;
mod body;
mod each;
mod fields;
mod mapping;
mod members;
mod oversize;

pub(crate) use batch_times::BatchTimes;
pub(crate) use body::{Body, BodyProblem};
pub(crate) use each::{Line, each};
pub(crate) use mapping::{Arrival, Envelope, GivenId, raw_event};
pub(crate) use oversize::remains_of;
