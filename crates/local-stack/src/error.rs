//! What can go wrong with a local stack.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Missing;

const TAIL_LINES: usize = 20;

/// Why a stack, or a part of it, could not be started or acted on.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Only Linux on `x86_64` has all three parts outside Docker.
    #[error("no local stack for {0}: use `docker compose up` instead")]
    UnsupportedPlatform(&'static str),
    /// Programs that this machine lacks, all of them.
    #[error("the local stack needs programs that are not here:\n{}", lines(.0))]
    MissingPrerequisites(Vec<Missing>),
    /// Another stack runs in the folder.
    #[error("another stack runs in {}", .0.display())]
    FolderInUse(PathBuf),
    /// None of WAYBILL_CACHE, XDG_CACHE_HOME and HOME is set.
    #[error("no folder for downloads: set WAYBILL_CACHE, XDG_CACHE_HOME or HOME")]
    NoCacheFolder,
    /// A port of [`crate::PortChoice::Fixed`] is taken.
    #[error("port {0} of 127.0.0.1 is taken")]
    PortTaken(u16),
    /// Every port that a stack may take is taken.
    #[error("no free ports for a stack")]
    NoFreePorts,
    /// A download or a preparing command failed.
    #[error("{what} failed ({status}); end of {}:\n{tail}", .log.display())]
    Command {
        /// What the command was to do.
        what: String,
        /// How it ended.
        status: String,
        /// Its output.
        log: PathBuf,
        /// The last lines of `log`.
        tail: String,
    },
    /// A part ended before it answered.
    #[error("{part} ended while starting ({status}); end of {}:\n{tail}", .log.display())]
    Ended {
        /// The part.
        part: &'static str,
        /// How its process ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of `log`.
        tail: String,
    },
    /// A part runs and does not answer.
    #[error("{part} gave no answer in {} s; end of {}:\n{tail}", .waited.as_secs(), .log.display())]
    NoAnswer {
        /// The part.
        part: &'static str,
        /// How long it was asked.
        waited: Duration,
        /// Its log.
        log: PathBuf,
        /// The last lines of `log`.
        tail: String,
    },
    /// A signal for a part that does not run.
    #[error("{0} is not running")]
    NotRunning(&'static str),
    /// The machine refused a file, a process or a socket.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The machine's answer.
        source: io::Error,
    },
}

impl StackError {
    /// For `map_err`: wraps an I/O error with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// For `map_err`: wraps an I/O error with the file that it is about.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(path.display().to_string())
    }
}

/// The last 20 lines of a log; a file that cannot be read has none.
pub(crate) fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    last_lines(&String::from_utf8_lossy(&bytes))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn lines(missing: &[Missing]) -> String {
    missing.iter().map(|one| format!("- {one}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_twenty_lines() {
        let text: Vec<String> = (0..50).map(|n| format!("line {n}")).collect();
        let tail = last_lines(&text.join("\n"));
        assert_eq!(tail.lines().count(), 20);
        assert!(tail.starts_with("line 30\n") && tail.ends_with("line 49"));
        assert_eq!(last_lines("one"), "one");
    }
}
