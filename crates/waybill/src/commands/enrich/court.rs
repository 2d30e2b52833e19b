//! An event on its way through validate's rules and the enrichments.

use std::{collections::BTreeMap, sync::Arc};

use enrich::EnrichStep;
use enrichment::{Enrichments, Explained};
use event::{Event, Millis, Origin, RawEvent, RequestFacts, Text, ValidatedEvent, Waybill};
use pipeline::{Context, Discarded, Rejected, Verdict};
use serde::Serialize;
use serde_json::value::RawValue;
use tracking_plan::{LiveCatalog, SourceCatalog, SourceConfig, SourceKind, clean};

use super::{Unusable, input};
use crate::{
    cli::ExplainArgs,
    commands::{
        lines,
        times::{now, utc},
    },
    config::Config,
};

/// Id of the source that stands in where none is named.
const STAND_IN: &str = "enrich/explain";

/// All that the answer depends on beside the event.
pub(super) struct Court<'a> {
    arguments: &'a ExplainArgs,
    /// The configured sources and, by the id above, the one that stands in.
    configured: SourceCatalog,
    stand_in: SourceCatalog,
    enrichments: Arc<Enrichments>,
    /// The stage without the operator's programs, and with them.
    untransformed: EnrichStep,
    step: EnrichStep,
    disabled: Vec<String>,
    at: Millis,
}

/// What there is to tell of an event.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// The event's name, else its type.
    pub(super) event: Option<String>,
    /// Id of the configured source that it was taken for, if any.
    pub(super) source: Option<String>,
    /// Kind of the source.
    pub(super) kind: &'static str,
    /// What each enrichment does; empty where validate lets the event go no further.
    pub(super) enrichments: Vec<Explained>,
    /// Enrichments that are switched off.
    pub(super) disabled: Vec<String>,
    /// The members that programs of the operator change, as they become; empty where none does.
    pub(super) transformed: BTreeMap<&'static str, Option<String>>,
    /// Why it goes no further, if so.
    pub(super) stopped: Option<Stopped>,
}

/// Where and why an event ends.
#[derive(Debug, Serialize)]
pub(super) struct Stopped {
    /// `validate` or `enrich`.
    pub(super) by: &'static str,
    /// `discarded` or `rejected`.
    pub(super) verdict: &'static str,
    /// The reason in one word.
    pub(super) reason: &'static str,
    /// The same for a person.
    pub(super) detail: String,
}

impl Told {
    pub(super) const fn goes_on(&self) -> bool {
        self.stopped.is_none()
    }
}

impl<'a> Court<'a> {
    pub(super) fn new(arguments: &'a ExplainArgs, config: &Config) -> anyhow::Result<Self> {
        let configured = config.judged_sources()?;
        if let Some(id) = &arguments.source
            && configured.source(id).is_none()
        {
            let known: Vec<&str> = configured.sources().map(|source| source.id.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let problem = format!("there is no source {id:?}; there are: {known}");
            return Err(Unusable(problem).into());
        }
        let kind = arguments.kind.unwrap_or(SourceKind::Server);
        let stand_in: SourceConfig = serde_json::from_value(
            serde_json::json!({ "kind": kind.word(), "write_keys": [STAND_IN] }),
        )?;
        let catalog = SourceCatalog::new([(STAND_IN.to_owned(), stand_in)].into());
        let stand_in = catalog.map_err(|problems| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Unusable(told.join("\n"))
        })?;
        let enrichments = config.enrichments()?.live();
        let catalog = LiveCatalog::new(configured.clone());
        Ok(Self {
            arguments,
            untransformed: EnrichStep::new(enrichments.clone(), catalog.clone()),
            step: EnrichStep::new(enrichments.clone(), catalog).with(config.transformations()?),
            configured,
            stand_in,
            enrichments: enrichments.current(),
            disabled: config.enrich.disabled.clone(),
            at: arguments.at.unwrap_or_else(now),
        })
    }

    /// The events of a text, each of its source and with the request that was asked for.
    pub(super) fn read(&self, text: &str) -> Result<Vec<RawEvent>, Unusable> {
        let values = input::values(text)?.into_iter().enumerate();
        values.map(|(index, value)| self.event(value, index + 1)).collect()
    }

