//! The log as ingest sees it: the seam that lets its tests decide when the broker acknowledges.

use std::future::Future;

use kafka_runtime::{Delivered, Outgoing, Producer, SendError};

/// Takes records and says when they are in the log. Outside of tests always a [`Producer`].
pub trait Log: Send + Sync + 'static {
    /// Resolves when every record has its delivery report; an error if any was not acknowledged.
    fn append(
        &self,
        records: Vec<Outgoing>,
    ) -> impl Future<Output = Result<Vec<Delivered>, SendError>> + Send;

    /// How full the local queue is, 0.0 to 1.0.
    fn fill(&self) -> f64;
}

impl Log for Producer {
    async fn append(&self, records: Vec<Outgoing>) -> Result<Vec<Delivered>, SendError> {
        self.send_all(records).await
    }

    fn fill(&self) -> f64 {
        self.queue_fill()
    }
}
