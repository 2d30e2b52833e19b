//! The campaign that brought the visit.

use event::{CampaignFacts, EnrichmentFacts};
use url::{Url, form_urlencoded};

use crate::{CampaignView, Enrichment, PageView, Subject};

/// What the sender says in `context.campaign`, as a whole, else the UTM parameters of the page.
pub(crate) struct Campaign;

impl Enrichment for Campaign {
    fn name(&self) -> &'static str {
        "campaign"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn reads(&self) -> &'static [&'static str] {
        &["/context/campaign", "/context/page/url", "/context/page/search"]
    }

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let Subject { context, .. } = *subject;
        facts.campaign = told(&context.campaign).or_else(|| of_page(&context.page));
    }
}

fn told(campaign: &CampaignView) -> Option<CampaignFacts> {
    let told = campaign.clone();
    (told != CampaignView::default()).then(|| CampaignFacts {
        taken_from: "context".to_owned(),
        source: told.source,
        medium: told.medium,
        name: told.name,
        term: told.term,
        content: told.content,
        id: told.id,
    })
}

fn of_page(page: &PageView) -> Option<CampaignFacts> {
    let of_url = page.parsed.as_ref().and_then(Url::query).and_then(of_query);
    let of_search =
        || page.search.as_deref().and_then(|search| of_query(search.trim_start_matches('?')));
    of_url.or_else(of_search)
}

/// The UTM parameters of a query. Of a parameter that stands there twice the first with a value
/// counts.
fn of_query(query: &str) -> Option<CampaignFacts> {
    let nothing = CampaignFacts { taken_from: "url".to_owned(), ..CampaignFacts::default() };
    let mut found = nothing.clone();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let field = match name.to_ascii_lowercase().as_str() {
            "utm_source" => &mut found.source,
            "utm_medium" => &mut found.medium,
            "utm_campaign" => &mut found.name,
            "utm_term" => &mut found.term,
            "utm_content" => &mut found.content,
            "utm_id" => &mut found.id,
            _ => continue,
        };
        if field.is_none() && !value.trim().is_empty() {
            *field = Some(value.into_owned());
        }
    }
    (found != nothing).then_some(found)
}
