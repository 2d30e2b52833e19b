//! From the bytes of a request to its records, or to what would become of them.

use std::sync::Arc;

use axum::body::Bytes;
use event::{Millis, codec::Encoder};
use kafka_runtime::Outgoing;
use tokio::sync::Semaphore;
use tracking_plan::{Source, SourceCatalog};

use crate::{
    event_fate::Prospect,
    message::{Arrival, Body, BodyProblem, Envelope, Line, each},
    records::RecordMaker,
    refusal::Refusal,
    rehearsal::{Rehearsal, Rules},
    route::Shape,
    shell::given_id,
    unpack::Encoding,
};

/// Bodies above this are parsed off the threads that serve the sockets. Packed ones always: their
/// size says little.
const INLINE_BYTES: usize = 128 * 1024;

const UNKNOWN_KEY: Refusal = Refusal::UnknownWriteKey("no source has this write key");
/// No write key was shown.
pub(crate) const NO_KEY: Refusal = Refusal::UnknownWriteKey(
    "a write key is needed: as user name of Basic authentication, in X-Write-Key, or as writeKey in the body or query",
);

/// The source that has this write key.
pub(crate) fn source_of<'a>(catalog: &'a SourceCatalog, key: &str) -> Result<&'a Source, Refusal> {
    catalog.by_write_key(key).ok_or(UNKNOWN_KEY)
}

/// A request whose headers were read.
pub(crate) struct Opened {
    pub(crate) catalog: Arc<SourceCatalog>,
    pub(crate) max_body: usize,
    pub(crate) max_events: usize,
    pub(crate) encoding: Encoding,
    pub(crate) header_key: Option<String>,
    pub(crate) query_key: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    /// All but the source, which the body may name.
    pub(crate) arrival: Arrival,
    pub(crate) shape: Shape,
    pub(crate) traceparent: Option<String>,
    pub(crate) now: Millis,
}

/// A body taken apart.
enum Unpacked<'a> {
    /// All of it is taken, or none.
    Together(Body<'a>),
    /// Each message by itself.
    Each(Vec<Line<'a>>),
}

/// The records of a request, and the source that they came from.
pub(crate) struct Parcel {
    pub(crate) source: Source,
    pub(crate) records: Vec<Outgoing>,
    /// What is to be told of each event, where that is wanted.
    pub(crate) prospects: Option<Vec<Prospect>>,
}

/// Runs `work` on a request, off the socket threads where that may take long. No more than a few
/// large bodies are unpacked at once: each may need many times its size.
pub(crate) async fn opened<T: Send + 'static>(
    opened: Opened,
    bytes: Bytes,
    unpacking: &Arc<Semaphore>,
    work: impl FnOnce(Opened, &[u8]) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    if opened.encoding == Encoding::Identity && bytes.len() <= INLINE_BYTES {
        return work(opened, &bytes);
    }
    let permit = Arc::clone(unpacking).acquire_owned().await;
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(opened, &bytes)
    });
    done.await.unwrap_or(Err(Refusal::NotEncoded))
}

impl Opened {
    /// The records of the request.
    pub(crate) fn pack(mut self, encoder: &Encoder, bytes: &[u8]) -> Result<Parcel, Refusal> {
        let decoded = self.encoding.decode(bytes, self.max_body)?;
        let body = self.unpack(&decoded)?;
        let catalog = Arc::clone(&self.catalog);
        let source = self.sender(&body, &catalog)?;
        let rules = Rules { catalog: &catalog, now: self.now };
        let maker = RecordMaker {
            encoder,
            arrival: &self.arrival,
            traceparent: self.traceparent.as_deref(),
            max_body: self.max_body,
            strict: source.config.strict.then_some(&rules),
        };
        let mut give_id = |index| given_id(self.idempotency_key.as_deref(), index);
        let (records, prospects) = match &body {
            Unpacked::Together(body) => (maker.records(body, &mut give_id)?, None),
            Unpacked::Each(lines) => {
                let (records, prospects) = maker.each(lines, &mut give_id)?;
                (records, Some(prospects))
            }
        };
        Ok(Parcel { source: source.clone(), records, prospects })
    }

    /// What would become of each event of the request.
    pub(crate) fn rehearse(mut self, bytes: &[u8]) -> Result<Vec<Rehearsal>, Refusal> {
        let decoded = self.encoding.decode(bytes, self.max_body)?;
        let body = self.unpack(&decoded)?;
        let catalog = Arc::clone(&self.catalog);
        self.sender(&body, &catalog)?;
        let rules = Rules { catalog: &catalog, now: self.now };
        let mut give_id = |index| given_id(self.idempotency_key.as_deref(), index);
        let nothing_shared = Envelope::default();
        let (lines, envelope) = match &body {
            Unpacked::Together(body) => {
                let lines: Vec<Line<'_>> =
                    body.messages.iter().map(|&message| Ok(message)).collect();
                (lines, &body.envelope)
            }
            Unpacked::Each(lines) => (lines.clone(), &nothing_shared),
        };
        Ok(rules.rehearse(&lines, envelope, &self.arrival, &mut give_id))
    }

    fn unpack<'b>(&self, decoded: &'b [u8]) -> Result<Unpacked<'b>, Refusal> {
        let lines = || each(decoded, self.max_events).map(Unpacked::Each);
        let together = match self.shape {
            Shape::Batch => Body::batch(decoded, self.max_events),
            Shape::Single(_) => Body::single(decoded),
            Shape::Each => return Ok(lines()?),
            Shape::Any => match Body::batch(decoded, self.max_events) {
                Err(BodyProblem::NotJson(_) | BodyProblem::NotAnObject | BodyProblem::NoBatch) => {
                    return Ok(lines()?);
                }
                batch => batch,
            },
        };
        Ok(together.map(Unpacked::Together)?)
    }

    /// The source that the request's key names, if its page may send; noted in the arrival.
    fn sender<'c>(
        &mut self,
        body: &Unpacked<'_>,
        catalog: &'c SourceCatalog,
    ) -> Result<&'c Source, Refusal> {
        let in_body = || match body {
            Unpacked::Together(body) => body.write_key(),
            Unpacked::Each(_) => None,
        };
        let key = self.header_key.take().or_else(in_body);
        let key = key.or_else(|| self.query_key.take()).ok_or(NO_KEY)?;
        let source = source_of(catalog, &key)?;
        check_origin(source, self.arrival.request.origin.as_deref())?;
        self.arrival.source.clone_from(&source.id);
        Ok(source)
    }
}

/// Refuses a page of an origin that the source does not name.
pub(crate) fn check_origin(source: &Source, origin: Option<&str>) -> Result<(), Refusal> {
    let allowed = origin.is_none_or(|origin| source.allows_origin(origin));
    if allowed { Ok(()) } else { Err(Refusal::OriginNotAllowed) }
}
