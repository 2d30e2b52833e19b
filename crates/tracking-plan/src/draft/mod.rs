//! A draft of a tracking plan from events that were seen.
//!
//! Whatever was seen passes the draft without a finding. What it says is counted, so it does not
//! depend on the order of the events.

mod personal;
mod shape;
mod texts;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use event::{Event, Millis, RawEvent};
use pipeline::Verdict;
use serde_json::{Map, Value};

use self::{
    shape::{Look, Members},
    texts::Formats,
    yaml::{Entry, Node},
};
use crate::{Source, SourceCatalog, SourceConfig, clean, plan::token};

/// Most events that a draft names: the most frequent.
const MOST_EVENTS: usize = 500;
/// Most places of the context that a draft requires.
const MOST_PLACES: usize = 100;

/// Looks at events and drafts the plan that they pass.
pub struct Drafter {
    source: Source,
    /// The source alone, without a plan.
    bare: SourceCatalog,
    look: Look,
    events: u64,
    /// What does not pass without a plan either, by reason.
    left_out: BTreeMap<&'static str, u64>,
    by_name: BTreeMap<String, Seen>,
    by_type: BTreeMap<String, Seen>,
    /// Track events whose names may not be written.
    unnamed: u64,
    /// The places of the context that every event so far has.
    places: Option<BTreeSet<String>>,
}

/// What was seen of the events of one name.
#[derive(Default)]
struct Seen {
    events: u64,
    properties: Members,
    traits: Members,
}

impl Drafter {
    /// A draft for this source. Only what at least so many events have becomes a rule.
    pub fn new(source: &Source, at_least: u64) -> Self {
        let config = SourceConfig { plan: None, enabled: true, ..source.config.clone() };
        let configs = [(source.id.clone(), config)].into();
        Self {
            source: source.clone(),
            // It is a source of the configuration: nothing is wrong with it.
            bare: SourceCatalog::new(configs).unwrap_or_default(),
            look: Look { formats: Formats::new(), at_least: at_least.max(1) },
            events: 0,
            left_out: BTreeMap::new(),
            by_name: BTreeMap::new(),
            by_type: BTreeMap::new(),
            unnamed: 0,
            places: None,
        }
    }

    /// Looks at one event. What would be rejected without a plan, or is of another source, is left
    /// out and counted.
    pub fn see(&mut self, raw: RawEvent, appended_at: Millis) {
        match clean(raw, appended_at, &self.bare) {
            Verdict::Emit(validated) => self.observe(&validated.event),
            Verdict::Reject(it) => *self.left_out.entry(it.reason.word()).or_default() += 1,
            Verdict::Discard(it) => *self.left_out.entry(it.reason.word()).or_default() += 1,
        }
    }

    /// How many events the draft is made of.
    pub const fn events(&self) -> u64 {
        self.events
    }

    fn observe(&mut self, event: &Event) {
        self.events += 1;
        let places = places(&object(&event.context));
        self.places = Some(match self.places.take() {
            None => places,
            Some(former) => former.intersection(&places).cloned().collect(),
        });
        let seen = match event.event.as_deref() {
            Some(name) if event.kind == "track" => {
                if !personal::may_be_named(name) {
                    self.unnamed += 1;
                    return;
                }
                self.by_name.entry(name.to_owned()).or_default()
            }
            _ => self.by_type.entry(event.kind.clone()).or_default(),
        };
        seen.events += 1;
        seen.properties.see(&object(&event.properties), 0, &self.look);
        seen.traits.see(&object(&event.traits), 0, &self.look);
    }

