//! What is known of the texts of user agents.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use event::UserAgentFacts;

use crate::{bot::Signs, by_text::ByText, user_agent::TextReading};

/// Remembers what enrichments made of texts. They share it, so that a text is looked up in one place.
pub(crate) type AgentTexts = ByText<Arc<AgentText>>;

/// Facts that events share: their texts are their own.
pub(crate) type SharedAgent = Arc<UserAgentFacts<Cow<'static, str>>>;

/// What enrichments made of one text, each when it first saw it.
#[derive(Debug, Default)]
pub(crate) struct AgentText {
    pub(crate) reading: OnceLock<TextReading>,
    pub(crate) signs: OnceLock<Signs>,
    /// The facts of an event that tells no more than the text: in its context, or in its request.
    pub(crate) facts: [OnceLock<SharedAgent>; 2],
}
