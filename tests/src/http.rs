//! A blocking HTTP client.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use reqwest::{Client, RequestBuilder};
use tokio::runtime::Runtime;

/// Longer than ingest waits for the broker.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A client and the runtime that it runs on; clones share both.
#[derive(Debug, Clone)]
pub struct Http {
    runtime: Arc<Runtime>,
    client: Client,
}

/// An answer of any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body as text.
    pub body: String,
}

impl Http {
    /// A client past any proxy: all it talks to is on 127.0.0.1.
    pub fn new(runtime: Arc<Runtime>) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()?;
        Ok(Self { runtime, client })
    }

    /// The runtime that it runs on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The answer to a GET. An error means that none came.
    pub fn get(&self, url: &str) -> anyhow::Result<Answer> {
        self.answer(self.client.get(url)).with_context(|| format!("GET {url}"))
    }

    /// The answer to a POST; a write key goes as the user of Basic authentication.
    pub fn post(&self, url: &str, write_key: Option<&str>, body: &[u8]) -> anyhow::Result<Answer> {
        let request = self.client.post(url).body(body.to_owned());
        let request = match write_key {
            Some(key) => request.basic_auth(key, Some("")),
            None => request,
        };
        self.answer(request).with_context(|| format!("POST {url}"))
    }

    fn answer(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        self.runtime.block_on(async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            Ok(Answer { status, body: response.text().await? })
        })
    }
}

impl Answer {
    /// The body of an answer with status 200; any other is an error that shows it.
    pub fn ok(self) -> anyhow::Result<String> {
        ensure!(self.status == 200, "answered {}: {}", self.status, self.body.trim());
        Ok(self.body)
    }
}
