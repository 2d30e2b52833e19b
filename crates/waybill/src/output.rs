//! The only place that writes to the terminal: results to stdout, progress and errors to stderr.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the commands' own output")]

use std::io::Write as _;

use comfy_table::{Table, presets::NOTHING};
use serde::Serialize;

use crate::Exit;

/// Prints a result for a person.
pub(crate) fn text(text: &str) -> Exit {
    // A closed pipe (`| head`) is no failure of ours.
    let _reader_may_be_gone = writeln!(std::io::stdout(), "{}", text.trim_end());
    Exit::Done
}

/// Prints a result for a script.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<Exit> {
    Ok(text(&serde_json::to_string_pretty(value)?))
}

/// Writes a value into JSON as it prints.
pub(crate) fn as_text<S: serde::Serializer>(
    value: &impl std::fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Whether anybody still reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    There,
    /// Such as after `| head`.
    Gone,
}

/// Prints one line of many.
pub(crate) fn line(text: &str) -> Reader {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => Reader::There,
        Err(_) => Reader::Gone,
    }
}

/// Whether what is printed may have colours: on a terminal whose user has nothing against them
/// (<https://no-color.org>).
pub(crate) fn is_coloured() -> bool {
    use std::io::IsTerminal as _;
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !refused
}

/// A table without lines, so that `awk` and people read it alike.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.to_vec());
    table
}

/// Says what is going on.
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

/// Says what is wrong.
pub(crate) fn refused(message: &str, exit: Exit) -> Exit {
    eprintln!("waybill: {message}");
    exit
}

/// Asks on the terminal; `false` where nobody can answer.
pub(crate) fn confirmed(question: &str) -> bool {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return false;
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
