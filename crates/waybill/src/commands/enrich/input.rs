//! The events that are to be explained.

use std::{
    fs,
    io::{self, IsTerminal as _, Read as _},
    path::Path,
};

use serde_json::value::RawValue;

use super::Unusable;
use crate::output;

/// The text of the file; of stdin where none is named.
pub(super) fn text(file: Option<&Path>) -> Result<String, Unusable> {
    if let Some(file) = file.filter(|file| *file != Path::new("-")) {
        let unread = |error| Unusable(format!("{} cannot be read: {error}", file.display()));
        return fs::read_to_string(file).map_err(unread);
    }
    if io::stdin().is_terminal() {
        output::progress("write an event as JSON, then Ctrl-D; or name a file");
    }
    let mut text = String::new();
    let read = io::stdin().read_to_string(&mut text);
    read.map_err(|error| Unusable(format!("stdin cannot be read: {error}")))?;
    Ok(text)
}

/// The JSON values of a text, each in one line or in several.
pub(super) fn values(text: &str) -> Result<Vec<&RawValue>, Unusable> {
    let values: Result<Vec<&RawValue>, serde_json::Error> =
        serde_json::Deserializer::from_str(text).into_iter().collect();
    let values = values.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Unusable(format!(
            "the event is not JSON: {:?} error at line {line}, column {column}",
            error.classify()
        ))
    })?;
    if values.is_empty() {
        return Err(Unusable("there is no event: the input is empty".to_owned()));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_may_take_a_line_or_several_and_what_is_none_is_told_by_its_place() {
        let texts =
            |text| values(text).map(|all| all.iter().map(|it| it.get().len()).collect::<Vec<_>>());
        assert_eq!(texts("{\n \"a\": 1\n}\n").unwrap(), [11]);
        assert_eq!(texts("{}\n{}\n\n{}").unwrap(), [2, 2, 2]);
        for (text, expected) in [
            ("", "the input is empty"),
            (" \n", "the input is empty"),
            ("{\n \"secret\" 1}", "Syntax error at line 2, column 11"),
            ("{}\n{\"a\":", "Eof error at line 2"),
            ("secret", "Syntax error at line 1, column 1"),
        ] {
            let told = values(text).unwrap_err().to_string();
            assert!(told.contains(expected), "{text}: {told}");
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
