//! The ordered list.

use std::{borrow::Cow, sync::Arc};

use event::{EnrichmentRun, Event, Millis, Text};
use tracking_plan::SourceConfig;

use crate::{
    ContextView, Facts, Places, Settings, SettingsProblem, Subject,
    agent_text::AgentTexts,
    bot::Bot,
    campaign::Campaign,
    click_ids::{ClickIdList, ClickIds},
    geo::{Geo, Network},
    ip::Ip,
    ip_removal::AddressRemoval,
    locale::Locale,
    money::Money,
    page::Page,
    referrer::Referrer,
    timezone::TimeZone,
    url_parameters::UrlParameters,
    user_agent::UserAgent,
};

/// One thing that a server can work out. Pure: the same subject always gives the same facts.
pub trait Enrichment: Send + Sync {
    /// Its name, as [`EnrichmentFacts::applied`](event::EnrichmentFacts::applied) and [`Settings::disabled`] tell it.
    fn name(&self) -> &'static str;

    /// Version of its code and data: changes whenever the same event may get other facts.
    fn version(&self) -> &str;

    /// JSON pointers of what it reads of the event, itself or in the facts of others, those that it
    /// prefers first: `/context/page/url`, `/request/user_agent`. A place stands for all below it, and
    /// `""` for the whole event.
    fn reads(&self) -> &'static [&'static str] {
        &[]
    }

    /// Writes its own facts and no others; flags and derived values it adds to what is there.
    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>);
}

/// Takes out of an event what may not travel on, once every enrichment has read it.
pub trait Removal: Send + Sync {
    /// Its name, as that of an enrichment.
    fn name(&self) -> &'static str;

    /// Version of its code and data.
    fn version(&self) -> &str;

    /// JSON pointers of what it may take out, as those of [`Enrichment::reads`].
    fn reads(&self) -> &'static [&'static str] {
        &[]
    }

    /// Takes it out of the event and of the facts, and tells so in [`EnrichmentFacts::removed`](event::EnrichmentFacts::removed).
    fn apply<'d>(
        &'d self,
        event: &mut Event<Cow<'d, str>>,
        appended_at: Millis,
        facts: &mut Facts<'d>,
    );
}

/// Every enrichment that runs, in its order.
pub struct Enrichments {
    pub(crate) reading: Vec<Box<dyn Enrichment>>,
    pub(crate) removals: Vec<Box<dyn Removal>>,
    /// What all events are told to have been through.
    runs: Arc<[EnrichmentRun]>,
}

impl Enrichments {
    /// The enrichments that these settings ask for, or everything in them that cannot stand.
    /// Compiles patterns, so make it once.
    pub fn new(settings: &Settings) -> Result<Self, Vec<SettingsProblem>> {
        Self::with_places(settings, &Places::default())
    }

    /// The same, with the operator's databases.
    pub fn with_places(settings: &Settings, places: &Places) -> Result<Self, Vec<SettingsProblem>> {
        let mut problems = Vec::new();
        let mut reading = all(settings, places, &mut problems);
        let mut removals = all_removals(settings, &mut problems);
        let known = reading.iter().map(|it| it.name()).chain(removals.iter().map(|it| it.name()));
        let known: Vec<&str> = known.collect();
        let unknown = settings.disabled.iter().filter(|name| !known.contains(&name.as_str()));
        problems.extend(unknown.map(|name| unknown_name(name, &known)));
        if !problems.is_empty() {
            return Err(problems);
        }
        let runs = |name: &str| !settings.disabled.iter().any(|off| off == name);
        reading.retain(|it| runs(it.name()));
        removals.retain(|it| runs(it.name()));
        Ok(Self::of(reading, removals))
    }

    /// Every enrichment that needs no operator's data, as without a configuration.
    pub fn built_in() -> Self {
        let (settings, mut none) = (Settings::default(), Vec::new());
        Self::of(all(&settings, &Places::default(), &mut none), all_removals(&settings, &mut none))
    }

    fn of(reading: Vec<Box<dyn Enrichment>>, removals: Vec<Box<dyn Removal>>) -> Self {
        let read = reading.iter().map(|it| run(it.name(), it.version()));
        let runs = read.chain(removals.iter().map(|it| run(it.name(), it.version()))).collect();
        Self { reading, removals, runs }
    }

    /// The event without what may not travel on, and its facts. Texts are copied where they change.
    pub fn apply<'d, S: Text>(
        &'d self,
        event: &'d Event<S>,
        appended_at: Millis,
        source: Option<&SourceConfig>,
    ) -> (Event<Cow<'d, str>>, Facts<'d>) {
        let event = event.in_place();
        let mut facts = self.read(&event, appended_at, source);
        let mut event = event.map(|text| Cow::Borrowed(*text));
        for removal in &self.removals {
            removal.apply(&mut event, appended_at, &mut facts);
        }
        (event, facts)
    }

    fn read<'d>(
        &'d self,
        event: &Event<&'d str>,
        appended_at: Millis,
        source: Option<&SourceConfig>,
    ) -> Facts<'d> {
        let applied = Arc::clone(&self.runs);
        let mut facts = Facts { applied, ..Facts::default() };
        let context = ContextView::of(event);
        let subject = Subject { event, context: &context, appended_at, source };
        for enrichment in &self.reading {
            enrichment.apply(&subject, &mut facts);
        }
        facts
    }
}

/// Every enrichment in its order. What is wrong with the settings is added to `problems`.
fn all(
    settings: &Settings,
    places: &Places,
    problems: &mut Vec<SettingsProblem>,
) -> Vec<Box<dyn Enrichment>> {
    let click_ids = Arc::new(ClickIdList::of(&settings.click_ids, problems));
    let agent_texts = Arc::new(AgentTexts::default());
    vec![
        Box::new(Ip),
        // These two read the facts of Ip.
        Box::new(Geo::new(places)),
        Box::new(Network::new(places)),
        Box::new(UserAgent::new(settings.user_agent, Arc::clone(&agent_texts))),
        Box::new(Page),
        Box::new(Campaign),
        Box::new(ClickIds::new(Arc::clone(&click_ids))),
        // Reads the facts of Campaign and ClickIds.
        Box::new(Referrer::new(click_ids)),
        Box::new(Locale),
        Box::new(TimeZone::default()),
        Box::new(Money::built_in()),
        // Reads what the others found of user agent and network.
        Box::new(Bot::new(&settings.bot, agent_texts, problems)),
    ]
}

fn all_removals(settings: &Settings, problems: &mut Vec<SettingsProblem>) -> Vec<Box<dyn Removal>> {
    vec![
        Box::new(UrlParameters::new(&settings.url_parameters, problems)),
        Box::new(AddressRemoval::new(settings, problems)),
    ]
}

fn run(name: &str, version: &str) -> EnrichmentRun {
    EnrichmentRun { name: name.to_owned(), version: version.to_owned() }
}

fn unknown_name(name: &str, known: &[&str]) -> SettingsProblem {
    SettingsProblem {
        key: "disabled".to_owned(),
        problem: format!("there is no enrichment {name:?}"),
        remedy: format!("there are: {}", known.join(", ")),
    }
}
