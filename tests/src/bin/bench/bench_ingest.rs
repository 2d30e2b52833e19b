//! Ingest by itself: the real process, asked over real sockets, beside a loop that only parses,
//! encodes and produces the same events.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use event::{RawEvent, codec::Encoder};
use kafka_runtime::{Outgoing, Producer};
use local_stack::{JavaTuning, Progress};
use serde::Deserialize;
use serde_json::value::RawValue;
use topology::{Service, Topic};
use waybill_tests::{Flow, Options, WEB, spent};

use crate::cpu_seconds;

/// Events in a request, and how many of them are sent in all for each thousand of `BENCH_EVENTS`.
const SIZES: [(usize, usize); 3] = [(1, 100), (20, 500), (100, 1_000)];
/// Requests at once.
const CONNECTIONS: usize = 16;
/// How long half of the full rate is kept.
const HALF_LOAD: Duration = Duration::from_secs(10);

/// What ingest costs with so many events in a request.
#[derive(Debug)]
pub(crate) struct IngestFigure {
    /// Events in a request.
    pub(crate) per_request: usize,
    /// CPU microseconds per event, user and system, of ingest alone.
    pub(crate) cpu_us_per_event: f64,
    /// The same of the loop.
    pub(crate) floor_us_per_event: f64,
    /// Events per second, with everything on the same cores.
    pub(crate) events_per_second: f64,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct IngestFigures {
    /// By size of the request.
    pub(crate) figures: Vec<IngestFigure>,
    /// Milliseconds until 200 at half of the full rate, 100 events in a request: median.
    pub(crate) half_load_p50_ms: f64,
    /// The same, 99th percentile.
    pub(crate) half_load_p99_ms: f64,
    /// The most memory that ingest ever had, in MiB.
    pub(crate) peak_mib: u64,
}

/// Starts a flow, ends all of it but ingest, and measures.
pub(crate) fn run(events: usize) -> anyhow::Result<IngestFigures> {
    let progress = Progress::new(|line| eprintln!("{line}"));
    let options =
        Options { kind: "bench", progress, proxied: false, java: JavaTuning::LongRun, shards: 1 };
    let flow = Flow::start(&options, &|line| eprintln!("{line}"))?;
    for service in Service::RUNNABLE.into_iter().filter(|service| *service != Service::Ingest) {
        flow.service(service).stop_gracefully()?;
    }
    let loop_of_ours = Floor { producer: Producer::new(flow.kafka())?, flow: &flow };
    // Both ways once, so that caches and Java's compilers are warm.
    Asked::all(&flow, 100, events / 4)?;
    loop_of_ours.run(100, events / 4)?;
    let mut figures = Vec::new();
    for (per_request, share) in SIZES {
        let count = events * share / 1_000;
        eprintln!("measuring ingest, {per_request} events in a request");
        let asked = Asked::all(&flow, per_request, count)?;
        let floor_us_per_event = loop_of_ours.run(per_request, count)?;
        figures.push(IngestFigure {
            per_request,
            cpu_us_per_event: asked.cpu_us_per_event,
            floor_us_per_event,
            events_per_second: asked.events_per_second,
        });
    }
    let full = figures.last().map_or(0.0, |figure| figure.events_per_second);
    eprintln!("measuring ingest at half of {full:.0} events/s for {HALF_LOAD:?}");
    let [half_load_p50_ms, half_load_p99_ms] = at_half_load(&flow, full)?;
    let peak_mib = spent("ingest", flow.service(Service::Ingest).pid())?.peak_mib;
    Ok(IngestFigures { figures, half_load_p50_ms, half_load_p99_ms, peak_mib })
}

/// What asking over HTTP came to.
struct Asked {
    cpu_us_per_event: f64,
    events_per_second: f64,
}

impl Asked {
    /// Sends so many events over all connections, each as soon as the one before is answered.
    fn all(flow: &Flow, per_request: usize, events: usize) -> anyhow::Result<Self> {
        let pid = flow.service(Service::Ingest).pid();
        let (cpu, begun) = (spent("ingest", pid)?.cpu, Instant::now());
        let requests = events / per_request;
        over_all_connections(requests, |number| send(flow, number, per_request))?;
        let count = as_f64(requests * per_request);
        Ok(Self {
            cpu_us_per_event: (spent("ingest", pid)?.cpu - cpu) * 1e6 / count,
            events_per_second: count / begun.elapsed().as_secs_f64(),
        })
    }
}

/// Half of the full rate, each request at its time: p50 and p99 of the time to 200, in
/// milliseconds.
fn at_half_load(flow: &Flow, full: f64) -> anyhow::Result<[f64; 2]> {
    let per_second = full / 2.0 / 100.0;
    let begun = Instant::now();
    let times = std::sync::Mutex::new(Vec::new());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let requests = (per_second * HALF_LOAD.as_secs_f64()).round() as usize;
    over_all_connections(requests, |number| {
        let due = begun + Duration::from_secs_f64(as_f64(number) / per_second);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        send(flow, number, 100)?;
        // From when it was due: a generator that is late hides nothing.
        let took = due.elapsed().as_secs_f64() * 1e3;
        times.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?.push(took);
        Ok(())
    })?;
    let mut times = times.into_inner()?;
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(f64::NAN);
    Ok([at(50), at(99)])
}

fn over_all_connections(
    requests: usize,
    work: impl Fn(usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let connection = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return Ok(());
                }
                work(number)?;
            }
        };
        let running: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
        running
            .into_iter()
            .try_for_each(|one| one.join().map_err(|_| anyhow::anyhow!("a connection panicked"))?)
    })
}

