//! What an answer to an INSERT means: a pure function.

use std::fmt;

use crate::masked::masked;

/// An exception of ClickHouse. Its text may quote values of rows, so only what is left of it
/// without them is kept, and that is not shown with the exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its code.
    pub code: u32,
    /// Its name, such as `TOO_MANY_PARTS`; empty where the answer does not say it.
    pub name: String,
    /// The row of the body that it is about, from 1, where the answer says so.
    pub row: Option<u64>,
    /// Its text with everything that may be a value of a row replaced by `?`.
    pub said: String,
}

impl Exception {
    /// Reads `Code: 33. DB::Exception: … (at row 1) … (CANNOT_READ_ALL_DATA) (version …)`.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let code = leading_number(text.split_once("Code: ")?.1)?;
        Some(Self::of(u32::try_from(code).ok()?, text))
    }

    fn of(code: u32, text: &str) -> Self {
        let after = |words| text.rsplit_once(words).and_then(|(_, rest)| leading_number(rest));
        let row = after("(at row ").or_else(|| after("is violated at row "));
        let name = name(text).unwrap_or_default().to_owned();
        Self { code, name, row, said: masked(text) }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exception {} {}", self.code, self.name)?;
        self.row.map_or(Ok(()), |row| write!(f, " at row {row}"))
    }
}

fn leading_number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The name stands in brackets before the version; only capitals are taken, so that no value of a
/// row can pass for one.
fn name(text: &str) -> Option<&str> {
    let (before, _) = text.rsplit_once(") (version ")?;
    let (_, name) = before.rsplit_once('(')?;
    name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_').then_some(name)
}

/// How an INSERT ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertAnswer {
    /// ClickHouse said yes to this query: status 200, its id, no exception, no body, no fewer rows
    /// than were sent. A repeat that was dropped for its token answers the same.
    Loaded,
    /// No connection: nothing was sent.
    Away(String),
    /// An exception that has nothing to do with the rows: ClickHouse is read-only, full, busy, or
    /// not set up for us. A part of the rows may be in.
    Busy(Exception),
    /// An exception about the rows: the same body will be refused for ever. A part of the rows
    /// may be in where the body was more than one block.
    Refused(Exception),
    /// Nobody knows: no answer, or one that cannot be ClickHouse's.
    Uncertain(String),
}

impl InsertAnswer {
    /// Why another host may do better, where that is so.
    pub(crate) fn is_of_the_host(&self) -> Option<String> {
        match self {
            Self::Away(detail) | Self::Uncertain(detail) => Some(detail.clone()),
            Self::Busy(exception) if is_of_the_host(exception.code) => Some(exception.to_string()),
            Self::Busy(_) | Self::Refused(_) | Self::Loaded => None,
        }
    }
}

/// Codes of what one host cannot and another may. Too many parts are not among them: replicas have
/// them in common. Source: ClickHouse `src/Common/ErrorCodes.cpp`.
pub(crate) const fn is_of_the_host(code: u32) -> bool {
    matches!(
        code,
        60   // UNKNOWN_TABLE
        | 81  // UNKNOWN_DATABASE
        | 198 // DNS_ERROR
        | 202 // TOO_MANY_SIMULTANEOUS_QUERIES
        | 203 // NO_FREE_CONNECTION
        | 209 // SOCKET_TIMEOUT
        | 210 // NETWORK_ERROR
        | 225 // NO_ZOOKEEPER
        | 236 // ABORTED
        | 241 // MEMORY_LIMIT_EXCEEDED
        | 242 // TABLE_IS_READ_ONLY
        | 243 // NOT_ENOUGH_SPACE
        | 279 // ALL_CONNECTION_TRIES_FAILED
        | 285 // TOO_FEW_LIVE_REPLICAS
        | 319 // UNKNOWN_STATUS_OF_INSERT
        | 516 // AUTHENTICATION_FAILED
        | 999 // KEEPER_EXCEPTION
    )
}

/// An answer of the HTTP interface as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    /// Status of the response.
    pub(crate) status: u16,
    /// Header `X-ClickHouse-Query-Id`.
    pub(crate) query_id: Option<String>,
    /// Header `X-ClickHouse-Exception-Code`; it also comes with status 200 (ClickHouse#65117).
    pub(crate) exception_code: Option<String>,
    /// Header `X-ClickHouse-Summary`, a JSON object.
    pub(crate) summary: Option<String>,
    /// The body, which an INSERT that went well has none of.
    pub(crate) body: String,
}

