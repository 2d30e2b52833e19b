//! The campaign that brought the visit.

use std::borrow::Cow;

use event::{CampaignFacts, Derived};

use crate::{CampaignView, Enrichment, Facts, PageView, Subject, parameters::parameters};

type Fields<'d> = CampaignFacts<Cow<'d, str>>;

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

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let Subject { context, .. } = *subject;
        let (told, seen) = (told(&context.campaign), of_page(&context.page));
        if let (Some(told), Some(seen)) = (&told, &seen) {
            tell_differences(told, seen, &mut facts.derived);
        }
        facts.campaign = told.or(seen);
    }
}

fn told<'d>(campaign: &CampaignView<'d>) -> Option<Fields<'d>> {
    let CampaignView { source, medium, name, term, content, id, .. } = campaign;
    let fields = [source, medium, name, term, content, id];
    if fields.iter().all(|field| field.is_none()) {
        return None;
    }
    let [source, medium, name, term, content, id] = fields.map(Clone::clone);
    let taken_from = Cow::Borrowed("context");
    Some(CampaignFacts { taken_from, source, medium, name, term, content, id })
}

fn fields<'c, 'd>(campaign: &'c Fields<'d>) -> [(&'static str, Option<&'c Cow<'d, str>>); 6] {
    [
        ("campaign.source", campaign.source.as_ref()),
        ("campaign.medium", campaign.medium.as_ref()),
        ("campaign.name", campaign.name.as_ref()),
        ("campaign.term", campaign.term.as_ref()),
        ("campaign.content", campaign.content.as_ref()),
        ("campaign.id", campaign.id.as_ref()),
    ]
}

fn tell_differences<'d>(
    told: &Fields<'d>,
    seen: &Fields<'d>,
    derived: &mut Vec<Derived<Cow<'d, str>>>,
) {
    for ((field, told), (_, seen)) in fields(told).into_iter().zip(fields(seen)) {
        if let Some(seen) = seen.filter(|_| told != seen) {
            derived.push(Derived { field: field.into(), value: seen.clone() });
        }
    }
}

/// The first of the page's texts that has UTM parameters.
fn of_page<'d>(page: &PageView<'d>) -> Option<Fields<'d>> {
    page.parameter_texts().find_map(|query| of_parameters(query, page))
}

/// The UTM parameters of a query. Of a parameter that stands there twice the first with a value
/// counts.
fn of_parameters<'d>(query: &str, page: &PageView<'d>) -> Option<Fields<'d>> {
    let mut found: Option<Fields<'d>> = None;
    for parameter in parameters(query).filter(|parameter| is_utm(&parameter.name)) {
        let value = parameter.value();
        if value.trim().is_empty() {
            continue;
        }
        let nothing = || CampaignFacts { taken_from: "url".into(), ..CampaignFacts::default() };
        let found = found.get_or_insert_with(nothing);
        put(found, &parameter.name[UTM.len()..], || page.as_sent(value));
    }
    found.filter(|found| fields(found).iter().any(|(_, field)| field.is_some()))
}

const UTM: &str = "utm_";

fn is_utm(name: &str) -> bool {
    name.as_bytes().get(..UTM.len()).is_some_and(|start| start.eq_ignore_ascii_case(UTM.as_bytes()))
}

fn put<'d>(campaign: &mut Fields<'d>, name: &str, value: impl FnOnce() -> Cow<'d, str>) {
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
        *field = Some(value());
    }
}
