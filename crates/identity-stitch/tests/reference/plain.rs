//! The rule over plain maps that forget nothing.

use std::collections::BTreeMap;

use event::{
    BusinessEntry, ContextEntry, Fixed16, IdentityFacts, IdentityState, JournalEntry, SessionEntry,
};
use identity::{
    Aliases, Changes, Day, MessageKey, Ordered, Rules, State, device_hash, follow, stitch,
};
use pipeline::{Context, Halt, Verdict};
use topology::Topic;

use super::{Fated, Outcome};
use crate::{
    history::{Said, Step},
    wire::Wire,
};

/// The past of one partition. Nothing leaves it: the rule itself must not see what is out of the
/// window.
#[derive(Default)]
pub(crate) struct Plain {
    seen: BTreeMap<MessageKey, JournalEntry>,
    business: BTreeMap<MessageKey, BusinessEntry>,
    sessions: BTreeMap<[u8; 16], SessionEntry>,
    contexts: BTreeMap<[u8; 16], ContextEntry>,
    devices: BTreeMap<[u8; 16], IdentityState>,
    aliases: Aliases,
    newest_day: Option<Day>,
}

impl Plain {
    pub(crate) fn new(aliases: &Aliases) -> Self {
        Self { aliases: aliases.clone(), ..Self::default() }
    }

    pub(crate) fn play(&mut self, wire: &Wire, rules: &Rules, step: &Step) -> Outcome {
        match &step.said {
            Said::Event(event) => {
                let cx = Context { waybill: step.waybill, redriven: false };
                let (verdict, changes) = stitch(event, &cx, rules, self).unwrap();
                let side = side(wire, &changes);
                self.keep(changes);
                Outcome { fate: fate(verdict), side }
            }
            Said::Order(command) => {
                let ordered = follow(command, step.waybill, rules, self).unwrap().unwrap();
                let Ordered { device, link, alias } = ordered;
                let (links, aliases) = (link.into_iter().collect(), alias.into_iter().collect());
                let changes = Changes { device, links, aliases, ..Changes::default() };
                let side = side(wire, &changes);
                self.keep(changes);
                Outcome { fate: Fated::Followed, side }
            }
        }
    }

    fn keep(&mut self, changes: Changes) {
        for entry in changes.seen {
            self.newest_day = self.newest_day.max(Some(entry.day));
            self.seen.insert(MessageKey::from_bytes(entry.key.0), entry);
        }
        self.business.extend(changes.business.map(|it| (MessageKey::from_bytes(it.key.0), it)));
        self.sessions.extend(changes.session.map(|it| (it.device.0, it)));
        self.contexts.extend(changes.context.map(|it| (it.device.0, it)));
        self.devices.extend(changes.device.map(|it| (device_hash(&it.device_key).0, it)));
    }
}

fn side(wire: &Wire, changes: &Changes) -> Vec<(Topic, Vec<u8>)> {
    let link = |link| (Topic::IdentityLinks, wire.encoded(Topic::IdentityLinks, link));
    let alias = |alias| (Topic::IdentityAliases, wire.encoded(Topic::IdentityAliases, alias));
    changes.links.iter().map(link).chain(changes.aliases.iter().map(alias)).collect()
}

fn fate(verdict: Verdict<IdentityFacts>) -> Fated {
    match verdict {
        Verdict::Emit(identity) => Fated::Emitted(Box::new(identity)),
        Verdict::Discard(discarded) => Fated::Dropped {
            word: discarded.reason.word(),
            first: discarded.first.map(|origin| origin.offset),
        },
        Verdict::Reject(rejected) => panic!("{rejected:?}"),
    }
}

impl State for Plain {
    fn newest_day(&self) -> Result<Option<Day>, Halt> {
        Ok(self.newest_day)
    }

    fn seen(&self, key: MessageKey) -> Result<Option<JournalEntry>, Halt> {
        Ok(self.seen.get(&key).cloned())
    }

    fn told(&self, key: MessageKey) -> Result<Option<BusinessEntry>, Halt> {
        Ok(self.business.get(&key).cloned())
    }

    fn session(&self, device: Fixed16) -> Result<Option<SessionEntry>, Halt> {
        Ok(self.sessions.get(&device.0).cloned())
    }

    fn context(&self, device: Fixed16) -> Result<Option<ContextEntry>, Halt> {
        Ok(self.contexts.get(&device.0).cloned())
    }

    fn device(&self, device: Fixed16) -> Result<Option<IdentityState>, Halt> {
        Ok(self.devices.get(&device.0).cloned())
    }

    fn aliases(&self) -> &Aliases {
        &self.aliases
    }
}
