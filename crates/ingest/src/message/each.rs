//! The body of the native route: an array of messages, or one message a line (NDJSON).

use serde_json::value::RawValue;

use super::body::{BodyProblem, Messages, messages};

/// A message of the native route, or why it is none: where it is not JSON, never its text.
pub(crate) type Line<'a> = Result<&'a RawValue, String>;

/// The messages in order, at most `max_events`. A broken array is refused as a whole, since
/// nobody can tell its messages apart; a broken line is told by itself.
pub(crate) fn each(bytes: &[u8], max_events: usize) -> Result<Vec<Line<'_>>, BodyProblem> {
    let text = bytes.trim_ascii();
    let Messages { kept, count } = if text.starts_with(b"[") {
        let Messages { kept, count } = messages(text, max_events)?;
        Messages { kept: kept.into_iter().map(Ok).collect(), count }
    } else if let Ok(one) = serde_json::from_slice(text) {
        Messages { kept: vec![Ok(one)], count: 1 }
    } else {
        lines(text, max_events)
    };
    match count {
        0 => Err(BodyProblem::NoEvents),
        _ if count > max_events => Err(BodyProblem::TooManyEvents { count, limit: max_events }),
        _ => Ok(kept),
    }
}

fn lines(text: &[u8], max_events: usize) -> Messages<Line<'_>> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut filled = lines.filter(|line| !line.is_empty());
    let parse = |line| serde_json::from_slice(line).map_err(|error| error.to_string());
    let kept: Vec<_> = filled.by_ref().take(max_events).map(parse).collect();
    Messages { count: kept.len() + filled.count(), kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> Vec<Result<&str, String>> {
        let lines = each(body.as_bytes(), 3).unwrap();
        lines.into_iter().map(|line| line.map(RawValue::get)).collect()
    }

    #[test]
    fn an_array_one_object_and_lines_are_messages_in_order() {
        assert_eq!(told(" [ {\"a\": 1.50}, 7 ] "), [Ok("{\"a\": 1.50}"), Ok("7")]);
        assert_eq!(told("{\n \"a\": 1\n}\n"), [Ok("{\n \"a\": 1\n}")]);
        assert_eq!(told("{\"a\":1}\r\n\n{\"b\":2}\n"), [Ok("{\"a\":1}"), Ok("{\"b\":2}")]);
    }

    #[test]
    fn a_broken_line_is_told_by_itself_and_never_quoted() {
        let lines = told("{\"a\":1}\n{\"secret\" 1}\n{\"b\":2}");
        assert_eq!((&lines[0], &lines[2]), (&Ok("{\"a\":1}"), &Ok("{\"b\":2}")));
        let why = lines[1].as_ref().unwrap_err();
        assert!(why.contains("line 1 column 11") && !why.contains("secret"), "{why}");
    }

    #[test]
    fn what_holds_no_events_or_too_many_is_refused() {
        for body in ["", " \n ", "[]"] {
            assert_eq!(each(body.as_bytes(), 3).unwrap_err(), BodyProblem::NoEvents, "{body}");
        }
        for body in ["[1,2,3,4]", "1\n2\n3\n4"] {
            let expected = BodyProblem::TooManyEvents { count: 4, limit: 3 };
            assert_eq!(each(body.as_bytes(), 3).unwrap_err(), expected, "{body}");
        }
        assert!(matches!(each(b"[1,", 3), Err(BodyProblem::NotJson(_))));
    }
}
