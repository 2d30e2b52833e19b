//! The quality gate: from an event as it was told to an event made clean and typed.

use event::{Event, Millis, RawEvent, ValidationFacts};
use pipeline::{RejectReason, Rejected};

use crate::{
    Source, SourceCatalog,
    clock::{Corrected, correct},
    device_key::device_key,
    event_type::EventType,
    findings::Findings,
    ids::Ids,
    json_text, malformed, times,
};

/// Version of the rules: what [`ValidationFacts::version`] says.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Judges one event. `appended_at` is the broker's append time of the raw record; it stands in for
/// the time of receipt where a direct producer told none.
///
/// The rejection names fields and rules, never values.
pub fn clean(
    mut raw: RawEvent,
    appended_at: Millis,
    catalog: &SourceCatalog,
) -> Result<(Event, ValidationFacts), Rejected> {
    let bytes = raw.text_bytes();
    malformed::reject(raw.malformed.as_deref())?;
    let source = source_of(&raw, catalog)?;
    check_size(bytes, source.config.max_event_bytes)?;
    let kind = EventType::of(&raw)?;
    let parts = Parts::take(&mut raw, kind, appended_at)?;
    let facts = parts.facts();
    Ok((parts.into_event(raw, kind, source), facts))
}

fn source_of<'a>(raw: &RawEvent, catalog: &'a SourceCatalog) -> Result<&'a Source, Rejected> {
    let id = raw.source.as_deref().unwrap_or_default().trim();
    if id.is_empty() {
        return Err(Rejected::new(RejectReason::UnknownSource, "/source is absent"));
    }
    let source = catalog.source(id).ok_or_else(|| {
        Rejected::new(RejectReason::UnknownSource, "/source is not the id of a configured source")
    })?;
    if !source.config.enabled {
        let detail = format!("source {} is switched off", source.id);
        return Err(Rejected::new(RejectReason::SourceDisabled, detail));
    }
    Ok(source)
}

fn check_size(bytes: usize, limit: usize) -> Result<(), Rejected> {
    if bytes <= limit {
        return Ok(());
    }
    let detail = format!("the event has {bytes} bytes; its source may send {limit}");
    Err(Rejected::new(RejectReason::EventTooLarge, detail))
}

/// Whether ingest put this field in because the sender had left it out.
fn is_supplied(raw: &RawEvent, field: &str) -> bool {
    raw.request.as_ref().is_some_and(|request| request.supplied.iter().any(|name| name == field))
}

/// The parts of an event that had to be judged.
struct Parts {
    message_id: String,
    ids: Ids,
    event: Option<String>,
    context: String,
    properties: String,
    traits: String,
    integrations: String,
    extra: String,
    times: times::Times,
    corrected: Corrected,
    minted_message_id: bool,
    anonymous_id_from_cookie: bool,
}

impl Parts {
    fn take(raw: &mut RawEvent, kind: EventType, appended_at: Millis) -> Result<Self, Rejected> {
        let mut findings = Findings::default();
        let ids = Ids::take(raw, &mut findings);
        let event = raw.event.take().filter(|name| !name.trim().is_empty());
        kind.require(&ids, event.as_deref(), &mut findings);
        let texts = [
            raw.original_timestamp.as_deref(),
            raw.timestamp.as_deref(),
            raw.sent_at.as_deref(),
            raw.received_at.as_deref(),
        ];
        let times = times::read(texts, appended_at, &mut findings);
        let mut object = |field, text| json_text::object(field, text, &mut findings);
        let parts = Self {
            message_id: ids.message_id.clone().unwrap_or_default(),
            event,
            context: object("/context", raw.context.take()),
            properties: object("/properties", raw.properties.take()),
            traits: object("/traits", raw.traits.take()),
            integrations: object("/integrations", raw.integrations.take()),
            extra: object("/extra", raw.extra.take()),
            ids,
            times,
            corrected: correct(&times),
            minted_message_id: is_supplied(raw, "message_id"),
            anonymous_id_from_cookie: is_supplied(raw, "anonymous_id"),
        };
        times::check_held(parts.corrected.timestamp, &mut findings);
        findings.into_result().map(|()| parts)
    }

    fn facts(&self) -> ValidationFacts {
        let (device_key, device_key_kind) = device_key(&self.ids, &self.message_id);
        ValidationFacts {
            version: VERSION.to_owned(),
            device_key: device_key.to_owned(),
            device_key_kind: device_key_kind.to_owned(),
            time_basis: self.corrected.basis.to_owned(),
            clock_offset_ms: self.corrected.offset,
            flags: self.flags(),
            ..ValidationFacts::default()
        }
    }

    /// Oddities that do not reject. No source has a tracking plan yet.
    fn flags(&self) -> Vec<String> {
        let flags = [
            (true, "no-plan"),
            (self.corrected.future_clamped, "future-clamped"),
            (self.times.utc_assumed, "utc-assumed"),
            // It changes with each retry: repeats cannot be recognised.
            (self.minted_message_id, "minted-message-id"),
            (self.anonymous_id_from_cookie, "anonymous-id-from-cookie"),
        ];
        flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag.to_owned()).collect()
    }

    fn into_event(self, raw: RawEvent, kind: EventType, source: &Source) -> Event {
        Event {
            source: source.id.clone(),
            source_kind: source.config.kind.word().to_owned(),
            environment: source.config.environment.clone(),
            kind: kind.word().to_owned(),
            message_id: self.message_id,
            anonymous_id: self.ids.anonymous_id,
            user_id: self.ids.user_id,
            group_id: self.ids.group_id,
            previous_id: self.ids.previous_id,
            event: self.event,
            name: raw.name,
            category: raw.category,
            channel: raw.channel,
            timestamp: self.corrected.timestamp,
            original_timestamp: self.times.original,
            sent_at: self.times.sent,
            received_at: self.times.received,
            context: self.context,
            properties: self.properties,
            traits: self.traits,
            integrations: self.integrations,
            extra: self.extra,
            request: raw.request,
        }
    }
}