/// What the answer to the INSERT of so many rows with this `query_id` means.
pub(crate) fn classify(answer: &HttpAnswer, query_id: &str, rows: usize) -> InsertAnswer {
    if let Some(exception) = exception(answer) {
        return if is_about_rows(exception.code) {
            InsertAnswer::Refused(exception)
        } else {
            InsertAnswer::Busy(exception)
        };
    }
    let HttpAnswer { status, .. } = answer;
    if *status != 200 {
        return InsertAnswer::Uncertain(format!("status {status} without an exception"));
    }
    if answer.query_id.as_deref() != Some(query_id) {
        return InsertAnswer::Uncertain("status 200 without the id of our query".to_owned());
    }
    if !answer.body.is_empty() {
        return InsertAnswer::Uncertain("status 200 with a body".to_owned());
    }
    match answer.summary.as_deref().and_then(written_rows) {
        Some(written) if written < rows => {
            InsertAnswer::Uncertain(format!("status 200, but of {rows} rows it read {written}"))
        }
        _ => InsertAnswer::Loaded,
    }
}

/// How many rows ClickHouse says that it has written, those of views of the table and those of a repeat
/// that it dropped among them.
fn written_rows(summary: &str) -> Option<usize> {
    let summary: serde_json::Value = serde_json::from_str(summary).ok()?;
    summary.get("written_rows")?.as_str()?.parse().ok()
}

fn exception(answer: &HttpAnswer) -> Option<Exception> {
    match &answer.exception_code {
        // A code that is no number still is an exception; 0 is nobody's.
        Some(code) => Some(Exception::of(code.trim().parse().unwrap_or(0), &answer.body)),
        None => Exception::from_text(&answer.body),
    }
}

