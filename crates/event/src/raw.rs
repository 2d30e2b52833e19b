//! `raw-events`: an event as its sender told it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Described, Hints};

/// One event as its sender told it; every field is optional. The meaning of each field is in
/// `avro/raw-events.avsc`, the public contract.
#[expect(missing_docs, reason = "avro/raw-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RawEvent {
    pub source: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub message_id: Option<String>,
    pub anonymous_id: Option<String>,
    pub user_id: Option<String>,
    pub group_id: Option<String>,
    pub previous_id: Option<String>,
    pub event: Option<String>,
    pub name: Option<String>,
    pub category: Option<String>,
    pub channel: Option<String>,
    pub timestamp: Option<String>,
    pub original_timestamp: Option<String>,
    pub sent_at: Option<String>,
    pub received_at: Option<String>,
    pub batch_latest_timestamp: Option<String>,
    pub context: Option<String>,
    pub properties: Option<String>,
    pub traits: Option<String>,
    pub integrations: Option<String>,
    pub extra: Option<String>,
    pub malformed: Option<String>,
    pub request: Option<Arc<RequestFacts>>,
}

/// What the collecting server itself saw of the HTTP request; never what the sender said.
#[expect(missing_docs, reason = "avro/raw-events.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestFacts<S = String> {
    pub ip: Option<S>,
    pub user_agent: Option<S>,
    pub origin: Option<S>,
    pub referer: Option<S>,
    pub accept_language: Option<S>,
    pub client_hints: Option<S>,
    pub supplied: Vec<S>,
}

impl<S> Default for RequestFacts<S> {
    fn default() -> Self {
        let (ip, user_agent, origin, referer) = (None, None, None, None);
        let (accept_language, client_hints, supplied) = (None, None, Vec::new());
        Self { ip, user_agent, origin, referer, accept_language, client_hints, supplied }
    }
}

impl<S> RequestFacts<S> {
    /// The same facts, each of their texts in another form.
    pub(crate) fn map<'a, T>(&'a self, text: impl Fn(&'a S) -> T + Copy) -> RequestFacts<T> {
        let optional = |seen: &'a Option<S>| seen.as_ref().map(text);
        RequestFacts {
            ip: optional(&self.ip),
            user_agent: optional(&self.user_agent),
            origin: optional(&self.origin),
            referer: optional(&self.referer),
            accept_language: optional(&self.accept_language),
            client_hints: optional(&self.client_hints),
            supplied: self.supplied.iter().map(text).collect(),
        }
    }
}

impl RawEvent {
    /// Bytes of the event: the texts of its fields together. What ingest saw of the request and of its
    /// other events is not the sender's and does not count.
    pub fn text_bytes(&self) -> usize {
        let texts = [
            &self.source,
            &self.kind,
            &self.message_id,
            &self.anonymous_id,
            &self.user_id,
            &self.group_id,
            &self.previous_id,
            &self.event,
            &self.name,
            &self.category,
            &self.channel,
            &self.timestamp,
            &self.original_timestamp,
            &self.sent_at,
            &self.received_at,
            &self.context,
            &self.properties,
            &self.traits,
            &self.integrations,
            &self.extra,
            &self.malformed,
        ];
        texts.into_iter().flatten().map(String::len).sum()
    }
}

impl Described for RawEvent {
    fn hints(&self) -> Hints {
        Hints {
            source: self.source.clone(),
            event: self.event.clone().or_else(|| self.kind.clone()),
            message_id: self.message_id.clone(),
            environment: None,
        }
    }

    fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }
}
