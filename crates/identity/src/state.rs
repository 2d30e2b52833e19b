//! What the step may ask of the past.

use event::{IdentityState, Millis, Origin};
use pipeline::Halt;

use crate::{Day, MessageKey};

/// An emitted message, as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The occurrence that was emitted.
    pub origin: Origin,
    /// Its payload's [`fingerprint`](crate::fingerprint).
    pub fingerprint: i64,
    /// The day that it is filed under.
    pub day: Day,
}

/// The user of a device now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLink {
    /// The user.
    pub user_id: String,
    /// The event that made the link.
    pub cause: Origin,
    /// Event time of the cause; milliseconds UTC.
    pub event_time: Millis,
    /// How often a link named another user than the one of the time, plus one: an upper bound of
    /// the number of different users.
    pub users: i32,
}

impl From<IdentityState> for DeviceLink {
    fn from(state: IdentityState) -> Self {
        let IdentityState { device_key: _, user_id, cause, event_time, users } = state;
        Self { user_id, cause, event_time, users }
    }
}

/// The past of one partition: all that was emitted before the record in hand, the earlier records
/// of its batch included. `Err` means that it cannot be read now.
pub trait State {
    /// The newest entry under this key. One of a day that is out of the window may be there or
    /// not: the step does not count it.
    fn seen(&self, key: &MessageKey) -> Result<Option<Seen>, Halt>;

    /// The newest day that anything was filed under: the day of the greatest append time among
    /// what was emitted.
    fn newest_day(&self) -> Result<Option<Day>, Halt>;

    /// The user of this device.
    fn user_of(&self, device: &str) -> Result<Option<DeviceLink>, Halt>;
}
