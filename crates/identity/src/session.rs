//! Sessions of a device: as sent, else by inactivity; and what they hand down.

use event::{
    ContextEntry, EnrichedEvent, Fixed16, Inherited, Millis, Origin, SessionEntry, SessionFacts,
    Text, Waybill,
};
use pipeline::Halt;
use serde::Deserialize;

use crate::{Day, Rules, context, repeat::Past};

/// The flag of an event that is older than the session of its device now.
pub const FLAG_LATE: &str = "late-for-session";
/// The flag of an event of a device that sends more in a minute than its source expects of one.
pub const FLAG_RATE: &str = "device-rate";

const MINUTE: Millis = 60_000;
/// A longer id that was sent is none.
const LONGEST_ID: usize = 128;
const SERVER: &str = "server";

/// What an event is to its device's session, and what changes of it.
#[derive(Default)]
pub(crate) struct Visit {
    pub(crate) facts: Option<SessionFacts>,
    pub(crate) inherited: Vec<Inherited>,
    pub(crate) flags: Vec<String>,
    pub(crate) session: Option<SessionEntry>,
    /// Whether it begins with this event.
    pub(crate) begins: bool,
    pub(crate) context: Option<ContextEntry>,
}

/// The session that the sender names, of an event whose device is not at home here.
pub(crate) fn named<S: Text>(event: &EnrichedEvent<S>) -> Option<SessionFacts> {
    sent_id(&event.event.context).map(|id| as_sent(id, event.event.timestamp))
}

/// A session of which no more is known than that the sender named it.
fn as_sent(id: String, started_at: Millis) -> SessionFacts {
    SessionFacts { id, basis: "sent".to_owned(), number: None, started_at }
}

/// Puts the event into the session of its device, which is at home here.
pub(crate) fn visit<S: Text>(
    event: &EnrichedEvent<S>,
    waybill: Waybill,
    device: Fixed16,
    rules: &Rules,
    past: &Past<'_>,
) -> Result<Visit, Halt> {
    // One without an id was erased.
    let is_known = |it: &SessionEntry| it.day >= past.oldest && !it.id.is_empty();
    let before = past.state.session(device)?.filter(is_known);
    let moment = Moment { event, origin: waybill.origin, device, gap: rules.session_gap };
    let mut visit = Visit::default();
    let mut session = match moment.place(before.as_ref()) {
        Place::Elsewhere(facts) => {
            visit.facts = facts;
            return Ok(visit);
        }
        Place::Earlier(facts) => {
            visit.facts = facts;
            visit.flags.push(FLAG_LATE.to_owned());
            return Ok(visit);
        }
        Place::In(session) => session,
    };
    session.day = past.today;
    visit.begins = before.as_ref().is_none_or(|it| it.number != session.number);
    count(&mut session, event, waybill, &mut visit.flags);
    hand_down(&mut session, &moment, past, &mut visit)?;
    visit.facts = Some(facts(&session));
    visit.session = (before.as_ref() != Some(&session)).then_some(session);
    Ok(visit)
}

fn facts(session: &SessionEntry) -> SessionFacts {
    SessionFacts {
        id: session.id.clone(),
        basis: if session.sent { "sent" } else { "derived" }.to_owned(),
        number: Some(session.number),
        started_at: session.started_at,
    }
}

enum Place {
    /// A server's event that is of no session of the device, as far as is known.
    Elsewhere(Option<SessionFacts>),
    /// An event of a session before the one that is remembered.
    Earlier(Option<SessionFacts>),
    In(SessionEntry),
}

struct Moment<'a, S> {
    event: &'a EnrichedEvent<S>,
    origin: Origin,
    device: Fixed16,
    gap: Millis,
}

