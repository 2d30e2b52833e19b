//! A database of addresses in MaxMind's format (<https://maxmind.github.io/MaxMind-DB/>).

use core::{fmt, net::IpAddr};

use jiff::Timestamp;
use maxminddb::{MaxMindDbError, Reader, WithinOptions};

use crate::database_row::{NETWORK, NetworkRow, PLACE, PlaceRow, Row};

/// What a database is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DatabaseKind {
    /// Where an address is: the country, or more.
    City,
    /// Whose network it belongs to.
    Asn,
}

impl DatabaseKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::City, Self::Asn];

    /// Its word: the key below `enrich.geo`, and the label of its metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::Asn => "asn",
        }
    }
}

/// So many rows are looked at for what a database tells.
const SAMPLE: usize = 10_000;

/// Why a database cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseProblem {
    /// It is damaged, or none at all.
    #[error("is no sound mmdb file ({0})")]
    Corrupt(String),
    /// It is sound, and tells something else.
    #[error("is of type {found:?}, and its rows tell no {}", match wanted {
        DatabaseKind::City => "country, region or city",
        DatabaseKind::Asn => "autonomous system",
    })]
    WrongType {
        /// The type that it tells of itself.
        found: String,
        /// What it was given as.
        wanted: DatabaseKind,
    },
}

/// A database that was verified whole. Its bytes may not change.
pub struct Database {
    version: String,
    built_at_s: u64,
    rows: Box<dyn Rows>,
    failed: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.version)
    }
}

impl Database {
    /// Reads and verifies a database. `failed` is told of each look-up that fails nevertheless.
    pub fn read<S: AsRef<[u8]> + Send + Sync + 'static>(
        kind: DatabaseKind,
        bytes: S,
        failed: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, DatabaseProblem> {
        let corrupt = |error: MaxMindDbError| DatabaseProblem::Corrupt(error.to_string());
        let reader = Reader::from_source(bytes).map_err(corrupt)?;
        reader.verify().map_err(corrupt)?;
        let found = reader.metadata().database_type.clone();
        let built_at_s = reader.metadata().build_epoch;
        if !tells(&reader, kind).map_err(corrupt)? {
            return Err(DatabaseProblem::WrongType { found, wanted: kind });
        }
        let version = format!("{found}-{}", day(built_at_s));
        Ok(Self { version, built_at_s, rows: Box::new(reader), failed: Box::new(failed) })
    }

    /// Its type and the day on which it was built, such as `GeoLite2-City-2026-11-20`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// When it was built; seconds UTC.
    pub fn built_at_s(&self) -> u64 {
        self.built_at_s
    }

    /// Where an address is; `None` where the database does not know, or fails.
    pub(crate) fn place(&self, address: IpAddr) -> Option<PlaceRow<'_>> {
        self.told(self.rows.place(address)).map(PlaceRow::of)
    }

    /// Whose network an address belongs to, likewise.
    pub(crate) fn network(&self, address: IpAddr) -> Option<NetworkRow<'_>> {
        self.told(self.rows.network(address)).map(NetworkRow::of)
    }

    fn told<T>(&self, found: Result<Option<T>, MaxMindDbError>) -> Option<T> {
        found.unwrap_or_else(|_| {
            (self.failed)();
            None
        })
    }
}

/// Whether any of the first rows has what a database of this kind is asked for. Types are no guide:
/// every maker has names of his own.
fn tells<S: AsRef<[u8]>>(reader: &Reader<S>, kind: DatabaseKind) -> Result<bool, MaxMindDbError> {
    for found in reader.networks(WithinOptions::default())?.take(SAMPLE) {
        let found = found?;
        let tells = match kind {
            DatabaseKind::City => found.decode().is_ok_and(|row| row.is_some_and(tells_place)),
            DatabaseKind::Asn => found.decode().is_ok_and(|row| row.is_some_and(tells_network)),
        };
        if tells {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tells_place(row: Row<'_, PLACE>) -> bool {
    PlaceRow::of(row) != PlaceRow::default()
}

fn tells_network(row: Row<'_, NETWORK>) -> bool {
    NetworkRow::of(row).asn.is_some()
}

fn day(seconds: u64) -> String {
    let built = i64::try_from(seconds).ok().and_then(|it| Timestamp::from_second(it).ok());
    built.map_or_else(|| "undated".to_owned(), |it| it.strftime("%Y-%m-%d").to_string())
}

type Found<'a, const OF: u8> = Result<Option<Row<'a, OF>>, MaxMindDbError>;

/// A reader, whatever holds its bytes.
trait Rows: Send + Sync {
    fn place(&self, address: IpAddr) -> Found<'_, PLACE>;
    fn network(&self, address: IpAddr) -> Found<'_, NETWORK>;
}

impl<S: AsRef<[u8]> + Send + Sync> Rows for Reader<S> {
    fn place(&self, address: IpAddr) -> Found<'_, PLACE> {
        row(self, address)
    }

    fn network(&self, address: IpAddr) -> Found<'_, NETWORK> {
        row(self, address)
    }
}

fn row<S: AsRef<[u8]>, const OF: u8>(reader: &Reader<S>, address: IpAddr) -> Found<'_, OF> {
    if address.is_ipv6() && reader.metadata().ip_version == 4 {
        return Ok(None);
    }
    reader.lookup(address)?.decode()
}
