//! The campaign that brought the visit.

use std::borrow::Cow;

use event::{CampaignFacts, Derived, EnrichmentFacts};

use crate::{CampaignView, Enrichment, PageView, Subject, parameters::parameters};

/// What the sender says in `context.campaign`, as a whole, else the UTM parameters of the page.
///
/// As a whole: fields of two campaigns together would tell one that never was. What the page tells
/// otherwise stands beside it.
pub(crate) struct Campaign;

impl Enrichment for Campaign {
    fn name(&self) -> &'static str {
        "campaign"
    }

    fn version(&self) -> &'static str {
        "2"
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "/context/campaign",
            "/context/page/url",
            "/context/page/search",
            "/properties/url",
            "/properties/search",
        ]
    }

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let Subject { context, .. } = *subject;
        let (told, seen) = (told(&context.campaign), of_page(&context.page));
        if let (Some(told), Some(seen)) = (&told, &seen) {
            tell_differences(told, seen, &mut facts.derived);
        }
        facts.campaign = told.or(seen);
    }
}

fn told(campaign: &CampaignView<'_>) -> Option<CampaignFacts> {
    let CampaignView { source, medium, name, term, content, id, .. } = campaign;
    let fields = [source, medium, name, term, content, id];
    if fields.iter().all(|field| field.is_none()) {
        return None;
    }
    let [source, medium, name, term, content, id] =
        fields.map(|field| field.as_deref().map(str::to_owned));
    let taken_from = "context".to_owned();
    Some(CampaignFacts { taken_from, source, medium, name, term, content, id })
}

fn fields(campaign: &CampaignFacts) -> [(&'static str, Option<&str>); 6] {
    [
        ("campaign.source", campaign.source.as_deref()),
        ("campaign.medium", campaign.medium.as_deref()),
        ("campaign.name", campaign.name.as_deref()),
        ("campaign.term", campaign.term.as_deref()),
        ("campaign.content", campaign.content.as_deref()),
        ("campaign.id", campaign.id.as_deref()),
    ]
}

fn tell_differences(told: &CampaignFacts, seen: &CampaignFacts, derived: &mut Vec<Derived>) {
    for ((field, told), (_, seen)) in fields(told).into_iter().zip(fields(seen)) {
        if let Some(seen) = seen.filter(|_| told != seen) {
            derived.push(Derived { field: field.to_owned(), value: seen.to_owned() });
        }
    }
}

/// The first of the page's texts that has UTM parameters.
fn of_page(page: &PageView<'_>) -> Option<CampaignFacts> {
    page.parameter_texts().find_map(of_parameters)
}

/// The UTM parameters of a query. Of a parameter that stands there twice the first with a value
/// counts.
fn of_parameters(query: &str) -> Option<CampaignFacts> {
    let mut found: Option<CampaignFacts> = None;
    for parameter in parameters(query).filter(|parameter| is_utm(&parameter.name)) {
        let value = parameter.value();
        if value.trim().is_empty() {
            continue;
        }
        let nothing = || CampaignFacts { taken_from: "url".to_owned(), ..CampaignFacts::default() };
        put(found.get_or_insert_with(nothing), &parameter.name[UTM.len()..], value);
    }
    found.filter(|found| fields(found).iter().any(|(_, field)| field.is_some()))
}

const UTM: &str = "utm_";

fn is_utm(name: &str) -> bool {
    name.as_bytes().get(..UTM.len()).is_some_and(|start| start.eq_ignore_ascii_case(UTM.as_bytes()))
}

fn put(campaign: &mut CampaignFacts, name: &str, value: Cow<'_, str>) {
    let CampaignFacts { source, medium, name: campaign, term, content, id, .. } = campaign;
    let fields = [
        ("source", source),
        ("medium", medium),
        ("campaign", campaign),
        ("term", term),
        ("content", content),
        ("id", id),
    ];
    let named = fields.into_iter().find(|(field, _)| name.eq_ignore_ascii_case(field));
    if let Some((_, field)) = named.filter(|(_, field)| field.is_none()) {
        *field = Some(value.into_owned());
    }
}
