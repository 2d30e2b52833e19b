//! INSERTs whose answer can be relied on.
//!
//! Questions and DDL go through the crate `clickhouse`; INSERTs of rows do not. Its INSERT streams a body without a
//! length and makes the bytes of each row as it is written. Ours has a `Content-Length`, so that a server
//! knows a body that was cut off; its rows are bytes already, which are sent again in pieces when one of
//! them is refused; and of the answer the status, the headers, the code and the row of an exception are
//! kept, on which the loader decides.

use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::answer::{HttpAnswer, classify};
use crate::body::Body;
use crate::client::Warehouse;
use crate::error::with_sources;
use crate::half_sent;
use crate::hosts::Hosts;
use crate::{Compression, InsertAnswer, Row, RowBytes, RowWriter, Shard, WarehouseError};

/// An INSERT of rows that are bytes already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsertRequest {
    /// The table.
    pub table: &'static str,
    /// Columns in the order of the rows' bytes.
    pub columns: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<RowBytes>,
    /// Deduplication token: the same for the same rows, another for any other; empty for none.
    pub token: String,
    /// Id of the query; no two are the same.
    pub query_id: String,
    /// The shard that takes the rows.
    pub shard: Shard,
}

impl InsertRequest {
    /// An INSERT of `rows` into the home shard.
    pub fn new<'a, R: Row + 'a>(
        rows: impl IntoIterator<Item = &'a R>,
        token: String,
        query_id: String,
    ) -> Self {
        let mut writer = RowWriter::new(Compression::None);
        let rows = rows.into_iter().map(|row| writer.write(row)).collect();
        writer.pack();
        Self::of::<R>(rows, token, query_id, Shard::HOME)
    }

    /// An INSERT of rows of `R` that a [`RowWriter`] has written.
    pub fn of<R: Row>(rows: Vec<RowBytes>, token: String, query_id: String, shard: Shard) -> Self {
        let columns = R::COLUMNS.to_vec();
        Self { table: R::TABLE, columns, rows, token, query_id, shard }
    }

    fn statement(&self) -> String {
        format!("INSERT INTO {} ({}) FORMAT RowBinary", self.table, self.columns.join(", "))
    }
}

/// One block, written and answered for before the answer begins.
const SETTINGS: &[(&str, &str)] = &[
    // On by default since 26.x, with another way to deduplicate.
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    // A merge of the block before it is written would fold duplicates before anyone sees them.
    ("optimize_on_insert", "0"),
    ("wait_end_of_query", "1"),
    // Parallel parsing cuts blocks at 10 MB.
    ("input_format_parallel_parsing", "0"),
    // The defaults, which hold any batch, whatever an operator's profile says: a token is taken block by block,
    // so of two INSERTs under one token the longer one would be taken in part.
    ("max_insert_block_size", "1048449"),
    ("max_insert_block_size_bytes", "0"),
    ("min_insert_block_size_rows", "1048449"),
    ("min_insert_block_size_bytes", "268402944"),
    // A batch of redriven events may come from as many months as it has events.
    ("max_partitions_per_insert_block", "0"),
];

/// What one replica has acknowledged may die with it (ClickHouse#55109).
pub(crate) const QUORUM: (&str, &str) = ("insert_quorum", "auto");

impl Warehouse {
    /// What makes bytes of rows as they will be sent.
    pub fn row_writer(&self) -> RowWriter {
        RowWriter::new(self.compression)
    }

    /// Sends an INSERT and says how it ended. One attempt, at the first host of the shard that can be
    /// reached; the caller decides about another, which goes to the next host if this one could not.
    pub async fn insert(&self, request: InsertRequest) -> InsertAnswer {
        let body = match RowBytes::body(&request.rows, self.compression) {
            Ok(body) => body,
            Err(error) => return InsertAnswer::Away(format!("nothing was sent: {error}")),
        };
        let hosts = match self.hosts(request.shard) {
            Ok(hosts) => hosts,
            Err(error) => return InsertAnswer::Away(format!("nothing was sent: {error}")),
        };
        let mut answer = InsertAnswer::Away("there is no host".to_owned());
        for index in hosts.in_turn() {
            answer = self.insert_at(hosts, index, &request, body.clone()).await;
            if let Some(why) = answer.is_of_the_host() {
                hosts.leave(index, &why);
            }
            // Whatever was sent may be there: only who has settled and read back may send it again.
            if !matches!(answer, InsertAnswer::Away(_)) {
                break;
            }
        }
        answer
    }

