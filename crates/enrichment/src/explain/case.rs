//! Trying enrichments on an event and on what is left of it.

use std::{borrow::Cow, collections::BTreeSet};

use event::{Event, Millis};
use tracking_plan::SourceConfig;

use super::{
    Change, Explained, Explanation, Nothing,
    leaves::{self, Leaf},
    places,
};
use crate::{ContextView, Enrichments, Facts, Subject};

/// The kinds of sources and the types of events, under which another fact may come of the same event.
const KINDS: [&str; 3] = ["browser", "mobile", "server"];
const TYPES: [&str; 6] = ["track", "page", "screen", "identify", "group", "alias"];

pub(super) struct Case<'a> {
    pub(super) enrichments: &'a Enrichments,
    pub(super) appended_at: Millis,
    pub(super) source: Option<&'a SourceConfig>,
}

impl<'a> Case<'a> {
    /// What the enrichment at this place of the list adds.
    pub(super) fn reading(&self, event: &Event, index: usize) -> Explained {
        let explained = self.explained(event, index);
        let nothing = explained.facts.is_empty().then(|| self.nothing(event, index));
        Explained { nothing, ..explained }
    }

    fn explained(&self, event: &Event, index: usize) -> Explained {
        let enrichment = &self.enrichments.reading[index];
        let added = self.added(event, index);
        let reads = enrichment.reads();
        let all = places::least_preferred_first(event, reads);
        let enough = self.enough(event, index, &added, all);
        let explain = |(field, value): &Leaf| {
            let leaf = [(field.clone(), value.clone())];
            let from = self.enough(event, index, &leaf, enough.clone());
            let from = places::preferred_first(from, reads);
            Explanation { field: field.clone(), value: Some(value.clone()), from }
        };
        let facts = added.iter().map(explain).collect();
        let (name, version) = (enrichment.name().to_owned(), enrichment.version().to_owned());
        Explained { name, version, facts, changes: Vec::new(), nothing: None }
    }

    /// What the removals do, each after the ones before.
    pub(super) fn removals(&self, event: &Event) -> Vec<Explained> {
        let event = event.in_place();
        let mut facts = self.facts(&event, self.enrichments.reading.len());
        let mut event = event.map(|text| Cow::Borrowed(*text));
        let removals = self.enrichments.removals.iter();
        removals
            .map(|removal| {
                let before = (places::values(&event), leaves::of(&facts));
                removal.apply(&mut event, self.appended_at, &mut facts);
                let facts = leaves::changed(&before.1, &leaves::of(&facts));
                let changes = changes(&before.0, &places::values(&event));
                let is_idle = facts.is_empty() && changes.is_empty();
                let nothing = is_idle.then(|| Nothing::of(&event, removal.reads()));
                let (name, version) = (removal.name().to_owned(), removal.version().to_owned());
                Explained { name, version, facts, changes, nothing }
            })
            .collect()
    }

    /// The places, of these, that are enough for these facts; those that stand first go first.
    fn enough(
        &self,
        event: &Event,
        index: usize,
        facts: &[Leaf],
        from: Vec<String>,
    ) -> Vec<String> {
        let holds = |kept: &BTreeSet<&String>| {
            let told = self.added(&places::keep(event, |place| kept.contains(place)), index);
            facts.iter().all(|fact| told.contains(fact))
        };
        let mut kept: BTreeSet<&String> = from.iter().collect();
        // Most of the event is read by none.
        let reads = self.enrichments.reading[index].reads();
        let read = from.iter().filter(|place| reads.iter().any(|it| places::is_under(place, it)));
        let read: BTreeSet<&String> = read.collect();
        if holds(&read) {
            kept = read;
        }
        for place in &from {
            if kept.remove(place) && !holds(&kept) {
                kept.insert(place);
            }
        }
        let kept: BTreeSet<String> = kept.into_iter().cloned().collect();
        from.into_iter().filter(|place| kept.contains(place)).collect()
    }

    fn nothing(&self, event: &Event, index: usize) -> Nothing {
        let mut nothing = Nothing::of(event, self.enrichments.reading[index].reads());
        let kinds = KINDS.into_iter().filter(|kind| *kind != event.source_kind).map(|kind| {
            let other = Event { source_kind: kind.to_owned(), ..event.clone() };
            (format!("an event of a {kind} source"), other)
        });
        let types = TYPES.into_iter().filter(|kind| *kind != event.kind).map(|kind| {
            let other = Event { kind: kind.to_owned(), ..event.clone() };
            (format!("an event of type {kind}"), other)
        });
        for (of, other) in kinds.chain(types) {
            let Explained { facts, .. } = self.explained(&other, index);
            if !facts.is_empty() {
                let from = facts.iter().flat_map(|fact| fact.from.clone());
                let from: BTreeSet<String> = from.collect();
                let fields = facts.into_iter().map(|fact| fact.field).collect();
                nothing.instead(of, fields, from.into_iter().collect());
            }
        }
        nothing
    }

    /// What the enrichment at this place adds to the facts of those before.
    fn added(&self, event: &Event, index: usize) -> Vec<Leaf> {
        let event = event.in_place();
        let context = ContextView::of(&event);
        let (appended_at, source) = (self.appended_at, self.source);
        let subject = Subject { event: &event, context: &context, appended_at, source };
        let mut facts = self.facts(&event, index);
        let before = leaves::of(&facts);
        self.enrichments.reading[index].apply(&subject, &mut facts);
        leaves::of(&facts).into_iter().filter(|leaf| !before.contains(leaf)).collect()
    }

    /// The facts of so many enrichments.
    fn facts<'d>(&self, event: &Event<&'d str>, count: usize) -> Facts<'d>
    where
        'a: 'd,
    {
        let context = ContextView::of(event);
        let (appended_at, source) = (self.appended_at, self.source);
        let subject = Subject { event, context: &context, appended_at, source };
        let mut facts = Facts::default();
        for enrichment in self.enrichments.reading.iter().take(count) {
            enrichment.apply(&subject, &mut facts);
        }
        facts
    }
}

fn changes(before: &[Leaf], after: &[Leaf]) -> Vec<Change> {
    let changed = leaves::changed(before, after).into_iter();
    changed.map(|Explanation { field, value, .. }| Change { place: field, value }).collect()
}
