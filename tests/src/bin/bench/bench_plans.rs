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

/// How many events the plan of a run has, and how often each is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planned {
    /// No plan, and one name.
    Not,
    /// So many, each as often as any other and in turn: the worst for the CPU's caches.
    InTurn(usize),
    /// So many, the one of rank r about 1/r times as often as the first (Zipf's law): as events are
    /// sent.
    ByRank(usize),
}

impl Planned {
    /// How many events the plan has.
    const fn events(self) -> usize {
        match self {
            Self::Not => 0,
            Self::InTurn(events) | Self::ByRank(events) => events,
        }
    }

    /// The name of the event of this number.
    pub(crate) fn name_of(self, number: usize) -> String {
        match self {
            Self::Not => "Product Viewed".to_owned(),
            Self::InTurn(events) => name(number % events),
            Self::ByRank(events) => name(rank(number, events)),
        }
    }
}

fn name(index: usize) -> String {
    format!("Product Viewed {index:04}")
}

/// A rank below `events`; spread evenly over the logarithm of the rank.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small number that is not negative"
)]
fn rank(number: usize, events: usize) -> usize {
    // Weyl's sequence: even over [0, 1), and the same in each run.
    let even = (number as f64 * 0.618_033_988_749_894_9).fract();
    ((events as f64).powf(even) as usize - 1).min(events - 1)
}

/// The catalog; its source has such a plan, or none.
pub(crate) fn catalog(planned: Planned) -> anyhow::Result<SourceCatalog> {
    let events = planned.events();
    let plan = if events == 0 { "" } else { r#","plan":"bench""# };
    let source = format!(r#"{{"kind":"browser","write_keys":["wk"]{plan}}}"#);
    let source: SourceConfig = serde_json::from_str(&source)?;
    let catalog = SourceCatalog::new([("web/app".to_owned(), source)].into());
    let catalog = catalog.map_err(|problems| anyhow!("{problems:?}"))?;
    let mut text = AROUND.to_owned();
    for index in 0..events {
        // Writing to a String cannot fail.
        let _written = write!(text, "  {}:\n{EVENT}", name(index));
    }
    let files = if events == 0 { vec![] } else { vec![("bench.yaml".to_owned(), text)] };
    let plans = PlanSet::read(&files).map_err(|problems| anyhow!("{problems:?}"))?;
    let key = "a key of the bench, and of no use elsewhere".to_owned();
    let hash_key = Some(key.try_into().map_err(|problem: String| anyhow!(problem))?);
    let rules = Rules { plans, hash_key, ..Rules::default() };
    catalog.with_rules(rules).map_err(|problems| anyhow!("{problems:?}"))
}
