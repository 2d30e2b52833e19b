//! The functions that a program may call.
//!
//! Allowed is what depends on its arguments alone, and takes time and space in proportion to their
//! size. Left out is what reads the clock, the network, files, the environment or randomness; what
//! writes logs; what may make much of little (`range`, `set` with a great index, decompression,
//! `format_number` with a great scale); and parsers whose cost we have not judged.

use vrl::compiler::Function;

const ALLOWED: &[&str] = &[
    // texts
    "contains",
    "downcase",
    "ends_with",
    "join",
    "length",
    "match",
    "parse_regex",
    "replace",
    "slice",
    "split",
    "starts_with",
    "strip_whitespace",
    "strlen",
    "truncate",
    "upcase",
    // numbers
    "abs",
    "ceil",
    "floor",
    "format_int",
    "mod",
    "parse_float",
    "parse_int",
    "round",
    // objects and arrays
    "append",
    "compact",
    "del",
    "exists",
    "filter",
    "flatten",
    "for_each",
    "from_entries",
    "get",
    "includes",
    "keys",
    "map_keys",
    "map_values",
    "merge",
    "object_from_array",
    "pop",
    "push",
    "remove",
    "tally",
    "to_entries",
    "unflatten",
    "unique",
    "values",
    "zip",
    // types
    "array",
    "bool",
    "float",
    "int",
    "is_array",
    "is_boolean",
    "is_empty",
    "is_float",
    "is_integer",
    "is_null",
    "is_nullish",
    "is_object",
    "is_string",
    "is_timestamp",
    "object",
    "string",
    "timestamp",
    "to_bool",
    "to_float",
    "to_int",
    "to_string",
    // times
    "format_timestamp",
    "from_unix_timestamp",
    "parse_duration",
    "parse_timestamp",
    "to_unix_timestamp",
    // encodings
    "decode_base64",
    "decode_percent",
    "encode_base64",
    "encode_json",
    "encode_percent",
    "is_json",
    "parse_json",
    "parse_query_string",
    "parse_url",
    // addresses
    "ip_cidr_contains",
    "is_ipv4",
    "is_ipv6",
    // what must hold
    "assert",
];

/// Functions whose result is a number, whatever they are given.
const NUMBERS: &[&str] = &[
    "abs",
    "ceil",
    "float",
    "floor",
    "int",
    "length",
    "mod",
    "parse_duration",
    "parse_float",
    "parse_int",
    "round",
    "strlen",
    "to_float",
    "to_int",
    "to_unix_timestamp",
];

/// Arguments that must stand in the program itself: function, keyword, position from 0. With a value of
/// the event a text could grow by the product of two of its values.
const LITERALS: &[(&str, &str, usize)] = &[
    ("replace", "with", 2),
    ("join", "separator", 1),
    ("flatten", "separator", 1),
    ("truncate", "suffix", 2),
    ("format_timestamp", "timezone", 2),
    ("parse_timestamp", "timezone", 2),
];

/// What the compiler gets to know.
pub(crate) fn allowed() -> Vec<Box<dyn Function>> {
    let mut all = vrl::stdlib::all();
    all.retain(|function| is_allowed(function.identifier()));
    all
}

pub(crate) fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name)
}

/// Whether VRL has a function that programs of ours may not call.
pub(crate) fn is_known(name: &str) -> bool {
    vrl::stdlib::all().iter().any(|function| function.identifier() == name)
}

pub(crate) fn gives_a_number(name: &str) -> bool {
    NUMBERS.contains(&name)
}

/// Keyword of the argument that must be a literal, if this one must.
pub(crate) fn literal_argument(
    function: &str,
    keyword: Option<&str>,
    position: usize,
) -> Option<&'static str> {
    let is_it = |&&(name, word, at): &&(&str, &str, usize)| {
        name == function && keyword.map_or(at == position, |keyword| keyword == word)
    };
    LITERALS.iter().find(is_it).map(|(_, word, _)| *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_that_may_be_called_is_in_the_documentation() {
        let docs = include_str!("../../../docs/enriching.md");
        // The questions are told as `is_…` of the types.
        let told = |name: &&&str| docs.contains(&format!("`{name}`")) || name.starts_with("is_");
        let missing: Vec<&&str> = ALLOWED.iter().filter(|name| !told(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn every_name_on_the_lists_is_a_function_that_may_be_called() {
        let named = ALLOWED.iter().chain(NUMBERS).chain(LITERALS.iter().map(|(name, ..)| name));
        let missing: Vec<&&str> =
            named.filter(|name| !is_known(name) || !is_allowed(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn an_argument_that_must_be_a_literal_is_where_the_function_has_it() {
        let all = vrl::stdlib::all();
        for (name, word, at) in LITERALS {
            let function = all.iter().find(|it| it.identifier() == *name).unwrap();
            let parameters = function.parameters();
            assert_eq!(parameters.get(*at).map(|it| it.keyword), Some(*word), "{name}");
        }
    }

    #[test]
    fn nothing_that_reaches_outside_or_makes_much_of_little_may_be_called() {
        for name in [
            "now",
            "random_int",
            "random_float",
            "random_bool",
            "random_bytes",
            "uuid_v4",
            "uuid_v7",
            "log",
            "get_env_var",
            "get_hostname",
            "dns_lookup",
            "reverse_dns",
            "http_request",
            "parse_grok",
            "range",
            "set",
            "decode_gzip",
            "decode_zstd",
            "to_regex",
            "format_number",
        ] {
            assert!(!is_allowed(name), "{name}");
        }
    }
}
