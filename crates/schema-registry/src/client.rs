//! The registry's HTTP API, as far as Waybill needs it.

use std::{
    collections::HashMap,
    error::Error as _,
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use apache_avro::Schema;
use event::schema::{self, TopicSchema};
use reqwest::StatusCode;
use schema_registry_converter::{
    async_impl::schema_registry::{SrSettings, get_schema_by_id},
    error::SRCError,
    schema_registry_common::RawError,
};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;
use topology::Topic;

/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Ids are Java's `int`. What a registry answers for a greater one is its own affair; if that were
/// no "not found", a value of garbage would look like a registry that is away.
const GREATEST_ID: u32 = i32::MAX.unsigned_abs();

/// Where the registry is.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// Base URL of the Confluent-compatible API, without a slash at the end.
    pub url: String,
    /// User for basic authentication.
    pub username: Option<String>,
    /// Password for basic authentication.
    pub password: Option<String>,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:8081".to_owned(), username: None, password: None }
    }
}

impl fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryConfig")
            .field("url", &self.url)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What went wrong with the registry.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, or answers with a server error.
    #[error("the schema registry at {url} does not answer: {detail}")]
    Away {
        /// Its URL.
        url: String,
        /// What was tried and what came of it.
        detail: String,
    },
    /// It refuses the request, with its own reason.
    #[error("the schema registry refuses {what}: {reason}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The registry's reason.
        reason: String,
    },
    /// The client itself could not be made.
    #[error("the schema registry client cannot be built: {0}")]
    Client(String),
}

/// A client of the registry, for stages (blocking, on an OS thread) and for `migrate` (async).
/// Cheap to clone; clones share what was looked up.
#[derive(Clone)]
pub struct Registry {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: RegistryConfig,
    settings: SrSettings,
    http: reqwest::Client,
    runtime: Handle,
    /// Writers' schemas by id. Ids never change their meaning, so nothing is ever dropped; the
    /// schemas are leaked once, since decoders borrow them for as long as the process lives.
    writers: Mutex<HashMap<u32, &'static Schema>>,
    offline: Option<HashMap<&'static str, u32>>,
}

impl Registry {
    /// A client that does its calls on `runtime`. No call is made yet.
    pub fn new(config: &RegistryConfig, runtime: Handle) -> Result<Self, RegistryError> {
        Self::build(config, runtime, None)
    }

    /// For unit tests: knows our own schemas under the ids 1, 2, 3… in the order of
    /// [`schema::ALL`] and never makes a call; every other id is unknown.
    pub fn offline(runtime: Handle) -> Result<Self, RegistryError> {
        let ids = (1..).zip(schema::ALL).map(|(id, schema)| (schema.name, id)).collect();
        Self::build(&RegistryConfig::default(), runtime, Some(ids))
    }

