//! Takes parameters out of a URL or a query, and leaves every other byte as it is.

use std::{borrow::Cow, collections::BTreeSet};

use memchr::{memchr_iter, memchr3};
use percent_encoding::percent_decode_str;

use super::list::{ParameterList, Rule, plain};

/// How deep a value is decoded that has a URL in it that has a URL in it …
const MAX_DEPTH: usize = 4;

/// How a text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// With a path or an authority, as a URL does.
    Url,
    /// With a parameter, as `location.search` does, with or without its question mark.
    Query,
}

/// A text cut into pieces, each with the sign in front of it.
struct Piece<'a> {
    sign: Option<u8>,
    text: &'a str,
    /// Whether the sign begins the query or the fragment.
    opens: bool,
    /// Whether it is a parameter, of the query, the fragment or the path (`;jsessionid=…`).
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Path,
    PathParameter,
    Parameter,
}

impl ParameterList {
    /// The text without what is taken out of it, or `None` where there is no such thing. What was taken
    /// out is told as `?name`, or ` userinfo`.
    pub(super) fn strip(
        &self,
        text: &str,
        form: Form,
        told: &mut dyn FnMut(String),
    ) -> Option<String> {
        memchr3(b'=', b'@', b'%', text.as_bytes())?;
        self.strip_at(text, form, 0, told)
    }

    fn strip_at(
        &self,
        text: &str,
        form: Form,
        depth: usize,
        told: &mut dyn FnMut(String),
    ) -> Option<String> {
        let stripped = self.join(&pieces(text, form), depth, told);
        // What is a query from its begin on has no credentials, unless it is a URL in a value.
        if form == Form::Query && depth == 0 {
            return stripped;
        }
        let without = without_userinfo(stripped.as_deref().unwrap_or(text));
        if without.is_some() {
            told(" userinfo".to_owned());
        }
        without.or(stripped)
    }

    /// The pieces that stay, or `None` where all do. The first parameter that stays takes the sign that
    /// opens the query or fragment.
    fn join(
        &self,
        pieces: &[Piece<'_>],
        depth: usize,
        told: &mut dyn FnMut(String),
    ) -> Option<String> {
        let names = pieces.iter().filter_map(Piece::name);
        let names: BTreeSet<String> = names.map(|name| plain(name.trim()).into_owned()).collect();
        let (mut kept, mut changed) = (String::new(), false);
        // The sign of an opening parameter that went, and whether the value of one that went goes on.
        let (mut opening, mut swallows) = (None, false);
        for piece in pieces {
            swallows &= matches!(piece.sign, Some(b'?' | b';'));
            if !swallows {
                let Some(goes) = self.goes(piece, &names, depth) else {
                    let follows = matches!(piece.sign, Some(b'&' | b';'));
                    let taken = opening.take();
                    let sign = if follows { taken.unwrap_or(piece.sign) } else { piece.sign };
                    kept.extend(sign.map(char::from));
                    kept.push_str(piece.text);
                    continue;
                };
                told(goes.told);
                swallows = goes.by_name && piece.kind == Kind::Parameter;
                if piece.opens {
                    opening = Some(piece.sign);
                }
            }
            changed = true;
        }
        changed.then_some(kept)
    }

    /// Whether a piece is taken out, and how that is told.
    fn goes(&self, piece: &Piece<'_>, names: &BTreeSet<String>, depth: usize) -> Option<Gone> {
        if piece.kind == Kind::Path {
            return None;
        }
        let name = piece.name();
        let by_name = match name.as_deref().and_then(|name| self.rule(name)) {
            Some(Rule::Keep) => return None,
            Some(Rule::Strip) => true,
            Some(Rule::Beside(other)) => names.contains(other),
            None => false,
        };
        let is_parameter = piece.kind == Kind::Parameter || name.is_some();
        let goes = by_name || is_parameter && self.is_personal(piece, name.as_deref(), depth);
        goes.then(|| Gone { told: tell(name.as_deref()), by_name })
    }

    /// Whether the name or the value is an e-mail address, or the value a URL or query that has
    /// something to take out.
    fn is_personal(&self, piece: &Piece<'_>, name: Option<&str>, depth: usize) -> bool {
        let value = piece.text.split_once('=').map_or(piece.text, |(_, value)| value);
        let decoded = percent_decode_str(value).decode_utf8_lossy();
        let nests = depth < MAX_DEPTH && decoded.contains(['=', '@', '%']);
        name.is_some_and(has_email)
            || has_email(&decoded)
            || nests && self.strip_at(&decoded, Form::Query, depth + 1, &mut |_| {}).is_some()
    }
}

/// What was taken out.
struct Gone {
    told: String,
    /// By its name: then its value goes on until the next `&` or `#`.
    by_name: bool,
}

/// `?name`, or `?*` where the name may be personal.
fn tell(name: Option<&str>) -> String {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || "-_.[]".contains(c);
    let harmless = |name: &&str| name.len() <= 40 && name.chars().all(is_sign);
    let name = name.map(|name| name.trim().trim_start_matches(['/', '!']));
    format!("?{}", name.filter(harmless).unwrap_or("*"))
}

impl Piece<'_> {
    /// The name of a parameter, decoded.
    fn name(&self) -> Option<Cow<'_, str>> {
        let (name, _) = self.text.split_once('=').filter(|_| self.kind != Kind::Path)?;
        Some(percent_decode_str(name).decode_utf8_lossy())
    }
}