    fn event(&self, value: &RawValue, number: usize) -> Result<RawEvent, Unusable> {
        let read = lines::event(value.get(), STAND_IN, &utc(self.at), number);
        let mut event = read.map_err(|problem| Unusable(format!("event {number}: {problem}")))?;
        event.source = Some(self.source_of(&event));
        let mut request = event.request.as_deref().cloned().unwrap_or_default();
        let ExplainArgs { ip, user_agent, accept_language, .. } = self.arguments;
        replace(&mut request.ip, ip.as_ref());
        replace(&mut request.user_agent, user_agent.as_ref());
        replace(&mut request.accept_language, accept_language.as_ref());
        let is_told = event.request.is_some() || request != RequestFacts::default();
        event.request = is_told.then(|| Arc::new(request));
        Ok(event)
    }

    fn source_of(&self, event: &RawEvent) -> String {
        let named = event.source.as_ref().filter(|_| self.arguments.kind.is_none());
        let named = named.filter(|id| self.configured.source(id).is_some());
        self.arguments.source.as_ref().or(named).map_or_else(|| STAND_IN.to_owned(), Clone::clone)
    }

    /// What becomes of an event, step by step.
    pub(super) fn explain(&self, event: RawEvent) -> Told {
        let source = event.source.clone().unwrap_or_default();
        let catalog = if source == STAND_IN { &self.stand_in } else { &self.configured };
        let config = catalog.source(&source).map(|it| &it.config);
        let told = Told {
            event: event.event.clone().or_else(|| event.kind.clone()),
            source: (source != STAND_IN).then_some(source),
            kind: config.map_or(SourceKind::Server, |config| config.kind).word(),
            enrichments: Vec::new(),
            disabled: self.disabled.clone(),
            transformed: BTreeMap::new(),
            stopped: None,
        };
        match clean(event, self.at, catalog) {
            Verdict::Emit(event) => {
                let enrichments = self.enrichments.explain(&event.event, self.at, config);
                let (transformed, stopped) = self.ended(&event);
                Told { enrichments, transformed, stopped, ..told }
            }
            Verdict::Discard(discarded) => {
                Told { stopped: Some(of_discarded("validate", discarded)), ..told }
            }
            Verdict::Reject(rejected) => {
                Told { stopped: Some(of_rejected("validate", rejected)), ..told }
            }
        }
    }

    /// What the stage says of it.
    fn ended(&self, event: &ValidatedEvent) -> (Members, Option<Stopped>) {
        let origin = Origin { epoch: 0, partition: 0, offset: 0 };
        let waybill = Waybill { origin, appended_at: self.at };
        let cx = Context { waybill, redriven: false };
        let (untransformed, in_force) = (self.untransformed.in_force(), self.step.in_force());
        match (untransformed.apply(event, &cx), in_force.apply(event, &cx)) {
            (Verdict::Emit(before), Verdict::Emit(after)) => {
                (changed(&before.event, &after.event), None)
            }
            (_, Verdict::Emit(_)) => (Members::new(), None),
            (_, Verdict::Discard(it)) => (Members::new(), Some(of_discarded("enrich", it))),
            (_, Verdict::Reject(it)) => (Members::new(), Some(of_rejected("enrich", it))),
        }
    }
}

/// Members of an event, by name.
type Members = BTreeMap<&'static str, Option<String>>;

/// What a program may write, where it is another than before.
fn changed<S: Text>(before: &Event<S>, after: &Event<S>) -> Members {
    let members = |event: &Event<S>| {
        let Event { properties, traits, context, integrations, .. } = event;
        [
            ("event", event.event.as_ref()),
            ("name", event.name.as_ref()),
            ("category", event.category.as_ref()),
            ("properties", Some(properties)),
            ("traits", Some(traits)),
            ("context", Some(context)),
            ("integrations", Some(integrations)),
        ]
        .map(|(name, text)| (name, text.map(|text| text.to_string())))
    };
    let pairs = members(after).into_iter().zip(members(before));
    pairs.filter(|(after, before)| after != before).map(|(after, _)| after).collect()
}

fn replace(seen: &mut Option<String>, asked: Option<&String>) {
    if let Some(asked) = asked {
        *seen = Some(asked.clone());
    }
}

fn of_discarded(by: &'static str, discarded: Discarded) -> Stopped {
    let Discarded { reason, detail, .. } = discarded;
    Stopped { by, verdict: "discarded", reason: reason.word(), detail }
}

fn of_rejected(by: &'static str, rejected: Rejected) -> Stopped {
    let Rejected { reason, detail, .. } = rejected;
    Stopped { by, verdict: "rejected", reason: reason.word(), detail }
}