    fn build(
        config: &RegistryConfig,
        runtime: Handle,
        offline: Option<HashMap<&'static str, u32>>,
    ) -> Result<Self, RegistryError> {
        let mut builder = SrSettings::new_builder(config.url.clone());
        builder.set_timeout(CALL_TIMEOUT);
        if let Some(user) = &config.username {
            builder.set_basic_authorization(user, config.password.as_deref());
        }
        let settings = builder.build().map_err(|error| RegistryError::Client(error.to_string()))?;
        let http = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .build()
            .map_err(|error| RegistryError::Client(error.to_string()))?;
        let inner = Inner {
            config: config.clone(),
            settings,
            http,
            runtime,
            writers: Mutex::default(),
            offline,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.inner.runtime.block_on(future)
    }

    pub(crate) fn settings(&self) -> &SrSettings {
        &self.inner.settings
    }

    pub(crate) fn away(&self, detail: impl fmt::Display) -> RegistryError {
        RegistryError::Away { url: self.inner.config.url.clone(), detail: detail.to_string() }
    }

    /// Whether the registry answers and knows us; says nothing about schemas.
    pub async fn ping(&self) -> Result<(), RegistryError> {
        let response = self.send(self.request(reqwest::Method::GET, "/subjects")).await?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(refusal("a list of its subjects".to_owned(), response).await)
    }

    /// The id under which `topic`'s subject has our own schema; `None` if it has it not.
    pub async fn registered_id(&self, topic: Topic) -> Result<Option<u32>, RegistryError> {
        let Some(schema) = schema::by_name(topic.schema_name()) else { return Ok(None) };
        if self.inner.offline.is_some() {
            return Ok(self.offline_id(topic));
        }
        let path = format!("/subjects/{}", topic.subject());
        let body = json!({ "schema": schema.text, "schemaType": "AVRO" });
        let response = self.send(self.request(reqwest::Method::POST, &path).json(&body)).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                let found: Found = response.json().await.map_err(|error| self.away(error))?;
                Ok(Some(found.id))
            }
            _ => Err(refusal(format!("a look-up of {}", topic.subject()), response).await),
        }
    }

    /// The writer's schema with this id; `None` if the registry does not know it.
    pub async fn writer_schema(&self, id: u32) -> Result<Option<&'static Schema>, RegistryError> {
        if let Some(offline) = &self.inner.offline {
            let name = offline.iter().find(|(_, known)| **known == id).map(|(name, _)| *name);
            return Ok(name.and_then(schema::by_name).and_then(|schema| schema.parsed().ok()));
        }
        if let Some(known) = self.known_writer(id) {
            return Ok(Some(known));
        }
        if id > GREATEST_ID {
            return Ok(None);
        }
        let registered = match get_schema_by_id(id, &self.inner.settings).await {
            Ok(registered) => registered,
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(self.away(error)),
        };
        Ok(self.parsed(id, &registered.schema))
    }

    /// The id of `topic`'s schema where no registry is asked.
    pub(crate) fn offline_id(&self, topic: Topic) -> Option<u32> {
        self.inner.offline.as_ref()?.get(topic.schema_name()).copied()
    }

    /// The schema with this id and text; `None` if it is no Avro schema by itself.
    pub(crate) fn parsed(&self, id: u32, text: &str) -> Option<&'static Schema> {
        let known = self.known_writer(id);
        known.or_else(|| Some(self.keep_writer(id, Schema::parse_str(text).ok()?)))
    }

    fn known_writer(&self, id: u32) -> Option<&'static Schema> {
        self.inner.writers.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    fn keep_writer(&self, id: u32, parsed: Schema) -> &'static Schema {
        let mut writers = self.inner.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.entry(id).or_insert_with(|| Box::leak(Box::new(parsed)))
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let config = &self.inner.config;
        let request = self.inner.http.request(method, format!("{}{path}", config.url));
        match &config.username {
            Some(user) => request.basic_auth(user, config.password.as_ref()),
            None => request,
        }
    }

    pub(crate) async fn send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, RegistryError> {
        let response = request.send().await.map_err(|error| self.away(with_sources(&error)))?;
        if response.status().is_server_error() {
            return Err(self.away(response.status()));
        }
        Ok(response)
    }
}

#[derive(Deserialize)]
struct Found {
    id: u32,
}

/// Turns a 4xx answer into its reason.
pub(crate) async fn refusal(what: String, response: reqwest::Response) -> RegistryError {
    let status = response.status();
    let reason = response.text().await.unwrap_or_default();
    RegistryError::Refused { what, reason: format!("{status} {reason}") }
}

/// The registry's error codes are its HTTP status with two digits behind.
fn is_not_found(error: &SRCError) -> bool {
    let raw = error.source().and_then(|source| source.downcast_ref::<RawError>());
    raw.is_some_and(|raw| raw.error_code / 100 == 404 || raw.error_code == 404)
}

fn with_sources(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The schema that values of `topic` have.
pub(crate) fn schema_of(topic: Topic) -> Result<&'static TopicSchema, RegistryError> {
    schema::by_name(topic.schema_name())
        .ok_or_else(|| RegistryError::Client(format!("no schema {}", topic.schema_name())))
}
