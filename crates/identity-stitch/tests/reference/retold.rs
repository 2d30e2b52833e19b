//! The rules for repeats, business keys and sessions, said again over plain maps, with ids instead
//! of hashes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use event::{BusinessKey, EnrichedEvent};

use super::{Fated, Outcome};
use crate::{
    history::{Said, Step},
    world::DAY_MS,
};

const WINDOW: i64 = 7;
const GAP: i64 = 30 * 60_000;

/// What must be true of an event; who the person is stands elsewhere.
#[derive(Debug, PartialEq)]
enum Expected {
    Dropped { word: &'static str, first: Option<i64> },
    Emitted(Facts),
}

#[derive(Debug, Default, PartialEq)]
struct Facts {
    flags: BTreeSet<String>,
    supersedes: Option<String>,
    told_first: Option<String>,
    /// Id, number, beginning.
    session: Option<(String, Option<i32>, i64)>,
    /// Field, value, origin.
    inherited: BTreeSet<(String, String, String)>,
}

#[derive(Default)]
pub(crate) struct Retold {
    newest: i64,
    /// Message → first origin and payload, and the day that it is filed under.
    firsts: HashMap<String, (i64, String, i64)>,
    /// Emitted beside a first: (message, payload) → origin, day.
    others: HashMap<(String, String), (i64, i64)>,
    /// Business key → origin, rank, day.
    told: HashMap<String, (i64, i32, i64)>,
    sessions: HashMap<String, Session>,
}

#[derive(Clone, Default)]
struct Session {
    id: String,
    number: i32,
    start: i64,
    last: i64,
    day: i64,
    minute: i64,
    count: i32,
    /// Field → value and origin, of what the session knows.
    context: BTreeMap<&'static str, (String, String)>,
    context_day: i64,
}

impl Retold {
    /// Whether this is what must come of the record; an `Err` says what should have.
    pub(crate) fn check(&mut self, step: &Step, outcome: &Outcome) -> Result<(), String> {
        let Said::Event(event) = &step.said else { return Ok(()) };
        let expected = self.judge(step, event);
        let found = match &outcome.fate {
            Fated::Followed => return Err("an event is no order".to_owned()),
            Fated::Dropped { word, first } => Expected::Dropped { word, first: *first },
            Fated::Emitted(facts) => Expected::Emitted(Facts {
                flags: facts.flags.iter().cloned().collect(),
                supersedes: facts.supersedes.clone(),
                told_first: facts.told_first.clone(),
                session: facts.session.as_ref().map(|it| (it.id.clone(), it.number, it.started_at)),
                inherited: facts
                    .inherited
                    .iter()
                    .map(|it| (it.field.clone(), it.value.clone(), it.origin.clone()))
                    .collect(),
            }),
        };
        if found == expected { Ok(()) } else { Err(format!("{found:?} is not {expected:?}")) }
    }

    fn judge(&mut self, step: &Step, event: &EnrichedEvent) -> Expected {
        let origin = step.waybill.origin.offset;
        let today = self.newest.max(step.waybill.appended_at / DAY_MS);
        let oldest = today - WINDOW;
        let (message, payload) = (event.event.message_id.clone(), event.event.properties.clone());
        let first = self.firsts.get(&message).filter(|first| first.2 >= oldest).cloned();
        if let Some(dropped) = self.repeat((&message, &payload), origin, oldest, first.as_ref()) {
            return dropped;
        }
        let mut facts = Facts::default();
        if let Some(business) = &event.validation.business_key
            && let Some(dropped) = self.tell(business, step, today, &mut facts)
        {
            return dropped;
        }
        if let Some((first_origin, first_payload, _)) = first {
            facts.flags.insert("same-id-other-payload".to_owned());
            self.others.insert((message.clone(), payload), (origin, today));
            self.firsts.insert(message, (first_origin, first_payload, today));
        } else {
            self.firsts.insert(message, (origin, payload, today));
        }
        self.newest = today;
        self.visit(step, event, today, &mut facts);
        Expected::Emitted(facts)
    }

    fn repeat(
        &self,
        (message, payload): (&str, &str),
        origin: i64,
        oldest: i64,
        first: Option<&(i64, String, i64)>,
    ) -> Option<Expected> {
        let (first_origin, first_payload, _) = first?;
        let others: Vec<_> =
            self.others.iter().filter(|((of, _), it)| of == message && it.1 >= oldest).collect();
        if *first_origin == origin || others.iter().any(|(_, it)| it.0 == origin) {
            return Some(Expected::Dropped { word: "already-emitted", first: None });
        }
        let same = others.iter().find(|((_, of), _)| of == payload).map(|(_, it)| it.0);
        let first = if first_payload == payload { Some(*first_origin) } else { same };
        first.map(|first| Expected::Dropped { word: "repeat", first: Some(first) })
    }