impl<S: Text> Moment<'_, S> {
    fn time(&self) -> Millis {
        self.event.event.timestamp
    }

    /// A server's event belongs to a session that is there, and neither begins nor prolongs one:
    /// a renewal at night is no visit.
    fn is_server(&self) -> bool {
        *self.event.event.source_kind == *SERVER
    }

    fn place(&self, before: Option<&SessionEntry>) -> Place {
        match (sent_id(&self.event.event.context), before) {
            (Some(id), Some(now)) if now.id == id => Place::In(self.going_on(now)),
            (Some(id), _) if self.is_server() => Place::Elsewhere(Some(as_sent(id, self.time()))),
            (Some(id), Some(now)) if self.time() < now.started_at => {
                Place::Earlier(Some(as_sent(id, self.time())))
            }
            (Some(id), before) => Place::In(self.new_session(Some(id), before)),
            (None, Some(now)) if self.time() < now.started_at.saturating_sub(self.gap) => {
                Place::Earlier(None)
            }
            (None, Some(now)) if self.time() <= now.last_at.saturating_add(self.gap) => {
                Place::In(self.going_on(now))
            }
            (None, _) if self.is_server() => Place::Elsewhere(None),
            (None, before) => Place::In(self.new_session(None, before)),
        }
    }

    fn going_on(&self, now: &SessionEntry) -> SessionEntry {
        let mut session = now.clone();
        if !self.is_server() {
            session.started_at = session.started_at.min(self.time());
            session.last_at = session.last_at.max(self.time());
        }
        session
    }

    fn new_session(&self, sent: Option<String>, before: Option<&SessionEntry>) -> SessionEntry {
        SessionEntry {
            device: self.device,
            sent: sent.is_some(),
            id: sent.unwrap_or_else(|| self.origin.to_string()),
            number: before.map_or(0, |it| it.number).saturating_add(1),
            started_at: self.time(),
            last_at: self.time(),
            minute: before.map_or(0, |it| it.minute),
            count: before.map_or(0, |it| it.count),
            known: 0,
            day: Day::MIN,
        }
    }
}

/// Counts the events of the device within a minute of append times, where the source says how
/// many it expects.
fn count<S>(
    session: &mut SessionEntry,
    event: &EnrichedEvent<S>,
    waybill: Waybill,
    flags: &mut Vec<String>,
) {
    let Some(limit) = event.enrichment.bot.rate_limit else { return };
    let minute = waybill.appended_at.div_euclid(MINUTE).saturating_mul(MINUTE);
    if minute > session.minute {
        (session.minute, session.count) = (minute, 0);
    }
    session.count = session.count.saturating_add(1);
    if session.count > limit {
        flags.push(FLAG_RATE.to_owned());
    }
}

/// Takes from the event what the session did not know, and gives it what it may inherit. A server
/// tells of the visitor too: enrich reads nothing of its own requests, only what it forwards.
fn hand_down<S: Text>(
    session: &mut SessionEntry,
    moment: &Moment<'_, S>,
    past: &Past<'_>,
    visit: &mut Visit,
) -> Result<(), Halt> {
    let facts = &moment.event.enrichment;
    let told = context::told(facts);
    let wanted = context::wanted(&moment.event.validation.inheritable, told) & session.known;
    if told & !session.known == 0 && wanted == 0 {
        return Ok(());
    }
    let known = known_context(session, moment.device, past)?;
    if known.is_none() {
        // It is out of the window, of a session that has gone on for longer: to be told again.
        session.known = 0;
    }
    let news = told & !session.known;
    let mut values = known.map(|it| it.values).unwrap_or_default();
    visit.inherited = context::inherited(&values, wanted);
    if news != 0 {
        values.extend(context::values(facts, news, moment.origin));
        session.known |= news;
        let (device, session, day) = (moment.device, session.id.clone(), past.today);
        visit.context = Some(ContextEntry { device, session, values, day });
    }
    Ok(())
}

/// What the session told so far. A session that knows nothing may have the id of one before it,
/// whose context is still there.
fn known_context(
    session: &SessionEntry,
    device: Fixed16,
    past: &Past<'_>,
) -> Result<Option<ContextEntry>, Halt> {
    if session.known == 0 {
        return Ok(None);
    }
    let known = past.state.context(device)?;
    Ok(known.filter(|it| it.session == session.id && it.day >= past.oldest))
}

/// The id of the session as the sender tells it: `context.sessionId` or `context.session_id`, a
/// text or a whole number.
fn sent_id(context: &str) -> Option<String> {
    // Most contexts have none, and this costs less than to read them.
    if !context.contains("session") {
        return None;
    }
    let sent: Sent = serde_json::from_str(context).ok()?;
    let mut ids = [sent.camel, sent.snake].into_iter().flatten().filter_map(|id| match id {
        serde_json::Value::String(id) => Some(id.trim().to_owned()),
        serde_json::Value::Number(id) if !id.is_f64() => Some(id.to_string()),
        _ => None,
    });
    ids.find(|id| (1..=LONGEST_ID).contains(&id.len()))
}

#[derive(Deserialize)]
struct Sent {
    #[serde(rename = "sessionId")]
    camel: Option<serde_json::Value>,
    #[serde(rename = "session_id")]
    snake: Option<serde_json::Value>,
}
