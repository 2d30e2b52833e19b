//! Why a request is refused, and what the sender is told.

use axum::http::StatusCode;
use telemetry::IngestRefusal;

use crate::{message::BodyProblem, shell::retry_after_seconds};

/// Why a request is refused as a whole. None of its events may be taken for delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Ingest cannot write yet.
    #[error("ingest is not ready yet; send the same request again later")]
    NotReady,
    /// The local queue is nearly full.
    #[error("ingest takes no more at the moment; send the same request again later")]
    Overloaded,
    /// The source has sent more than it may.
    #[error("the source sends more events than it may; send the same request again later")]
    RateLimited {
        /// After how many seconds it may send this request.
        seconds: u16,
    },
    /// A page of another origin than the source's shows its key.
    #[error("pages of this origin may not send with this write key")]
    OriginNotAllowed,
    /// First-party ids are not configured.
    #[error("this server mints no first-party ids: it has no key under [first_party]")]
    NoFirstPartyKey,
    /// A content encoding that is not taken.
    #[error("this Content-Encoding is not taken: send gzip, deflate, br, zstd or nothing")]
    UnsupportedEncoding,
    /// The body did not come whole, or is not what its encoding says.
    #[error("{0}")]
    UnreadableBody(&'static str),
    /// The body did not come in time.
    #[error("the body did not come in time")]
    SlowBody,
    /// The body, or what it unpacks to, is too large.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The limit that it is over, in bytes.
        limit: usize,
    },
    /// The body is no batch or event.
    #[error(transparent)]
    Body(#[from] BodyProblem),
    /// No write key, or no source has this one.
    #[error("{0}")]
    UnknownWriteKey(&'static str),
    /// An event is larger than the log takes. Its index counts from 0.
    #[error("event {index} of the request is larger than the {limit} bytes that one may have")]
    EventTooLarge {
        /// Which one, counted from 0.
        index: usize,
        /// What the log takes, in bytes.
        limit: usize,
    },
    /// The events together are too large, with what the batch says for all of them.
    #[error("the events of the request are together larger than {limit} bytes")]
    EventsTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The log did not acknowledge every event.
    #[error("not every event was acknowledged; send the same request again")]
    NotAcknowledged,
    /// An event could not be encoded: a fault of ours.
    #[error("an event could not be encoded")]
    NotEncoded,
    /// No such route.
    #[error("there is nothing here; events go to POST /v1/batch")]
    NoRoute,
    /// Not with this method.
    #[error("events are sent with POST")]
    WrongMethod,
}

impl Refusal {
    /// HTTP status. SDKs drop events at 400, 401, 413 and 415 and send them again at 408 and 5xx.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotReady | Self::Overloaded | Self::NotAcknowledged => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::OriginNotAllowed => StatusCode::FORBIDDEN,
            Self::NoFirstPartyKey => StatusCode::NOT_IMPLEMENTED,
            Self::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyProblem::TooManyEvents { .. })
            | Self::BodyTooLarge { .. }
            | Self::EventTooLarge { .. }
            | Self::EventsTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnreadableBody(_) | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::UnknownWriteKey(_) => StatusCode::UNAUTHORIZED,
            Self::NotEncoded => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// The word in the answer; where the refusal is counted, the same as in the metric.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotReady => "not-ready",
            Self::UnreadableBody(_) => "unreadable-body",
            Self::SlowBody => "slow-body",
            Self::NotEncoded => "not-encoded",
            Self::NoFirstPartyKey => "no-first-party-key",
            Self::NoRoute => "no-such-route",
            Self::WrongMethod => "wrong-method",
            _ => self.counted().map_or("refused", IngestRefusal::word),
        }
    }

    /// How it is counted; `None` for what the status in the request metric tells well enough.
    pub(crate) fn counted(&self) -> Option<IngestRefusal> {
        Some(match self {
            Self::Overloaded => IngestRefusal::Overloaded,
            Self::RateLimited { .. } => IngestRefusal::RateLimited,
            Self::OriginNotAllowed => IngestRefusal::OriginNotAllowed,
            Self::UnsupportedEncoding => IngestRefusal::UnsupportedEncoding,
            Self::Body(BodyProblem::NotJson(_) | BodyProblem::NotAnObject) => {
                IngestRefusal::NotJson
            }
            Self::Body(BodyProblem::NoBatch | BodyProblem::EmptyBatch | BodyProblem::NoEvents) => {
                IngestRefusal::EmptyBatch
            }
            Self::Body(BodyProblem::TooManyEvents { .. })
            | Self::BodyTooLarge { .. }
            | Self::EventTooLarge { .. }
            | Self::EventsTooLarge { .. } => IngestRefusal::TooLarge,
            Self::UnknownWriteKey(_) => IngestRefusal::UnknownWriteKey,
            Self::NotAcknowledged => IngestRefusal::NotAcknowledged,
            Self::NotReady
            | Self::UnreadableBody(_)
            | Self::SlowBody
            | Self::NotEncoded
            | Self::NoFirstPartyKey
            | Self::NoRoute
            | Self::WrongMethod => return None,
        })
    }

    /// After how many seconds the sender shall try again, where it shall.
    pub(crate) fn retry_after(&self) -> Option<u16> {
        match self {
            Self::RateLimited { seconds } => Some(*seconds),
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => {
                Some(u16::from(retry_after_seconds()))
            }
            _ => None,
        }
    }
}
