//! A batch's changes of what lives for a window, packed into as few records as may be.

use event::{ContextEntry, IdentityJournal, SessionEntry};
use identity::KEY_VERSION;

use crate::overlay::Overlay;

/// A record holds about this many bytes at most: far below what the topic takes, whatever the
/// batch limits are.
const RECORD_BYTES: usize = 1_500_000;
/// Bytes of an emitted message or a business key, at most.
const ENTRY_BYTES: usize = 48;

struct Packing {
    full: Vec<IdentityJournal>,
    open: IdentityJournal,
    bytes: usize,
}

/// The records.
pub(crate) fn packed(overlay: &Overlay) -> Vec<IdentityJournal> {
    let mut packing = Packing { full: Vec::new(), open: fresh(), bytes: 0 };
    for entry in overlay.entries() {
        packing.room(ENTRY_BYTES).entries.push(entry.clone());
    }
    for entry in overlay.business() {
        packing.room(ENTRY_BYTES).business_keys.push(entry.clone());
    }
    for entry in overlay.sessions() {
        packing.room(session_bytes(entry)).sessions.push(entry.clone());
    }
    for entry in overlay.contexts() {
        packing.room(context_bytes(entry)).contexts.push(entry.clone());
    }
    if packing.bytes > 0 {
        packing.full.push(packing.open);
    }
    packing.full
}

impl Packing {
    /// The record that has room for so many bytes more.
    fn room(&mut self, bytes: usize) -> &mut IdentityJournal {
        if self.bytes + bytes > RECORD_BYTES && self.bytes > 0 {
            self.full.push(std::mem::replace(&mut self.open, fresh()));
            self.bytes = 0;
        }
        self.bytes += bytes;
        &mut self.open
    }
}

fn fresh() -> IdentityJournal {
    IdentityJournal { version: KEY_VERSION, ..IdentityJournal::default() }
}

fn session_bytes(entry: &SessionEntry) -> usize {
    entry.id.len() + 2 * ENTRY_BYTES
}

fn context_bytes(entry: &ContextEntry) -> usize {
    let values = entry.values.iter().map(|it| it.field.len() + it.value.len() + ENTRY_BYTES);
    entry.session.len() + ENTRY_BYTES + values.sum::<usize>()
}
