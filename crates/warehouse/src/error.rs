//! Why a question or a command came to nothing.

use crate::Exception;
use crate::answer::is_of_the_host;

/// Why a question or a command came to nothing. (An INSERT has an
/// [`InsertAnswer`](crate::InsertAnswer) instead.)
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WarehouseError {
    /// ClickHouse cannot be reached or does not answer in time.
    #[error("ClickHouse does not answer: {0}")]
    Away(String),
    /// ClickHouse answers with an exception.
    #[error("ClickHouse answers with {0}")]
    Exception(Exception),
    /// The answer is not what the question asks for: tables and code do not fit together.
    #[error("ClickHouse's answer cannot be read: {0}")]
    Unreadable(String),
    /// INSERTs still run after they were told to stop.
    #[error("{count} queries {prefix}… still run after KILL QUERY")]
    StillRunning {
        /// What their ids begin with.
        prefix: String,
        /// How many.
        count: usize,
    },
    /// One of several replicas cannot be asked what runs on it.
    #[error(
        "what is under way at {host} is not known ({cause}): it must be reached again, or be taken out of \
         `replicas` or `more_shards` under [warehouse] if it is gone for good"
    )]
    Unsettled {
        /// Host and port.
        host: String,
        /// Why not.
        cause: String,
    },
    /// A host does not answer where every one must.
    #[error(
        "what {host} has is not known ({cause}): run it again when the host is reached, or take it out of \
         `replicas` or `more_shards` under [warehouse] if it is gone for good"
    )]
    Unheard {
        /// Host and port.
        host: String,
        /// Why not.
        cause: String,
    },
    /// A batch was begun in a shard that the configuration does not have (any more).
    #[error(
        "there is no shard {number}: a batch that is not settled yet was sent there. Put it back into \
         `more_shards` under [warehouse], at its old place, until forward has no lag"
    )]
    NoShard {
        /// Its place, from 1.
        number: usize,
    },
    /// Replicas that have caught up with each other tell different things.
    #[error("the replicas of the table {table} do not agree")]
    Disagreement {
        /// The table.
        table: String,
    },
    /// The tables or the cluster are not what the configuration says.
    #[error("{0}")]
    Unfit(String),
    /// A deletion that was asked for has not ended in time; it goes on.
    #[error(
        "the deletion from {table} is not done yet: {parts_to_do} parts are left{}. It goes on by \
         itself; see system.mutations",
        failed_with(failed)
    )]
    StillMutating {
        /// The table.
        table: &'static str,
        /// Parts that are still to be written anew.
        parts_to_do: u64,
        /// Name of the error of the last try; empty where none failed.
        failed: String,
    },
    /// Rows are left after a deletion that ended.
    #[error("{rows} rows are left in {table} after they were deleted")]
    NotDeleted {
        /// The table.
        table: &'static str,
        /// How many.
        rows: u64,
    },
    /// The configuration makes no sense.
    #[error("warehouse.{key}: {detail}")]
    Config {
        /// Which key.
        key: &'static str,
        /// What is wrong and how to mend it.
        detail: String,
    },
    /// A file of `deploy/clickhouse` that was applied has been changed since.
    #[error(
        "{0} was applied with another text: put the old text back and add a file with the change"
    )]
    ChangedMigration(String),
    /// A column of `events` is not what a tracking plan asks for.
    #[error("column {0}")]
    Column(String),
    /// ClickHouse could not work out a column anew.
    #[error("backfill of column {column}, month {month}: {detail}")]
    Backfill {
        /// Which column.
        column: String,
        /// Which partition of `events`.
        month: String,
        /// What became of it.
        detail: String,
    },
}

impl WarehouseError {
    /// Whether another host may do better.
    pub(crate) fn is_of_the_host(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Exception(exception) => is_of_the_host(exception.code),
            _ => false,
        }
    }
}

impl From<clickhouse::error::Error> for WarehouseError {
    fn from(error: clickhouse::error::Error) -> Self {
        use clickhouse::error::Error;
        match error {
            Error::BadResponse(text) => Exception::from_text(&text).map_or_else(
                || Self::Away("an answer that is not ClickHouse's".to_owned()),
                Self::Exception,
            ),
            Error::Network(source) => Self::Away(with_sources(source.as_ref())),
            Error::TimedOut => Self::Away("no answer in time".to_owned()),
            other => Self::Unreadable(other.to_string()),
        }
    }
}

fn failed_with(failed: &str) -> String {
    if failed.is_empty() { String::new() } else { format!(" (the last try failed: {failed})") }
}

/// An error with its causes: the outermost words alone ("client error") say nothing.
pub(crate) fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