    fn tell(
        &mut self,
        business: &BusinessKey,
        step: &Step,
        today: i64,
        facts: &mut Facts,
    ) -> Option<Expected> {
        let origin = step.waybill.origin.offset;
        let oldest = today - i64::from(business.window_days).min(WINDOW);
        let before = self.told.get(&business.key).filter(|told| told.2 >= oldest).copied();
        let printed = |origin: i64| Some(format!("0-{}-{origin}", step.partition()));
        match before {
            Some((first, _, _)) if first == origin => {
                return Some(Expected::Dropped { word: "already-emitted", first: None });
            }
            Some((first, rank, _)) if rank <= business.rank => {
                if business.on_repeat == "discard" {
                    return Some(Expected::Dropped { word: "told-before", first: Some(first) });
                }
                facts.flags.insert("told-before".to_owned());
                facts.told_first = printed(first);
                return None;
            }
            Some((first, _, _)) => facts.supersedes = printed(first),
            None => {}
        }
        self.told.insert(business.key.clone(), (origin, business.rank, today));
        None
    }

    fn visit(&mut self, step: &Step, event: &EnrichedEvent, today: i64, facts: &mut Facts) {
        let time = event.event.timestamp;
        let sent = event.event.context.split('"').nth(3).map(str::to_owned);
        let named = sent.clone().map(|id| (id, None, time));
        let at_home = event.validation.business_key.is_none();
        let Some(device) = event.event.anonymous_id.clone().filter(|_| at_home) else {
            facts.session = named;
            return;
        };
        let is_server = event.event.source_kind == "server";
        let before = self.sessions.get(&device).filter(|it| it.day >= today - WINDOW).cloned();
        let is_its = before.as_ref().is_some_and(|it| match &sent {
            Some(id) => it.id == *id,
            None => (it.start - GAP..=it.last + GAP).contains(&time),
        });
        let is_late = before.as_ref().is_some_and(|it| match &sent {
            Some(_) => !is_server && time < it.start,
            None => time < it.start - GAP,
        });
        if !is_its && (is_late || is_server) {
            facts.session = named;
            facts.flags.extend(is_late.then(|| "late-for-session".to_owned()));
            return;
        }
        let mut session = before.unwrap_or_default();
        if !is_its {
            let id = sent.unwrap_or_else(|| step.waybill.origin.to_string());
            (session.id, session.number) = (id, session.number + 1);
            (session.start, session.last) = (time, time);
            session.context.clear();
        } else if !is_server {
            session.start = session.start.min(time);
            session.last = session.last.max(time);
        }
        session.day = today;
        facts.flags.extend(session.counts(step, event).then(|| "device-rate".to_owned()));
        session.hand_down(step, event, today, facts);
        facts.session = Some((session.id.clone(), Some(session.number), session.start));
        self.sessions.insert(device, session);
    }
}

impl Session {
    fn counts(&mut self, step: &Step, event: &EnrichedEvent) -> bool {
        let Some(limit) = event.enrichment.bot.rate_limit else { return false };
        let minute = step.waybill.appended_at / 60_000;
        if minute > self.minute {
            (self.minute, self.count) = (minute, 0);
        }
        self.count += 1;
        self.count > limit
    }

    fn hand_down(&mut self, step: &Step, event: &EnrichedEvent, today: i64, facts: &mut Facts) {
        let tells = [
            ("page_url", event.enrichment.page.as_ref().map(|it| it.url.clone())),
            ("browser", event.enrichment.user_agent.as_ref().and_then(|it| it.browser.clone())),
        ];
        let inherits = !event.validation.inheritable.is_empty();
        let knows = |field: &str| self.context.contains_key(field);
        let is_asked = tells.iter().any(|(field, value)| match value {
            Some(_) => !knows(field),
            None => inherits && knows(field),
        });
        if !is_asked {
            return;
        }
        if self.context_day < today - WINDOW {
            self.context.clear();
        }
        let origin = step.waybill.origin.to_string();
        for (field, value) in tells {
            match (value, self.context.get(field).cloned()) {
                (None, Some((value, origin))) if inherits => {
                    facts.inherited.insert((field.to_owned(), value, origin));
                }
                (Some(value), None) => {
                    self.context.insert(field, (value, origin.clone()));
                    self.context_day = today;
                }
                _ => {}
            }
        }
    }
}
