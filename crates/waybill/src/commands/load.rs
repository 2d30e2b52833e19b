//! `waybill load`: a bounded load generator for ingest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{Exit, cli::LoadArgs, output};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// What came of a load.
#[derive(Debug, Serialize)]
struct Outcome {
    events_sent: u64,
    events_accepted: u64,
    requests_refused: u64,
    seconds: f64,
    events_per_second: f64,
    answer_ms_p50: f64,
    answer_ms_p99: f64,
}

struct Generator {
    http: reqwest::Client,
    url: String,
    write_key: String,
    run: u64,
    events: u64,
    per_request: u64,
    next: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    rate: Option<u64>,
    begun: Instant,
}

/// Sends the events and says what came of them. Not every event accepted: exit code 1.
pub(crate) async fn run(arguments: &LoadArgs) -> anyhow::Result<Exit> {
    let generator = Arc::new(Generator {
        http: reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?,
        url: format!("http://{}/v1/batch", arguments.target),
        write_key: arguments.write_key.clone(),
        run: now_ms(),
        events: arguments.events,
        per_request: arguments.per_request,
        next: AtomicU64::new(0),
        accepted: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        rate: arguments.rate,
        begun: Instant::now(),
    });
    let mut connections = JoinSet::new();
    for _ in 0..arguments.connections.max(1) {
        connections.spawn(connection(Arc::clone(&generator)));
    }
    let telling = tokio::spawn(tell(Arc::clone(&generator)));
    let mut answers = Vec::new();
    while let Some(ended) = connections.join_next().await {
        answers.extend(ended??);
    }
    telling.abort();
    let outcome = generator.outcome(answers);
    let whole = outcome.events_accepted == arguments.events;
    if arguments.json {
        output::json(&outcome)?;
    } else {
        output::text(&describe(&outcome));
    }
    Ok(if whole { Exit::Done } else { Exit::Failed })
}

impl Generator {
    /// Takes the next request's range of event numbers.
    fn take(&self) -> Option<std::ops::Range<u64>> {
        let start = self.next.fetch_add(self.per_request, Ordering::Relaxed);
        (start < self.events).then(|| start..(start + self.per_request).min(self.events))
    }

    fn body(&self, numbers: std::ops::Range<u64>) -> serde_json::Value {
        let batch: Vec<_> = numbers
            .map(|number| {
                json!({
                    "type": "track",
                    "event": "Load Tested",
                    "messageId": format!("load-{}-{number}", self.run),
                    "anonymousId": format!("load-device-{}", number % 1_000),
                    "properties": { "number": number, "text": "a property of a usual length" },
                    "context": { "locale": "en-GB", "page": { "url": "https://shop.example/load" } },
                })
            })
            .collect();
        json!({ "batch": batch })
    }

    /// Waits until the rate allows event `number`.
    async fn pace(&self, number: u64) {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return };
        let due = Duration::from_millis(number.saturating_mul(1_000) / rate);
        tokio::time::sleep(due.saturating_sub(self.begun.elapsed())).await;
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for a person")]
    fn outcome(&self, mut answers: Vec<Duration>) -> Outcome {
        answers.sort_unstable();
        let at = |share: usize| {
            let index = (answers.len() * share / 100).min(answers.len().saturating_sub(1));
            answers.get(index).map_or(0.0, |answer| answer.as_secs_f64() * 1_000.0)
        };
        let seconds = self.begun.elapsed().as_secs_f64();
        let accepted = self.accepted.load(Ordering::Relaxed);
        Outcome {
            events_sent: self.events,
            events_accepted: accepted,
            requests_refused: self.refused.load(Ordering::Relaxed),
            seconds,
            events_per_second: accepted as f64 / seconds,
            answer_ms_p50: at(50),
            answer_ms_p99: at(99),
        }
    }
}

async fn connection(generator: Arc<Generator>) -> anyhow::Result<Vec<Duration>> {
    let mut answers = Vec::new();
    while let Some(numbers) = generator.take() {
        generator.pace(numbers.start).await;
        let count = numbers.end - numbers.start;
        let asked = Instant::now();
        let answer = generator
            .http
            .post(&generator.url)
            .basic_auth(&generator.write_key, Some(""))
            .json(&generator.body(numbers))
            .send()
            .await?;
        answers.push(asked.elapsed());
        if answer.status().is_success() {
            generator.accepted.fetch_add(count, Ordering::Relaxed);
        } else {
            generator.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(answers)
}

async fn tell(generator: Arc<Generator>) {
    loop {
        tokio::time::sleep(TELL_EVERY).await;
        let accepted = generator.accepted.load(Ordering::Relaxed);
        output::progress(&format!("{accepted} of {} events accepted", generator.events));
    }
}

fn describe(outcome: &Outcome) -> String {
    format!(
        "{} of {} events accepted in {:.1} s ({:.0} events/s), {} requests refused; answers: p50 {:.1} ms, p99 {:.1} ms",
        outcome.events_accepted,
        outcome.events_sent,
        outcome.seconds,
        outcome.events_per_second,
        outcome.requests_refused,
        outcome.answer_ms_p50,
        outcome.answer_ms_p99
    )
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}
