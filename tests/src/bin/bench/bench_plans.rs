//! The source of the bench, with tracking plans of any size.

use std::fmt::Write as _;

use anyhow::anyhow;
use tracking_plan::{Rules, SourceCatalog, SourceConfig, plan::PlanSet};

/// What a browser must tell, and a rule that finds nothing in these events.
const AROUND: &str = "plan: bench
version: 1
unplanned_events: reject
context:
  browser: {required: [/page/url, /page/referrer, /locale, /timezone, /userAgent]}
privacy:
  - {path: /properties/email, do: hash}
events:
";

/// One event as a team would plan it.
const EVENT: &str = "    description: A product was looked at.
    owner: shop@example.com
    unplanned_properties: reject
    properties:
      required: [product_id, price, currency]
      properties:
        product_id: {type: string, minLength: 1, maxLength: 64}
        name: {type: string}
        price: {type: number, minimum: 0}
        currency: {enum: [EUR, USD, GBP]}
        email: {type: string}
";

/// The name of an event; one of `planned` names in turn.
pub(crate) fn event_name(number: usize, planned: usize) -> String {
    match planned {
        0 => "Product Viewed".to_owned(),
        planned => format!("Product Viewed {:04}", number % planned),
    }
}

/// The catalog; its source has a plan with so many events, or none.
pub(crate) fn catalog(planned: usize) -> anyhow::Result<SourceCatalog> {
    let plan = if planned == 0 { "" } else { r#","plan":"bench""# };
    let source = format!(r#"{{"kind":"browser","write_keys":["wk"]{plan}}}"#);
    let source: SourceConfig = serde_json::from_str(&source)?;
    let catalog = SourceCatalog::new([("web/app".to_owned(), source)].into());
    let catalog = catalog.map_err(|problems| anyhow!("{problems:?}"))?;
    let mut text = AROUND.to_owned();
    for number in 0..planned {
        // Writing to a String cannot fail.
        let _written = write!(text, "  {}:\n{EVENT}", event_name(number, planned));
    }
    let files = if planned == 0 { vec![] } else { vec![("bench.yaml".to_owned(), text)] };
    let plans = PlanSet::read(&files).map_err(|problems| anyhow!("{problems:?}"))?;
    let key = "a key of the bench, and of no use elsewhere".to_owned();
    let hash_key = Some(key.try_into().map_err(|problem: String| anyhow!(problem))?);
    let rules = Rules { plans, hash_key, ..Rules::default() };
    catalog.with_rules(rules).map_err(|problems| anyhow!("{problems:?}"))
}
