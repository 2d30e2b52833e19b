//! The catalog in force, which may be replaced while the process runs.

use std::sync::{Arc, PoisonError, RwLock};

use crate::SourceCatalog;

/// The catalog in force. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct LiveCatalog(Arc<RwLock<Arc<SourceCatalog>>>);

impl LiveCatalog {
    /// A handle to this catalog.
    pub fn new(catalog: SourceCatalog) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(catalog))))
    }

    /// The catalog in force now. One request or event is judged by one of them.
    pub fn current(&self) -> Arc<SourceCatalog> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in its place, for whoever asks from now on.
    pub fn replace(&self, catalog: SourceCatalog) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }
}
