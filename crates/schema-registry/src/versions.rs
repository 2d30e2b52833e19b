//! All versions of a subject: what a fingerprint is looked up in.

use apache_avro::Schema;
use reqwest::{Method, Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use topology::Topic;

use crate::{
    Registry, RegistryError,
    client::{refusal, schema_of},
};

/// A version as the registry tells it.
#[derive(Deserialize)]
struct Version {
    id: u32,
    schema: String,
}

impl Registry {
    /// Every registered version of `topic`'s subject with its id. Versions that are no Avro schema
    /// by themselves are left out. A subject that the registry does not have is an error: `migrate`
    /// registers it.
    pub(crate) async fn versions(
        &self,
        topic: Topic,
    ) -> Result<Vec<(u32, &'static Schema)>, RegistryError> {
        if let Some(id) = self.offline_id(topic) {
            let parsed = schema_of(topic)?.parsed().ok();
            return Ok(parsed.map(|schema| (id, schema)).into_iter().collect());
        }
        let path = format!("/subjects/{}/versions", topic.subject());
        let numbers: Option<Vec<u32>> = self.found(&path).await?;
        let Some(numbers) = numbers else {
            let what = format!("the versions of {}", topic.subject());
            let reason = "it is not registered yet: run `waybill migrate`".to_owned();
            return Err(RegistryError::Refused { what, reason });
        };
        let mut versions = Vec::with_capacity(numbers.len());
        for number in numbers {
            // One that was deleted meanwhile is not there.
            if let Some(Version { id, schema }) = self.found(&format!("{path}/{number}")).await?
                && let Some(schema) = self.parsed(id, &schema)
            {
                versions.push((id, schema));
            }
        }
        Ok(versions)
    }

    /// What is at `path`; `None` if nothing is.
    async fn found<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, RegistryError> {
        let response: Response = self.send(self.request(Method::GET, path)).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                response.json().await.map(Some).map_err(|error| self.away(error))
            }
            _ => Err(refusal(path.to_owned(), response).await),
        }
    }
}
