//! How much ingest takes in hand at once: what is more is sent away before it is read.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{config::Config, refusal::Refusal};

/// The smallest amount of memory that is counted: a permit.
const UNIT: usize = 1024;

/// What is left of the limits on requests and on bytes of bodies.
pub(crate) struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    largest_body: usize,
}

/// A request that was let in, until it is dropped.
#[must_use]
pub(crate) struct Admitted {
    _request: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(config: &Config) -> Self {
        // A body of the largest size must fit, or it would be sent away for ever.
        let bytes = config.max_bytes_in_flight.max(config.max_body_bytes);
        Self {
            requests: Arc::new(Semaphore::new(config.max_requests_in_flight)),
            bytes: Arc::new(Semaphore::new(bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS))),
            largest_body: config.max_body_bytes,
        }
    }

    /// Lets a request in, or sends it away. `length` is what it says of its body.
    pub(crate) fn admit(&self, length: Option<usize>) -> Result<Admitted, Refusal> {
        let bytes = length.unwrap_or(self.largest_body).min(self.largest_body);
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let request = Arc::clone(&self.requests).try_acquire_owned();
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(units);
        match (request, bytes) {
            (Ok(request), Ok(bytes)) => Ok(Admitted { _request: request, _bytes: bytes }),
            _ => Err(Refusal::Overloaded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        Admission::new(&Config {
            max_requests_in_flight: 3,
            max_bytes_in_flight: 10 * UNIT,
            max_body_bytes: 6 * UNIT,
            ..Config::default()
        })
    }

    #[test]
    fn requests_are_sent_away_beyond_the_limit_until_one_is_done() {
        let admission = admission();
        let mut held: Vec<_> = (0..3).map(|_| admission.admit(Some(0)).unwrap()).collect();
        assert_eq!(admission.admit(Some(0)).err(), Some(Refusal::Overloaded));
        held.pop();
        assert!(admission.admit(Some(0)).is_ok());
    }

    #[test]
    fn a_body_without_a_length_counts_as_the_largest() {
        let admission = admission();
        let unknown = admission.admit(None).unwrap();
        assert!(admission.admit(None).is_err());
        let known = admission.admit(Some(4 * UNIT)).unwrap();
        assert!(admission.admit(Some(1)).is_err());
        drop((unknown, known));
        assert!(admission.admit(Some(usize::MAX)).is_ok(), "it is refused by its size later");
    }
}
