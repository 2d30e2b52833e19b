//! An order to forget a person.

use event::{ContextEntry, ErasedIds, Fixed16, IdentityState, SessionEntry};
use pipeline::Halt;

use crate::{
    Day, State,
    device::{present, without},
    user_hash,
};

/// [`IdentityCommand::action`](event::IdentityCommand::action) of such an order.
pub const ERASE: &str = "erase";

/// What an order to forget changes in one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Devices of which nothing is kept.
    pub forgotten: Vec<String>,
    /// Devices of other people, without the person's users.
    pub devices: Vec<IdentityState>,
    /// In the place of what was filed under a day and cannot be taken out before it leaves the
    /// window: sessions without an id, which count as none.
    pub sessions: Vec<SessionEntry>,
    /// Context without values.
    pub contexts: Vec<ContextEntry>,
    /// Users of whom nothing is to be known that another stands for them, or they for another:
    /// the id that is replaced, and the other.
    pub aliases: Vec<(String, String)>,
}

/// Forgets in the partition of `state` whatever it knows of these ids. The order goes to all
/// partitions, since hashes do not tell where a device is at home; what is not there is no change.
pub fn erase(ids: &ErasedIds, state: &dyn State) -> Result<Erased, Halt> {
    let is_erased = |user: &str| ids.users.contains(&user_hash(user));
    let mut erased = Erased::default();
    for device in &ids.devices {
        erased.forgotten.extend(state.device(*device)?.map(|it| it.device_key));
        erased.blank(*device, state)?;
    }
    for device in &ids.shared_devices {
        let Some(known) = state.device(*device)? else { continue };
        if present(&known).is_some_and(|user| is_erased(&user.user_id)) {
            erased.blank(*device, state)?;
        }
        erased.devices.extend(without(&known, is_erased));
    }
    let pairs = state.aliases().pairs();
    let hers = pairs.filter(|(previous, user)| is_erased(previous) || is_erased(user));
    erased.aliases = hers.map(|(previous, user)| (previous.to_owned(), user.to_owned())).collect();
    Ok(erased)
}

impl Erased {
    /// Puts nothing in the place of the session of a device and of what it can hand down. Filed
    /// under the newest day it goes before all that is remembered.
    fn blank(&mut self, device: Fixed16, state: &dyn State) -> Result<(), Halt> {
        let Some(day) = state.newest_day()? else { return Ok(()) };
        if state.session(device)?.is_some_and(|it| !it.id.is_empty()) {
            self.sessions.push(no_session(device, day));
        }
        if state.context(device)?.is_some_and(|it| !it.values.is_empty()) {
            self.contexts.push(ContextEntry {
                device,
                session: String::new(),
                values: Vec::new(),
                day,
            });
        }
        Ok(())
    }
}

fn no_session(device: Fixed16, day: Day) -> SessionEntry {
    SessionEntry {
        device,
        id: String::new(),
        sent: false,
        number: 0,
        started_at: 0,
        last_at: 0,
        minute: 0,
        count: 0,
        known: 0,
        day,
    }
}