    async fn insert_at(
        &self,
        hosts: &Hosts,
        index: usize,
        request: &InsertRequest,
        body: Body,
    ) -> InsertAnswer {
        let Some(url) = self.insert_url(hosts, index, request) else {
            return InsertAnswer::Away("there is no such host".to_owned());
        };
        let mut headers = self.credentials.clone();
        if let Some(encoding) = self.compression.encoding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if crashpoint::reached(half_sent::POINT) {
            half_sent::send_half_and_act(&url, &headers, &body.concat());
        }
        match self.http.post(url).headers(headers).body(reqwest::Body::wrap(body)).send().await {
            Ok(response) => answer(response, request).await,
            Err(error) => no_answer(&error.without_url()),
        }
    }

    fn insert_url(&self, hosts: &Hosts, index: usize, request: &InsertRequest) -> Option<Url> {
        let mut url = hosts.all().get(index)?.url.clone();
        url.query_pairs_mut()
            .append_pair("database", &self.storage)
            .append_pair("query", &request.statement())
            .append_pair("query_id", &request.query_id)
            .extend_pairs(SETTINGS);
        if !request.token.is_empty() {
            url.query_pairs_mut().append_pair("insert_deduplication_token", &request.token);
        }
        if self.cluster.is_some() {
            url.query_pairs_mut().extend_pairs([QUORUM]);
        }
        Some(url)
    }

    /// Inserts rows that need no exactly-once loading: what the auditor writes.
    pub async fn append<R: Row>(&self, rows: &[R], query_id: String) -> Result<(), WarehouseError> {
        if rows.is_empty() {
            return Ok(());
        }
        match self.insert(InsertRequest::new(rows, String::new(), query_id)).await {
            InsertAnswer::Loaded => Ok(()),
            InsertAnswer::Away(detail) | InsertAnswer::Uncertain(detail) => {
                Err(WarehouseError::Away(detail))
            }
            InsertAnswer::Busy(exception) | InsertAnswer::Refused(exception) => {
                Err(WarehouseError::Exception(exception))
            }
        }
    }
}

async fn answer(response: reqwest::Response, request: &InsertRequest) -> InsertAnswer {
    let header = |name: &'static str| {
        let value = response.headers().get(HeaderName::from_static(name));
        value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut answer = HttpAnswer {
        status: response.status().as_u16(),
        query_id: header("x-clickhouse-query-id"),
        exception_code: header("x-clickhouse-exception-code"),
        summary: header("x-clickhouse-summary"),
        body: String::new(),
    };
    match response.text().await {
        Ok(body) => answer.body = body,
        Err(error) => return no_answer(&error.without_url()),
    }
    classify(&answer, &request.query_id, request.rows.len())
}

fn no_answer(error: &reqwest::Error) -> InsertAnswer {
    let detail = with_sources(error);
    if error.is_connect() { InsertAnswer::Away(detail) } else { InsertAnswer::Uncertain(detail) }
}

/// User and password as headers; never in the URL, which errors and logs may show.
pub(crate) fn credentials(user: &str, password: &str) -> Result<HeaderMap, WarehouseError> {
    let header = |key, text: &str| {
        let value = HeaderValue::from_str(text).map_err(|_| WarehouseError::Config {
            key,
            detail: "contains a character that HTTP headers cannot carry".to_owned(),
        })?;
        Ok::<_, WarehouseError>(value)
    };
    let mut password = header("password", password)?;
    password.set_sensitive(true);
    Ok(HeaderMap::from_iter([
        (HeaderName::from_static("x-clickhouse-user"), header("user", user)?),
        (HeaderName::from_static("x-clickhouse-key"), password),
    ]))
}
