//! One file of a database, and what became of it.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use enrichment::{Database, DatabaseKind, DatabaseProblem};
use telemetry::DatabaseMetrics;

use crate::mapping;

/// Why a file is not in use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    #[error("is not there")]
    Missing,
    #[error("is no file")]
    NoFile,
    #[error("cannot be read or copied to {folder}: {error}")]
    Unread { folder: String, error: io::Error },
    #[error("changed while it was read")]
    Changing,
    #[error(transparent)]
    Unsound(#[from] DatabaseProblem),
}

impl FileProblem {
    /// Whether the same file may be another time what it is not now.
    const fn may_pass(&self) -> bool {
        matches!(self, Self::Unread { .. } | Self::Changing)
    }
}

/// What tells a file from the one that was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Moves also where a copy brings its time of modification along.
    changed: (i64, i64),
}

/// The stamp of the file at this path, links followed; `None` where there is none.
fn stamp(path: &Path) -> Option<Stamp> {
    let is = fs::metadata(path).ok()?;
    Some(Stamp {
        device: is.dev(),
        inode: is.ino(),
        size: is.size(),
        modified: (is.mtime(), is.mtime_nsec()),
        changed: (is.ctime(), is.ctime_nsec()),
    })
}

/// A file that is followed.
pub(crate) struct DatabaseFile {
    kind: DatabaseKind,
    path: PathBuf,
    copy_dir: PathBuf,
    metrics: DatabaseMetrics,
    /// What is in use.
    used: Option<Stamp>,
    /// What was there at the last look.
    seen: Option<Stamp>,
    /// What was last taken up or refused.
    judged: Option<Stamp>,
    /// What was last told of it.
    refusal: Option<String>,
}

impl DatabaseFile {
    /// Reads the file for the first time.
    pub(crate) fn open(
        kind: DatabaseKind,
        path: &Path,
        copy_dir: &Path,
    ) -> Result<(Self, Arc<Database>), FileProblem> {
        let mut file = Self {
            kind,
            path: path.to_owned(),
            copy_dir: copy_dir.to_owned(),
            metrics: DatabaseMetrics::of(kind.word()),
            used: None,
            seen: None,
            judged: None,
            refusal: None,
        };
        let now = stamp(path);
        let database = file.read(now)?;
        file.seen = now;
        Ok((file, database))
    }

    pub(crate) fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// Looks at the file: `Some` if a new database takes the old one's place. One that has changed is
    /// read at the next look that finds it as the look before did: it may still be written.
    pub(crate) fn look(&mut self) -> Option<Arc<Database>> {
        let now = stamp(&self.path);
        let is_settled = now == self.seen;
        self.seen = now;
        if !is_settled || now == self.judged {
            return None;
        }
        if now == self.used {
            self.judged = now;
            self.accepted();
            return None;
        }
        match self.read(now) {
            Ok(database) => {
                tracing::info!(
                    database = self.kind.word(),
                    version = database.version(),
                    "a new database of addresses is in use"
                );
                Some(database)
            }
            Err(problem) => {
                self.refuse(&problem, now);
                None
            }
        }
    }

    fn read(&mut self, now: Option<Stamp>) -> Result<Arc<Database>, FileProblem> {
        let metrics = self.metrics.clone();
        let failed = move || metrics.lookup_failed();
        // Neither a folder nor a pipe, which would wait for a writer.
        match fs::metadata(&self.path) {
            Ok(is) if !is.is_file() => return Err(FileProblem::NoFile),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FileProblem::Missing);
            }
            Ok(_) | Err(_) => {}
        }
        let bytes = mapping::copied(&self.path, &self.copy_dir).map_err(|error| {
            FileProblem::Unread { folder: self.copy_dir.display().to_string(), error }
        })?;
        if stamp(&self.path) != now {
            return Err(FileProblem::Changing);
        }
        let database = Database::read(self.kind, bytes, failed)?;
        (self.used, self.judged) = (now, now);
        self.metrics.built_at(database.built_at_s());
        self.accepted();
        Ok(Arc::new(database))
    }

    fn accepted(&mut self) {
        self.refusal = None;
        self.metrics.refused(false);
    }

    fn refuse(&mut self, problem: &FileProblem, now: Option<Stamp>) {
        if !problem.may_pass() {
            self.judged = now;
        }
        self.metrics.refused(true);
        let told = problem.to_string();
        if self.refusal.as_ref() != Some(&told) {
            let (database, file) = (self.kind.word(), self.path.display());
            tracing::error!(database, %file, "the database read before stays in use: the file {told}");
            self.refusal = Some(told);
        }
    }
}
