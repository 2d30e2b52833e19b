//! What should come of a history: the rule over plain maps, in one process that never fails; and
//! the rules for repeats, business keys and sessions said again, without the code of the stage.

mod plain;
mod retold;

use event::IdentityFacts;
use topology::Topic;

pub(crate) use plain::Plain;
pub(crate) use retold::Retold;

/// What is seen of a record from outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) fate: Fated,
    /// What was told beside it, by topic, as bytes.
    pub(crate) side: Vec<(Topic, Vec<u8>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fated {
    Emitted(Box<IdentityFacts>),
    Dropped { word: &'static str, first: Option<i64> },
    Followed,
}
