//! Tracking plans: what a source may send, with which context, and what is removed.
//!
//! A plan is a sequence of versions, each a file ([`PlanDocument`]) compiled into a [`Plan`]; a
//! [`PlanSet`] has them all. The verdict on an event is a function of its bytes, the plans and its
//! append time: the version in force at that time judges, and the next one is only observed.

mod apply;
mod business;
mod columns;
mod compile;
mod consent;
mod document;
pub(crate) mod finding;
mod judge;
mod naming;
mod paths;
mod places;
mod privacy;
mod promoted;
mod read;
mod rewrite;
mod schema;
mod set;
mod suppression;

pub use apply::was_replaced;
pub(crate) use apply::{Removal, apply, is_mask};
pub use business::{BusinessRule, OnRepeat};
pub use compile::{Plan, TYPES};
pub use consent::{Category, ConsentRules, Denied, Unknown};
pub use document::{
    ContextRule, ContextRules, EventRule, OnViolation, Place, PlanDocument, Unplanned,
    UnplannedProperties,
};
pub(crate) use judge::Subject;
pub use naming::{Case, NameRule, NamingRules, same_words};
pub use privacy::{HashKey, Normalise, PrivacyAction, PrivacyRule};
pub use promoted::{COLUMN_PREFIX, ColumnRule, ColumnType, Promotion};
pub use read::{PlanProblem, PlanSource, token};
pub(crate) use rewrite::object_at;
pub use rewrite::{Change, Tokens, rewrite};
pub use schema::planned_names;
pub use set::{NOTICE, PlanSet};
pub use suppression::{SuppressionList, UnknownLine};