    /// The draft as the text of a plan's file.
    pub fn draft(&self, name: &str) -> String {
        let named = self.named();
        let rule =
            |(name, seen): (&String, &Seen)| Entry::new(name, self.rule(seen)).told(seen.told());
        let events: Vec<Entry> = named.into_iter().map(rule).collect();
        let types: Vec<Entry> = self.by_type.iter().map(rule).collect();
        let unwritten = self.unnamed > 0 || events.len() < self.by_name.len();
        let mut entries = vec![
            Entry::text("plan", name),
            Entry::new("version", Node::Number(1)),
            Entry::text("on_violation", "flag").told(
                "A draft may be wrong by chance: it flags. Say `reject` once it is what you mean.",
            ),
        ];
        if unwritten {
            let others =
                "There were events of further names, which may be personal or are too many.";
            entries.push(Entry::text("unplanned_events", "allow").told(others));
        }
        entries.extend(self.context());
        if !events.is_empty() {
            entries.push(Entry::new("events", Node::Map(events)));
        }
        if !types.is_empty() {
            entries.push(Entry::new("types", Node::Map(types)));
        }
        yaml::document(&self.head(), &entries)
    }

    /// The track events by name: the most frequent where there are too many.
    fn named(&self) -> BTreeMap<&String, &Seen> {
        let mut all: Vec<(&String, &Seen)> = self.by_name.iter().collect();
        all.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.events));
        all.truncate(MOST_EVENTS);
        all.into_iter().collect()
    }

    fn head(&self) -> String {
        let Source { id, config } = &self.source;
        let (events, kind, at_least) = (self.events, config.kind, self.look.at_least);
        let mut lines = vec![format!(
            "Drafted by `waybill plan infer` from {events} events of source {id} ({kind})."
        )];
        if !self.left_out.is_empty() {
            let told = self.left_out.iter().map(|(reason, count)| format!("{count} {reason}"));
            let told = told.collect::<Vec<_>>().join(", ");
            lines.push(format!("Left out, since they are rejected anyway: {told}."));
        }
        lines.extend([
            "It says what was seen, not what should be: read it before events are judged by it.".to_owned(),
            format!("What each of at least {at_least} events or objects has is required; a format is named where"),
            format!("each of at least {at_least} texts has it; values are listed where they are few and come often."),
        ]);
        lines.extend(personal::RULE.map(str::to_owned));
        lines.join("\n")
    }

    fn context(&self) -> Option<Entry> {
        let places = self.places.as_ref().filter(|places| !places.is_empty())?;
        if self.events < self.look.at_least {
            return None;
        }
        let places = places.iter().take(MOST_PLACES).cloned().collect();
        let required = Entry::new("required", Node::Texts(places));
        let required = required.told(format!("In each of {} events.", self.events));
        let of_kind = Entry::new(self.source.config.kind.word(), Node::Map(vec![required]));
        Some(Entry::new("context", Node::Map(vec![of_kind])))
    }

    fn rule(&self, seen: &Seen) -> Node {
        let mut rule = Vec::new();
        if seen.properties.leaves_out() || seen.traits.leaves_out() {
            let others = "There were further names, which may be personal or are too many.";
            rule.push(Entry::text("unplanned_properties", "allow").told(others));
        }
        for (name, members) in [("properties", &seen.properties), ("traits", &seen.traits)] {
            if !members.is_empty() {
                rule.push(Entry::new(name, Node::Map(members.schema(&self.look))));
            }
        }
        Node::Map(rule)
    }
}

impl Seen {
    fn told(&self) -> String {
        format!("{} seen.", self.events)
    }
}

/// An object's text, as the rules will read it.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Pointers to every member of the context that is no object and says something.
fn places(context: &Map<String, Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    add_places(context, "", &mut found);
    // A plan takes a place that begins so for a slip of its author.
    found.retain(|place| place != "/context" && !place.starts_with("/context/"));
    found
}

fn add_places(object: &Map<String, Value>, at: &str, found: &mut BTreeSet<String>) {
    for (name, value) in object.iter().filter(|(name, _)| personal::may_be_named(name)) {
        let pointer = format!("{at}/{}", token(name));
        match value {
            Value::Object(inner) => add_places(inner, &pointer, found),
            Value::Null => {}
            Value::String(text) if text.trim().is_empty() => {}
            Value::Array(items) if items.is_empty() => {}
            _ => {
                found.insert(pointer);
            }
        }
    }
}
