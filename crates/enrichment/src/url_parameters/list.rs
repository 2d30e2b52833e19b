//! Which parameters are taken out, and a quick look for texts that have none.

use std::{borrow::Cow, collections::BTreeSet};

use memchr::{memchr_iter, memchr3_iter};
use serde::Deserialize;

use super::UrlParameterSettings;
use crate::{SettingsProblem, names::Names};

/// The file `data/stripped_parameters.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterFile {
    version: String,
    parameters: Vec<String>,
    /// Names that are taken out only where the other one stands in the same text.
    pairs: Vec<[String; 2]>,
}

/// What is known of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is taken out.
    Strip,
    /// It is taken out where this one stands too: `code` beside `state` is the answer of an OAuth
    /// server (RFC 6749, section 4.1.2), and a voucher elsewhere.
    Beside(String),
    /// It stays, whatever its value looks like.
    Keep,
}

/// Every parameter that has a rule.
#[derive(Debug)]
pub(super) struct ParameterList {
    pub(super) version: String,
    names: Names<Rule>,
}

impl ParameterList {
    /// The list that these settings ask for. What is wrong with them is added to `problems`.
    pub(super) fn of(settings: &UrlParameterSettings, problems: &mut Vec<SettingsProblem>) -> Self {
        check(settings, problems);
        // A test reads the file, so the default stands for a broken build.
        let file = include_str!("../../data/stripped_parameters.json");
        let file: ParameterFile = serde_json::from_str(file).unwrap_or_default();
        let named = |name: &String| plain(name).into_owned();
        let pairs = file.pairs.iter().flat_map(|[one, other]| [(one, other), (other, one)]);
        let pairs = pairs.map(|(name, beside)| (named(name), Rule::Beside(named(beside))));
        let strip = file.parameters.iter().chain(&settings.add);
        let strip = strip.map(|name| (named(name), Rule::Strip));
        let keep = settings.keep.iter().map(|name| (named(name), Rule::Keep));
        // Of two rules for a name the later one holds.
        Self { version: file.version, names: Names::new(pairs.chain(strip).chain(keep)) }
    }

    /// The rule for a decoded name: for itself, or for the last part of `user[email]` and
    /// `user.email`.
    pub(super) fn rule(&self, name: &str) -> Option<&Rule> {
        let name = name.trim().trim_start_matches(['/', '!']);
        let inner = name.trim_end_matches(']');
        let last = || inner.rsplit(['[', '.', ':']).next();
        self.names.get(&plain(name)).or_else(|| self.names.get(&plain(last()?)))
    }

    /// Whether the texts of a JSON text may have a parameter that is taken out. It is asked of every
    /// event, so it looks for signs only: each such parameter has one, and so have some others.
    pub(super) fn may_hold(&self, json: &str) -> bool {
        let bytes = json.as_bytes();
        // Up to here no `@` follows anything of a URL.
        let mut looked = 0;
        let signs = |at: usize| match bytes[at] {
            b'=' => self.may_end_name(&bytes[..at]),
            b'@' => {
                let follows = follows_a_separator(&bytes[looked..at]);
                looked = at;
                follows
            }
            _ => is_encoded_sign(&bytes[at + 1..]),
        };
        memchr3_iter(b'=', b'@', b'%', bytes).any(signs) || has_escaped_ascii(bytes)
    }

    /// Whether a name with a rule may end here.
    fn may_end_name(&self, before: &[u8]) -> bool {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let start = before.iter().rposition(|byte| !is_part(byte)).map_or(0, |at| at + 1);
        let clear = start == 0 || b"?#&;\"/!=".contains(&before[start - 1]);
        !clear || self.has_rule(&before[start..])
    }

    /// Whether there is a rule for a name of ASCII letters, digits, `-` and `_`.
    fn has_rule(&self, name: &[u8]) -> bool {
        let mut letters = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
        let Some(first) = letters.next() else { return false };
        let (len, last) = letters.fold((1, first), |(len, _), byte| (len + 1, byte));
        let may = self.names.may_have(*first, *last, len);
        may && str::from_utf8(name).is_ok_and(|name| self.names.get(&plain(name)).is_some())
    }
}

/// Whether an `@` behind this text belongs to a URL's credentials or parameters, rather than being a
/// text by itself.
fn follows_a_separator(before: &[u8]) -> bool {
    let begins = |at: usize| before[at] == b'"' && (at == 0 || before[at - 1] != b'\\');
    let sign = (0..before.len()).rev().find(|at| b"?#&;=/".contains(&before[*at]) || begins(*at));
    sign.is_some_and(|at| before[at] != b'"')
}

/// `%40`, `%3D` and `%25`: an at sign, an equals sign or a percent sign that was encoded.
fn is_encoded_sign(rest: &[u8]) -> bool {
    matches!(rest, [b'4', b'0', ..] | [b'3', b'd' | b'D', ..] | [b'2', b'5', ..])
}

/// `\u0026` and the like: JSON may write any sign so, and some senders do.
fn has_escaped_ascii(bytes: &[u8]) -> bool {
    memchr_iter(b'\\', bytes)
        .any(|at| matches!(bytes[at + 1..], [b'u', b'0', b'0', b'2'..=b'7', ..]))
}

/// A name as the list compares it: without case, `-` and `_`; browsers drop tabs and line ends.
pub(super) fn plain(name: &str) -> Cow<'_, str> {
    let odd = |c: char| c.is_uppercase() || matches!(c, '-' | '_' | '\t' | '\n' | '\r');
    if !name.contains(odd) {
        return Cow::Borrowed(name);
    }
    let kept = name.chars().filter(|c| !matches!(c, '-' | '_' | '\t' | '\n' | '\r'));
    Cow::Owned(kept.flat_map(char::to_lowercase).collect())
}

fn check(settings: &UrlParameterSettings, problems: &mut Vec<SettingsProblem>) {
    let mut problem = |key: String, problem: &str, remedy: &str| {
        let (problem, remedy) = (problem.to_owned(), remedy.to_owned());
        problems.push(SettingsProblem { key, problem, remedy });
    };
    let kept: BTreeSet<Cow<'_, str>> = settings.keep.iter().map(|name| plain(name)).collect();
    for (list, names) in [("add", &settings.add), ("keep", &settings.keep)] {
        for (number, name) in names.iter().enumerate() {
            let key = format!("url_parameters.{list}[{number}]");
            let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
            if plain(name).is_empty() || name.contains(odd) {
                let remedy = "use letters, digits, -, _ and ., such as \"access_token\"";
                problem(key, "this is no name of a parameter", remedy);
            } else if list == "add" && kept.contains(&plain(name)) {
                let remedy = "take it out of one of the two";
                problem(key, "it is also among url_parameters.keep", remedy);
            }
        }
    }
}
