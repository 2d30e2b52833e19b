//! Where the records of a request come to lie: in the log or, for the sources that ask for it, in
//! the spool.

use kafka_runtime::{Delivered, Outgoing};
use tracking_plan::Source;

use crate::{collector::Collector, log::Log, refusal::Refusal, spool::Spool};

/// Where the records of a request are.
pub(crate) enum Written {
    /// The broker has acknowledged each.
    InLog(Vec<Delivered>),
    /// All are on the disk.
    InSpool,
}

impl<L: Log> Collector<L> {
    /// Whether a request may be taken that the local queue has no room for: it comes from a source
    /// with a spool or, as long as the source is not known, there is a spool.
    pub(crate) fn may_spool(&self, source: Option<&Source>) -> bool {
        self.spool.is_some() && source.is_none_or(|source| source.config.spool)
    }

    /// Writes the records of a request; `crowded` says that the local queue has no room. While
    /// anything of a source lies in its spool, what comes after goes behind it.
    pub(crate) async fn write(
        &self,
        source: &Source,
        records: Vec<Outgoing>,
        crowded: bool,
    ) -> Result<Written, Refusal> {
        if records.is_empty() {
            return Ok(Written::InLog(Vec::new()));
        }
        let Some(spool) = self.spool_of(source) else {
            if crowded {
                return Err(Refusal::Overloaded);
            }
            return self.append(&source.id, records).await.map(Written::InLog);
        };
        if spool.holds(&source.id) {
            return keep(spool, source, records, Refusal::NotAcknowledged).await;
        }
        if crowded {
            return keep(spool, source, records, Refusal::Overloaded).await;
        }
        match self.append(&source.id, records.clone()).await {
            Err(refusal @ (Refusal::NotAcknowledged | Refusal::Overloaded)) => {
                keep(spool, source, records, refusal).await
            }
            appended => appended.map(Written::InLog),
        }
    }

    fn spool_of(&self, source: &Source) -> Option<&Spool> {
        self.spool.as_ref().filter(|_| source.config.spool)
    }
}

/// Keeps the records in the spool; where it does not take them either, the sender is told what it
/// would be told without a spool.
async fn keep(
    spool: &Spool,
    source: &Source,
    records: Vec<Outgoing>,
    otherwise: Refusal,
) -> Result<Written, Refusal> {
    let was_empty = !spool.holds(&source.id);
    spool.keep(&source.id, records).await.map_err(|_| otherwise)?;
    if was_empty {
        tracing::warn!(source = source.id, "events go to the spool until the broker takes them");
    }
    Ok(Written::InSpool)
}
