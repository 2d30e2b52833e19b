//! What `waybill migrate` does with the schemas.

use reqwest::Method;
use schema_registry_converter::{
    async_impl::schema_registry::post_schema,
    schema_registry_common::{SchemaType, SuppliedSchema},
};
use serde_json::json;
use topology::{TOPICS, Topic};

use crate::{
    Registry, RegistryError,
    client::{refusal, schema_of},
};

/// How a topic's schema stands in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationState {
    /// Our schema is there under this id.
    Registered(u32),
    /// Our schema is not there yet.
    Absent,
}

/// A topic's subject and how it stands.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Topic.
    pub topic: Topic,
    /// How its schema stands.
    pub state: RegistrationState,
}

impl Registry {
    /// How the schema of every topic stands.
    pub async fn registrations(&self) -> Result<Vec<Registration>, RegistryError> {
        let mut all = Vec::with_capacity(TOPICS.len());
        for spec in TOPICS {
            let state = match self.registered_id(spec.topic).await? {
                Some(id) => RegistrationState::Registered(id),
                None => RegistrationState::Absent,
            };
            all.push(Registration { topic: spec.topic, state });
        }
        Ok(all)
    }

    /// Sets the topic's compatibility level, then registers our schema under its subject. An
    /// incompatible schema is refused with the registry's reason.
    pub async fn register(&self, topic: Topic) -> Result<u32, RegistryError> {
        self.register_text(topic, schema_of(topic)?.text).await
    }

    /// [`register`](Self::register) with another text than ours, such as an older version.
    pub async fn register_text(&self, topic: Topic, text: &str) -> Result<u32, RegistryError> {
        self.set_compatibility(topic).await?;
        let supplied = SuppliedSchema::new(None, SchemaType::Avro, text.to_owned());
        match post_schema(self.settings(), topic.subject(), supplied).await {
            Ok(registered) => Ok(registered.id),
            Err(error) if error.retriable => Err(self.away(error)),
            Err(error) => Err(refused_schema(topic, error.cause.unwrap_or(error.error))),
        }
    }

    /// Some registries accept everything unless told otherwise, so the level comes first.
    async fn set_compatibility(&self, topic: Topic) -> Result<(), RegistryError> {
        let path = format!("/config/{}", topic.subject());
        let level = json!({ "compatibility": topic.spec().compatibility.as_str() });
        let response = self.send(self.request(Method::PUT, &path).json(&level)).await?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(refusal(format!("the compatibility level of {}", topic.subject()), response).await)
    }
}

fn refused_schema(topic: Topic, reason: String) -> RegistryError {
    let what = format!("the schema of {} ({})", topic, topic.spec().compatibility.as_str());
    RegistryError::Refused { what, reason }
}
