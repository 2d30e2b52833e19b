//! Facts that a server can work out about an event.
//!
//! [`Enrichments`] is an ordered list of small pure enrichments, each in its own file. A later one
//! may read the facts of an earlier one. None fails: what cannot be worked out is absent. Then each
//! [`Removal`] takes out of the event what may not travel on.

mod bot;
mod campaign;
mod context_view;
mod enrichments;
mod locale;
mod page;
mod referrer;
mod referrer_list;
mod settings;
mod subject;
mod timezone;
mod user_agent;

pub use context_view::{CampaignView, ContextView, PageView};
pub use enrichments::{Enrichment, Enrichments, Removal};
pub use settings::{Settings, SettingsProblem};
pub use subject::Subject;
