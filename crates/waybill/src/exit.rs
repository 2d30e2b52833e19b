//! What the process says when it ends.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; the books balance.
    Done,
    /// Failed, the books do not balance, or something is down.
    Failed,
    /// The books are not closed yet, or something stands still by order or for a time.
    Open,
    /// The command line or the configuration is wrong (`EX_USAGE` of sysexits.h).
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Open => 2,
            Exit::Usage => 64,
        })
    }
}