fn pieces(text: &str, form: Form) -> Vec<Piece<'_>> {
    let mut inside = form == Form::Query;
    // The first question mark opens the query, and the first one in a fragment its own.
    let mut may_open = true;
    let kind = if inside { Kind::Parameter } else { Kind::Path };
    let mut pieces = vec![Piece { sign: None, text: "", opens: inside, kind }];
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        let cuts = matches!(byte, b'?' | b'#' | b';') || byte == if inside { b'&' } else { b'/' };
        if !cuts {
            continue;
        }
        if let Some(last) = pieces.last_mut() {
            last.text = &text[start..at];
        }
        let opens = byte == b'#' || byte == b'?' && may_open;
        may_open = byte == b'#' || may_open && byte != b'?';
        inside |= opens;
        let kind = match byte {
            _ if inside => Kind::Parameter,
            b';' => Kind::PathParameter,
            _ => Kind::Path,
        };
        pieces.push(Piece { sign: Some(byte), text: "", opens, kind });
        start = at + 1;
    }
    if let Some(last) = pieces.last_mut() {
        last.text = &text[start..];
    }
    pieces
}

/// The URL without `user:password@`.
fn without_userinfo(text: &str) -> Option<String> {
    let start = text.find("//")? + 2;
    let scheme = &text[..start - 2];
    // Otherwise it is a part of a path, or another URL in a value.
    if scheme.contains(['/', '?', '#']) || !(scheme.is_empty() || scheme.ends_with(':')) {
        return None;
    }
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |end| start + end);
    let at = start + text[start..end].rfind('@')?;
    Some(format!("{}{}", &text[..start], &text[at + 1..]))
}

/// Whether a text has an e-mail address in it: `@` behind a word and before a domain whose last label
/// is no number.
pub(super) fn has_email(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr_iter(b'@', bytes).any(|at| is_word_end(&bytes[..at]) && is_domain(&bytes[at + 1..]))
}

fn is_word_end(before: &[u8]) -> bool {
    before.last().is_some_and(|byte| {
        byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_.+-\"'".contains(byte)
    })
}

fn is_domain(rest: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let ends = |byte: &u8| !(is_part(byte) || matches!(byte, b'-' | b'.'));
    let domain = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
    let mut labels = domain.split(|byte| *byte == b'.').filter(|label| !label.is_empty());
    let first = labels.next().is_some_and(|label| label.iter().any(is_part));
    first && labels.any(|label| label.len() >= 2 && !label[0].is_ascii_digit())
}