/// Codes that only the content of a body causes, with their names. Every other, known to us or not,
/// makes the loader wait: to wait for nothing costs time, to blame a row for the server costs the row.
/// Those of the conversions are here although a column of the wrong type causes them too: then each row
/// is refused, and that stops the loader. Source: ClickHouse `src/Common/ErrorCodes.cpp`.
pub const CODES_ABOUT_ROWS: [(u32, &str); 26] = [
    (6, "CANNOT_PARSE_TEXT"),
    (26, "CANNOT_PARSE_QUOTED_STRING"),
    (27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED"),
    (32, "ATTEMPT_TO_READ_AFTER_EOF"),
    (33, "CANNOT_READ_ALL_DATA"),
    (38, "CANNOT_PARSE_DATE"),
    (41, "CANNOT_PARSE_DATETIME"),
    (53, "TYPE_MISMATCH"),
    (69, "ARGUMENT_OUT_OF_BOUND"),
    (70, "CANNOT_CONVERT_TYPE"),
    (72, "CANNOT_PARSE_NUMBER"),
    (117, "INCORRECT_DATA"),
    (128, "TOO_LARGE_ARRAY_SIZE"),
    (131, "TOO_LARGE_STRING_SIZE"),
    (153, "ILLEGAL_DIVISION"),
    (190, "SIZES_OF_ARRAYS_DONT_MATCH"),
    (321, "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE"),
    (349, "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN"),
    (376, "CANNOT_PARSE_UUID"),
    (395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    (407, "DECIMAL_OVERFLOW"),
    (467, "CANNOT_PARSE_BOOL"),
    (469, "VIOLATED_CONSTRAINT"),
    (675, "CANNOT_PARSE_IPV4"),
    (676, "CANNOT_PARSE_IPV6"),
    (691, "UNKNOWN_ELEMENT_OF_ENUM"),
];

fn is_about_rows(code: u32) -> bool {
    CODES_ABOUT_ROWS.iter().any(|(of_rows, _)| *of_rows == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0-stitched-events-3-0-9-1-0-1-n";

    fn answer(status: u16, code: Option<&str>, body: &str) -> HttpAnswer {
        HttpAnswer {
            status,
            query_id: Some(ID.to_owned()),
            exception_code: code.map(str::to_owned),
            summary: None,
            body: body.to_owned(),
        }
    }

    /// A yes with a summary.
    fn yes(summary: &str) -> HttpAnswer {
        HttpAnswer { summary: Some(summary.to_owned()), ..answer(200, None, "") }
    }

    fn exception(code: u32, name: &str, row: Option<u64>) -> Exception {
        Exception { code, name: name.to_owned(), row, said: String::new() }
    }

    fn saying(said: &str, exception: Exception) -> Exception {
        Exception { said: said.to_owned(), ..exception }
    }

    const CUT_OFF: &str = "Code: 33. DB::Exception: Cannot read all data. Bytes read: 3. Bytes \
        expected: 4: (at row 1)\n: While executing BinaryRowInputFormat. (CANNOT_READ_ALL_DATA) \
        (version 26.7.2.1)\n";
    const NO_TABLE: &str = "Code: 60. DB::Exception: Table t1.nope does not exist. Maybe you \
        meant system.one?. (UNKNOWN_TABLE) (version 26.7.2.1)\n";

    const NOT_THERE: &str = "Table ?.nope does not exist. Maybe you meant system.one?";

    #[test]
    fn every_answer_of_the_server_has_its_meaning() {
        let refused = |e| InsertAnswer::Refused(e);
        let busy = |e| InsertAnswer::Busy(e);
        for (case, given, expected) in [
            ("yes", answer(200, None, ""), InsertAnswer::Loaded),
            ("yes to all", yes(r#"{"read_rows":"9","written_rows":"9"}"#), InsertAnswer::Loaded),
            ("a view took some too", yes(r#"{"written_rows":"12"}"#), InsertAnswer::Loaded),
            ("a summary of the future", yes(r#"{"rows":{"written":1}}"#), InsertAnswer::Loaded),
            (
                "rows cut off",
                answer(500, Some("33"), CUT_OFF),
                refused(saying(
                    "Cannot read all data. Bytes read: ?. Bytes expected: ?: (at row ?)",
                    exception(33, "CANNOT_READ_ALL_DATA", Some(1)),
                )),
            ),
            (
                "no table",
                answer(404, Some("60"), NO_TABLE),
                busy(saying(NOT_THERE, exception(60, "UNKNOWN_TABLE", None))),
            ),
            ("200 with an exception", answer(200, Some("209"), ""), busy(exception(209, "", None))),
            (
                "200, exception in the body",
                answer(200, None, NO_TABLE),
                busy(saying(NOT_THERE, exception(60, "UNKNOWN_TABLE", None))),
            ),
            ("too many parts", answer(500, Some("252"), ""), busy(exception(252, "", None))),
            ("memory", answer(500, Some("241"), ""), busy(exception(241, "", None))),
            ("read-only", answer(500, Some("242"), ""), busy(exception(242, "", None))),
            ("wrong password", answer(403, Some("516"), ""), busy(exception(516, "", None))),
            (
                "a code of the future",
                answer(500, Some("9999"), ""),
                busy(exception(9999, "", None)),
            ),
            ("a code that is none", answer(500, Some("?"), ""), busy(exception(0, "", None))),
        ] {
            assert_eq!(classify(&given, ID, 9), expected, "{case}");
        }
    }

    #[test]
    fn what_may_not_come_from_clickhouse_is_uncertain() {
        let stranger = HttpAnswer { query_id: None, ..answer(200, None, "") };
        let other = HttpAnswer { query_id: Some("another".to_owned()), ..answer(200, None, "") };
        let gateway = answer(502, None, "<html>Bad Gateway</html>");
        let page = answer(200, None, "<html>Welcome</html>");
        let fewer = yes(r#"{"read_rows":"8","written_rows":"8"}"#);
        for given in [stranger, other, gateway, page, fewer] {
            assert!(matches!(classify(&given, ID, 9), InsertAnswer::Uncertain(_)), "{given:?}");
        }
    }

    #[test]
    fn an_exception_says_nothing_that_may_be_personal() {
        let text = "Code: 27. DB::Exception: Cannot parse input: expected ',' before: \
            'ann@example.org (Ann)': (at row 17) (CANNOT_PARSE_INPUT_ASSERTION_FAILED) (version 26.7)";
        let read = Exception::from_text(text).unwrap();
        assert_eq!(read.to_string(), "exception 27 CANNOT_PARSE_INPUT_ASSERTION_FAILED at row 17");
        assert_eq!(read.said, "Cannot parse input: expected ?");
        let odd = "Code: 27. DB::Exception: 'x (Ann) (version '";
        assert_eq!(Exception::from_text(odd), Some(saying("?", exception(27, "", None))));
    }
}
