//! What identity-stitch finds out about who is who.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::label::{Nothing, Reason};
use super::{GLOBAL, plain};

/// Stands for a word that is not on the list: a refusal is never left uncounted.
const OTHER: &str = "other";

pub(super) struct Families {
    links: Family<Nothing, Counter>,
    refused: Family<Reason, Counter>,
    sessions: Family<Nothing, Counter>,
    orders_refused: Family<Nothing, Counter>,
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(r: &mut Registry) -> Self {
        Self {
            links: plain(r, "identity_links", "Candidate links told, those of aborted batches too; orders are among them", Family::default()),
            refused: plain(r, "identity_links_refused", "Those among them that did not hold when they were told, by reason", Family::default()),
            sessions: plain(r, "identity_sessions", "Sessions that began, those of aborted batches too", Family::default()),
            orders_refused: plain(r, "identity_orders_refused", "Orders of operators that were not followed, since they cannot be read or their ids cannot be linked; the log says which", Family::default()),
        }
    }
}

/// Metrics of links and sessions; clones count into the same.
#[derive(Debug, Clone)]
pub struct IdentityMetrics {
    links: Counter,
    refused: Vec<(&'static str, Counter)>,
    sessions: Counter,
    orders_refused: Counter,
}

impl IdentityMetrics {
    /// The metrics of this process. `refusals` are the words for why a link does not hold.
    pub fn of(refusals: impl IntoIterator<Item = &'static str>) -> Self {
        let families = &GLOBAL.identity;
        let counter = |reason| (reason, families.refused.get_or_create_owned(&Reason { reason }));
        Self {
            links: families.links.get_or_create_owned(&Nothing {}),
            refused: refusals.into_iter().chain([OTHER]).map(counter).collect(),
            sessions: families.sessions.get_or_create_owned(&Nothing {}),
            orders_refused: families.orders_refused.get_or_create_owned(&Nothing {}),
        }
    }

    /// A candidate link is told; `refused` is why it does not hold.
    pub fn link(&self, refused: Option<&str>) {
        self.links.inc();
        let Some(refused) = refused else { return };
        let known = self.refused.iter().find(|(reason, _)| *reason == refused);
        if let Some((_, counter)) = known.or(self.refused.last()) {
            counter.inc();
        }
    }

    /// A session began.
    pub fn session_began(&self) {
        self.sessions.inc();
    }

    /// An order was not followed.
    pub fn order_refused(&self) {
        self.orders_refused.inc();
    }
}
