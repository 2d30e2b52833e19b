//! Facts that a server can work out about an event.
//!
//! [`Enrichments`] is an ordered list of small pure enrichments, each in its own file. A later one
//! may read the facts of an earlier one. None fails: what cannot be worked out is absent. Then each
//! [`Removal`] takes out of the event what may not travel on.

mod address;
mod address_kind;
mod agent_text;
mod bot;
mod by_text;
mod campaign;
mod click_ids;
mod context_values;
mod context_view;
mod database;
mod database_row;
mod decimal;
mod enrichments;
mod explain;
mod geo;
mod ip;
mod ip_hash;
mod ip_policy;
mod ip_removal;
mod language_tag;
mod languages;
mod leftovers;
mod live;
mod locale;
mod members;
mod money;
mod names;
mod page;
mod page_url;
mod parameters;
mod referrer;
mod referrer_list;
mod settings;
mod subject;
mod timezone;
mod url_parameters;
mod user_agent;

use std::borrow::Cow;

use event::EnrichmentFacts;

pub use bot::BotSettings;
pub use click_ids::{ClickIdEntry, ClickIdSettings};
pub use context_view::{CampaignView, ContextView, LocationView, PageView, ReferrerView};
pub use database::{Database, DatabaseKind, DatabaseProblem};
pub use enrichments::{Enrichment, Enrichments, Removal};
pub use explain::{Change, Explained, Explanation, Instead, Nothing};
pub use geo::{GeoSettings, Places};
pub use ip_policy::{IpPolicy, IpSettings};
pub use live::LiveEnrichments;
pub use settings::{Settings, SettingsProblem};
pub use subject::Subject;
pub use url_parameters::UrlParameterSettings;
pub use user_agent::{DeviceView, SystemView, UserAgentSettings};

/// Facts of an event: each text stands in what the event was read from, belongs to the enrichments, or
/// was made.
pub type Facts<'d> = EnrichmentFacts<Cow<'d, str>>;