fn send(flow: &Flow, number: usize, per_request: usize) -> anyhow::Result<()> {
    let body = body(number, per_request);
    let answer = flow.post("/v1/batch", WEB.write_key, body.as_bytes())?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// The loop: no socket, no limits, no facts; one task for each connection.
struct Floor<'a> {
    producer: Producer,
    flow: &'a Flow,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<OneOfBatch<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneOfBatch<'a> {
    #[serde(rename = "type")]
    kind: String,
    message_id: String,
    anonymous_id: String,
    event: String,
    timestamp: String,
    #[serde(borrow)]
    context: &'a RawValue,
    #[serde(borrow)]
    properties: &'a RawValue,
}

impl Floor<'_> {
    /// CPU microseconds per event of this process.
    fn run(&self, per_request: usize, events: usize) -> anyhow::Result<f64> {
        let encoder = self.flow.raw_encoder()?;
        let requests = events / per_request;
        let bodies: Vec<String> = (0..requests).map(|number| body(number, per_request)).collect();
        let cpu = cpu_seconds();
        over_all_connections(requests, |number| {
            let records = parsed(&bodies[number], encoder)?;
            self.flow.http().runtime().block_on(self.producer.send_all(records))?;
            Ok(())
        })?;
        Ok((cpu_seconds() - cpu) * 1e6 / as_f64(requests * per_request))
    }
}

fn parsed(body: &str, encoder: &Encoder) -> anyhow::Result<Vec<Outgoing>> {
    let batch: Batch<'_> = serde_json::from_str(body).context("a body")?;
    let record = |message: OneOfBatch<'_>| {
        let key = Some(message.anonymous_id.clone().into_bytes());
        let event = RawEvent {
            source: Some(WEB.id.to_owned()),
            kind: Some(message.kind),
            message_id: Some(message.message_id),
            anonymous_id: Some(message.anonymous_id),
            event: Some(message.event),
            timestamp: Some(message.timestamp),
            context: Some(message.context.get().to_owned()),
            properties: Some(message.properties.get().to_owned()),
            ..RawEvent::default()
        };
        let value = Some(encoder.encode(&event)?);
        Ok(Outgoing { topic: Topic::RawEvents, partition: None, key, value, headers: Vec::new() })
    };
    batch.batch.into_iter().map(record).collect()
}

/// About 700 bytes an event, as an SDK in a browser sends.
fn body(number: usize, per_request: usize) -> String {
    let mut text = String::from("{\"batch\":[");
    for place in 0..per_request {
        let event = number * per_request + place;
        let comma = if place > 0 { "," } else { "" };
        // Writing to a String cannot fail.
        let _written = write!(
            text,
            "{comma}{{\"type\":\"track\",\"event\":\"Product Viewed\",\
             \"messageId\":\"ajs-next-1795428930000-{event:012}\",\
             \"anonymousId\":\"5f0c7f9e-1a52-4f5e-9a8b-{:012}\",\
             \"timestamp\":\"2026-11-23T10:15:30.000Z\",\
             \"properties\":{{\"product_id\":\"{}\",\"name\":\"Article no. {event}\",\
             \"category\":\"shoes\",\"price\":49.99,\"currency\":\"EUR\",\"quantity\":1}},\
             \"context\":{{\"page\":{{\"url\":\"https://shop.example/p/{event}?utm_source=news\",\
             \"path\":\"/p/{event}\",\"referrer\":\"https://www.google.com/\",\"title\":\"Article\"}},\
             \"userAgent\":\"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
             Gecko) Chrome/142.0.0.0 Safari/537.36\",\"locale\":\"en-GB\",\
             \"timezone\":\"Europe/London\",\"library\":{{\"name\":\"analytics.js\",\
             \"version\":\"next-1.84.3\"}}}}}}",
            event % 5_000,
            event % 1_000,
        );
    }
    text.push_str("],\"sentAt\":\"2026-11-23T10:15:30.100Z\"}");
    text
}

#[expect(clippy::cast_precision_loss, reason = "figures for a person")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_what_the_loop_can_parse_and_of_the_size_of_an_sdks() {
        let text = body(7, 20);
        let batch: Batch<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(batch.batch.len(), 20);
        assert!((600..800).contains(&(text.len() / 20)), "{}", text.len() / 20);
    }
}
