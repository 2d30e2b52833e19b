//! Texts that properties may be.

/// What `properties` may be, and the columns that the value `x` fits, as they print.
const TEXTS: &[(&str, &str)] = &[
    (r#"{"x":1.10}"#, "number=1.1 decimal=1.1"),
    (r#"{"x":"1.10"}"#, "string=1.10 decimal=1.1"),
    (r#"{"x":7}"#, "number=7 integer=7 decimal=7"),
    (r#"{"x":1.0}"#, "number=1 integer=1 decimal=1"),
    (r#"{"x":1e2}"#, "number=100 integer=100 decimal=100"),
    (r#"{"x":-0}"#, "number=0 integer=0 decimal=0"),
    (r#"{"x":0.123456789}"#, "number=0.123456789 decimal=0.123456789"),
    (r#"{"x":0.1234567891}"#, "number=0.1234567891"),
    (r#"{"x":1e-7}"#, "number=1e-7 decimal=0.0000001"),
    (r#"{"x":1e-10}"#, "number=1e-10"),
    (r#"{"x":1e-320}"#, "number=1e-320"),
    (r#"{"x":1e300}"#, "number=1e300"),
    (r#"{"x":"1e300"}"#, "string=1e300"),
    (
        r#"{"x":9223372036854775807}"#,
        "number=9223372036854776000 integer=9223372036854775807 decimal=9223372036854775807",
    ),
    (
        r#"{"x":-9223372036854775808}"#,
        "number=-9223372036854776000 integer=-9223372036854775808 decimal=-9223372036854775808",
    ),
    (r#"{"x":9223372036854775808}"#, "number=9223372036854776000 decimal=9223372036854775808"),
    // The nearest double is ….568, and no 64 bits have the fraction.
    (
        r#"{"x":12345678901234567.123456789}"#,
        "number=12345678901234568 decimal=12345678901234567.123456789",
    ),
    (
        r#"{"x":99999999999999999999999999999.999999999}"#,
        "number=1e29 decimal=99999999999999999999999999999.999999999",
    ),
    (r#"{"x":100000000000000000000000000000}"#, ""),
    (r#"{"x":1e29}"#, "number=1e29"),
    (r#"{"x":0.1000000000000000055511151231257827}"#, "number=0.1"),
    // Elsewhere in the text is a longer run of digits, and the name.
    (r#"{"id":"1234567890123456789","x" : 1.10,"y":{"x":2}}"#, "number=1.1 decimal=1.1"),
    (r#"{"id":"1234567890123456789","x":1.10,"y":{"x":1.1}}"#, "number=1.1 decimal=1.1"),
    (r#"{"y":{"x":12345678901234567.2},"x":12345678901234567.1}"#, "number=12345678901234568"),
    (r#"{"x":true}"#, "boolean=true"),
    (r#"{"x":"true"}"#, "string=true"),
    (r#"{"x":null}"#, ""),
    (r#"{"x":""}"#, "string="),
    (r#"{"x":{"x":1}}"#, ""),
    (r#"{"x":["a","b\"c"]}"#, "strings=['a','b\"c']"),
    (r#"{"x":["a",1]}"#, ""),
    (r#"{"x":[[[["a"]]]]}"#, ""),
    (
        r#"{"x":"2026-11-25T10:15:30.1234+02:00"}"#,
        "string=2026-11-25T10:15:30.1234+02:00 date_time=2026-11-25 08:15:30.123",
    ),
    (
        r#"{"x":"2026-11-25t10:15:30z"}"#,
        "string=2026-11-25t10:15:30z date_time=2026-11-25 10:15:30.000",
    ),
    (r#"{"x":"2026-02-30T00:00:00Z"}"#, "string=2026-02-30T00:00:00Z"),
    (r#"{"x":"2026-11-25T24:00:00Z"}"#, "string=2026-11-25T24:00:00Z"),
    (r#"{"x":"9999-12-31T23:59:59Z"}"#, "string=9999-12-31T23:59:59Z"),
    (
        r#"{"x":"1900-01-01T00:00:00Z"}"#,
        "string=1900-01-01T00:00:00Z date_time=1900-01-01 00:00:00.000",
    ),
    (r#"{"x":"2026-11-25"}"#, "string=2026-11-25"),
    (r#"{"x":"2026-11-25T10:15:30"}"#, "string=2026-11-25T10:15:30"),
    (r#"{"x":1764065730}"#, "number=1764065730 integer=1764065730 decimal=1764065730"),
    (r#"{"x":"\u00e9\ud83d\ude00"}"#, "string=é😀"),
    // What ClickHouse cannot read as JSON has no value at all.
    (r#"{"x":1e400}"#, ""),
    (r#"{"x":7,"y":1e400}"#, ""),
    (r#"{"x":"\ud800"}"#, ""),
    (r#"{"x":7} {"#, ""),
    (r#"{"x":01}"#, ""),
    ("{", ""),
    ("", ""),
    ("null", ""),
    ("[]", ""),
    ("5", ""),
    (r#"{"x":7,"x":8}"#, "number=7 integer=7 decimal=7"),
    (r#"{"\u0078":7}"#, "number=7 integer=7 decimal=7"),
    (r#"{"x":"a\u0000b"}"#, "string=a\0b"),
];

/// The same, and longer ones.
pub(super) fn texts_of_all_kinds() -> Vec<(String, &'static str)> {
    let mut all: Vec<(String, &str)> =
        TEXTS.iter().map(|(text, expected)| ((*text).to_owned(), *expected)).collect();
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let seven = "number=7 integer=7 decimal=7";
    all.push((format!(r#"{{"x":7,"y":{}}}"#, nested(1_000)), seven));
    all.push((format!(r#"{{"x":7,"y":{}}}"#, nested(5_000)), ""));
    all.push((format!(r#"{{"x":{}}}"#, nested(1_000)), ""));
    all.push((format!(r#"{{"x":7,"y":"{}"}}"#, "x".repeat(1_000_000)), seven));
    let many = vec![r#"{"x":7}"#; 20_000].join(",");
    all.push((format!(r#"{{"id":"1234567890123456789","x":7,"items":[{many}]}}"#), seven));
    all
}
