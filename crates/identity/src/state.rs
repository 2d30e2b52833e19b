//! What the step may ask of the past.

use event::{BusinessEntry, ContextEntry, Fixed16, IdentityState, JournalEntry, SessionEntry};
use pipeline::Halt;

use crate::{Aliases, Day, MessageKey};

/// The past of one partition: all that was emitted before the record in hand, the earlier records
/// of its batch included. `Err` means that it cannot be read now. What is filed by day and out of
/// the window may be there or not: the step does not count it.
pub trait State {
    /// The newest day that anything was filed under: the day of the greatest append time among
    /// what was emitted.
    fn newest_day(&self) -> Result<Option<Day>, Halt>;

    /// The emitted message under this key.
    fn seen(&self, key: MessageKey) -> Result<Option<JournalEntry>, Halt>;

    /// The event that stands for this business key.
    fn told(&self, key: MessageKey) -> Result<Option<BusinessEntry>, Halt>;

    /// The session of a device.
    fn session(&self, device: Fixed16) -> Result<Option<SessionEntry>, Halt>;

    /// What the session of a device can hand down.
    fn context(&self, device: Fixed16) -> Result<Option<ContextEntry>, Halt>;

    /// The users of a device.
    fn device(&self, device: Fixed16) -> Result<Option<IdentityState>, Halt>;

    /// The merges of users, as far as they are known here.
    fn aliases(&self) -> &Aliases;
}
