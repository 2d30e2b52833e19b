//! The quality gate: from an event as it was told to an event made clean and typed.

use std::sync::Arc;

use event::{Event, Finding, Millis, RawEvent, ValidatedEvent, ValidationFacts};
use identity::day_of;
use pipeline::{DiscardReason, Discarded, RejectReason, Rejected, Verdict};

use crate::{
    Source, SourceCatalog,
    clock::{Corrected, correct},
    device_key::device_key,
    event_type::EventType,
    findings::Findings,
    first_party,
    ids::Ids,
    json_text, malformed,
    planned::{Planned, planned},
    times,
};

/// Version of the rules: what [`ValidationFacts::version`] says.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Judges one event. `appended_at` is the broker's append time of the raw record; it stands in for
/// the time of receipt where a direct producer told none, and chooses the version of the plan.
///
/// A rejection names fields and rules, never values.
pub fn clean(
    raw: RawEvent,
    appended_at: Millis,
    catalog: &SourceCatalog,
) -> Verdict<ValidatedEvent> {
    let source = catalog.source(raw.source.as_deref().unwrap_or_default().trim());
    let environment = || source.map(|source| source.config.environment.clone());
    match judge(raw, source, appended_at, catalog) {
        Ok(event) => Verdict::Emit(event),
        Err(Ended::Discarded(discarded)) => {
            Verdict::Discard(Discarded { environment: environment(), ..discarded })
        }
        Err(Ended::Rejected(rejected)) => {
            Verdict::Reject(Rejected { environment: environment(), ..rejected })
        }
    }
}

/// Why an event goes no further.
#[derive(Debug)]
pub(crate) enum Ended {
    Discarded(Discarded),
    Rejected(Rejected),
}

impl From<Discarded> for Ended {
    fn from(discarded: Discarded) -> Self {
        Self::Discarded(discarded)
    }
}

impl From<Rejected> for Ended {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

fn judge(
    mut raw: RawEvent,
    source: Option<&Source>,
    appended_at: Millis,
    catalog: &SourceCatalog,
) -> Result<ValidatedEvent, Ended> {
    let bytes = raw.text_bytes();
    // Before anything that may make a dead letter of it, which would keep the event's bytes.
    suppress(&raw, catalog)?;
    malformed::reject(raw.malformed.as_deref())?;
    let source = may_send(&raw, source)?;
    check_size(bytes, source.config.max_event_bytes)?;
    let kind = EventType::of(&raw)?;
    let mut findings = Findings::default();
    let mut parts = Parts::take(&mut raw, kind, appended_at, source, &mut findings);
    let planned = planned(&mut parts, kind, source, appended_at, catalog, &mut findings)?;
    let flagged = findings.judged(planned.plan_version.as_deref())?;
    let first_party = first_party::judge(
        parts.ids.anonymous_id.as_deref(),
        source.config.first_party,
        catalog.first_party(),
        day_of(appended_at),
    )?;
    let mut validation = parts.facts(planned, flagged);
    validation.flags.extend(first_party.map(str::to_owned));
    Ok(ValidatedEvent { event: parts.into_event(raw, kind, source), validation })
}

fn suppress(raw: &RawEvent, catalog: &SourceCatalog) -> Result<(), Discarded> {
    let trimmed = |id: &Option<String>| id.as_deref().map(str::trim).map(str::to_owned);
    if catalog.suppressed().is_empty() {
        return Ok(());
    }
    let [user, previous, device] = [&raw.user_id, &raw.previous_id, &raw.anonymous_id].map(trimmed);
    let named = catalog.suppressed().names(user.as_deref(), previous.as_deref(), device.as_deref());
    match named {
        None => Ok(()),
        Some(field) => {
            let detail = format!("{field} is on the suppression list");
            Err(Discarded::new(DiscardReason::Suppressed, detail))
        }
    }
}

fn may_send<'a>(raw: &RawEvent, found: Option<&'a Source>) -> Result<&'a Source, Rejected> {
    let Some(source) = found else {
        let named = raw.source.as_deref().is_some_and(|id| !id.trim().is_empty());
        let detail = if named {
            "/source is not the id of a configured source"
        } else {
            "/source is absent"
        };
        return Err(Rejected::new(RejectReason::UnknownSource, detail));
    };
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
pub(crate) struct Parts {
    message_id: String,
    ids: Ids,
    pub(crate) event: Option<String>,
    pub(crate) context: String,
    pub(crate) properties: String,
    pub(crate) traits: String,
    pub(crate) integrations: String,
    pub(crate) extra: String,
    times: times::Times,
    corrected: Corrected,
    minted_message_id: bool,
    anonymous_id_from_cookie: bool,
}

impl Parts {
    fn take(
        raw: &mut RawEvent,
        kind: EventType,
        appended_at: Millis,
        source: &Source,
        findings: &mut Findings,
    ) -> Self {
        let ids = Ids::take(raw, findings);
        let event = raw.event.take().filter(|name| !name.trim().is_empty());
        kind.require(&ids, event.as_deref(), findings);
        let texts = [
            raw.original_timestamp.as_deref(),
            raw.timestamp.as_deref(),
            raw.sent_at.as_deref(),
            raw.received_at.as_deref(),
            raw.batch_latest_timestamp.as_deref(),
        ];
        let times = times::read(texts, appended_at, findings);
        let mut object = |field, text| json_text::object(field, text, findings);
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
            corrected: correct(&times, source.config.clock),
            minted_message_id: is_supplied(raw, "message_id"),
            anonymous_id_from_cookie: is_supplied(raw, "anonymous_id"),
        };
        times::check_held(parts.corrected.timestamp, findings);
        parts
    }

    fn facts(&self, planned: Planned, flagged: Vec<Finding>) -> ValidationFacts {
        let (device_key, device_key_kind) = device_key(&self.ids, &self.message_id);
        ValidationFacts {
            version: VERSION.to_owned(),
            device_key: device_key.to_owned(),
            device_key_kind: device_key_kind.to_owned(),
            time_basis: self.corrected.basis.word().to_owned(),
            clock_offset_ms: self.corrected.offset,
            flags: self.flags(&planned),
            findings: flagged.into_iter().chain(planned.would_reject).collect(),
            plan_version: planned.plan_version,
            removed: planned.removed,
            inheritable: planned.inheritable,
            business_key: planned.business_key,
            consent_granted: planned.consent_granted,
            consent_denied: planned.consent_denied,
        }
    }

    /// Oddities that do not reject.
    fn flags(&self, planned: &Planned) -> Vec<String> {
        let of_plan = [
            (planned.plan_version.is_none(), "no-plan"),
            (!planned.would_reject.is_empty(), "would-reject"),
            (planned.no_business_key, "no-business-key"),
        ];
        let others = [
            (self.times.told_twice, "two-times"),
            (self.times.utc_assumed, "utc-assumed"),
            // It changes with each retry: repeats cannot be recognised.
            (self.minted_message_id, "minted-message-id"),
            (self.anonymous_id_from_cookie, "anonymous-id-from-cookie"),
        ];
        let set = |flags: Vec<(bool, &'static str)>| {
            flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag)
        };
        let clock = self.corrected.flags.iter().copied();
        let junk = self.ids.junk.iter().map(|junk| junk.flag);
        let all = set(of_plan.into()).chain(clock).chain(set(others.into())).chain(junk);
        all.map(str::to_owned).collect()
    }

    pub(crate) fn look_again_for_the_group(&mut self) {
        self.ids.look_again_for_the_group(&self.context);
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
            request: raw.request.map(Arc::unwrap_or_clone),
        }
    }
}
