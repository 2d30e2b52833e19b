//! The processes that read or write topics.

use std::fmt;

/// A process that reads or writes topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// HTTP in, `raw-events` out.
    Ingest,
    /// The quality gate.
    Validate,
    /// Adds what a server can work out.
    Enrich,
    /// Drops repeats, links identities.
    IdentityStitch,
    /// The way out.
    Forward,
    /// Closes the books.
    Audit,
    /// Any service in any language that writes `raw-events` itself.
    Producers,
    /// The operators' commands.
    Operators,
}

impl Service {
    /// The services that `waybill` runs, in the order of the flow.
    pub const RUNNABLE: [Self; 6] = [
        Self::Ingest,
        Self::Validate,
        Self::Enrich,
        Self::IdentityStitch,
        Self::Forward,
        Self::Audit,
    ];

    /// The service's name: its subcommand and its deployment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Validate => "validate",
            Self::Enrich => "enrich",
            Self::IdentityStitch => "identity-stitch",
            Self::Forward => "forward",
            Self::Audit => "audit",
            Self::Producers => "your services",
            Self::Operators => "operators",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
