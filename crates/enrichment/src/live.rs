//! The enrichments in force, which may be replaced while the process runs.

use std::sync::{Arc, PoisonError, RwLock};

use crate::Enrichments;

/// The enrichments in force. Clones share them.
#[derive(Clone)]
pub struct LiveEnrichments(Arc<RwLock<Arc<Enrichments>>>);

impl From<Enrichments> for LiveEnrichments {
    fn from(enrichments: Enrichments) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(enrichments))))
    }
}

impl LiveEnrichments {
    /// Those in force now. One event is enriched by one of them.
    pub fn current(&self) -> Arc<Enrichments> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts others in their place, for whoever asks from now on.
    pub fn replace(&self, enrichments: Enrichments) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(enrichments);
    }
}
