//! Commands that are run to their end: downloads and preparations.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::tail;
use crate::{Progress, StackError};

const FIRST_REPORT: Duration = Duration::from_secs(2);
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Runs a command to its end, its output in a log in `folder`, with a line of progress now and
/// then.
pub(crate) fn run(
    what: &str,
    command: &mut Command,
    folder: &Path,
    progress: &Progress,
) -> Result<(), StackError> {
    let log = folder.join("commands.log");
    let child = logging_to(&log, command)?.spawn().map_err(StackError::io(what))?;
    let status = wait(what, child, progress)?;
    if status.success() {
        return Ok(());
    }
    Err(StackError::Command {
        what: what.into(),
        status: status.to_string(),
        tail: tail(&log),
        log,
    })
}

/// Sends both outputs of `command` to the end of `log`, and gives it no input.
pub(crate) fn logging_to<'a>(
    log: &Path,
    command: &'a mut Command,
) -> Result<&'a mut Command, StackError> {
    let file =
        File::options().create(true).append(true).open(log).map_err(StackError::file(log))?;
    let again = file.try_clone().map_err(StackError::file(log))?;
    Ok(command.stdin(Stdio::null()).stdout(file).stderr(again))
}

fn wait(what: &str, mut child: Child, progress: &Progress) -> Result<ExitStatus, StackError> {
    let start = Instant::now();
    let mut next_report = FIRST_REPORT;
    loop {
        if let Some(status) = child.try_wait().map_err(StackError::io(what))? {
            return Ok(status);
        }
        if start.elapsed() >= next_report {
            progress.say(&format!("{what}: {} s", next_report.as_secs()));
            next_report += REPORT_EVERY;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
