//! What is taken out of an event, or made unreadable, and that it was.

use std::borrow::Cow;

use super::{
    compile::Plan,
    finding::shown_name,
    places::{Edit, PARTS},
    privacy::{HashKey, Normalise, PrivacyAction},
    rewrite::{Change, EACH, Tokens, is_index, rewrite},
};

/// Most unplanned names of a part that the facts name; the others are one `*`.
const MOST_NAMED: usize = 20;
const MASK: &str = "\"[masked]\"";
/// What a hash begins with: such a text is not hashed again.
const HASHED: &str = "hmac:";

/// One thing to do at one place.
pub(crate) struct Removal<'a> {
    edit: Cow<'a, Edit>,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    Strip,
    /// Strips a name that is known to be there.
    Unplanned,
    Rule(PrivacyAction, Normalise),
}

impl<'a> Removal<'a> {
    /// Takes a member out.
    pub(crate) const fn strip(edit: &'a Edit) -> Self {
        Self { edit: Cow::Borrowed(edit), how: How::Strip }
    }

    /// Takes these properties, or traits, out: the part and the name of each.
    pub(crate) fn unplanned(names: Vec<(usize, String)>) -> impl Iterator<Item = Self> {
        names.into_iter().enumerate().map(|(number, (part, name))| {
            let shown = if number < MOST_NAMED { shown_name(&name) } else { "*" };
            let pointer = format!("/{}/{shown}", PARTS[part]);
            let edit = Edit { part, tokens: vec![name], pointer };
            Self { edit: Cow::Owned(edit), how: How::Unplanned }
        })
    }

    /// Whether the place may be in the text: quickly said, and never "no" where it is.
    fn may_be_in(&self, text: &str) -> bool {
        if matches!(self.how, How::Unplanned) {
            return true;
        }
        // A name may be written with escapes.
        let is_in = |token: &String| token == EACH || text.contains(token.as_str());
        text.contains('\\') || self.edit.tokens.iter().all(|token| is_in(token) || is_index(token))
    }

    const fn word(&self) -> &'static str {
        match self.how {
            How::Strip | How::Unplanned => "strip",
            How::Rule(action, _) => action.word(),
        }
    }
}

impl Plan {
    /// What is taken out where consent to this category is denied.
    pub(crate) fn stripped_without(&self, category: &str) -> impl Iterator<Item = Removal<'_>> {
        self.strips.get(category).into_iter().flatten().map(Removal::strip)
    }

    /// What the plan's privacy rules remove.
    pub(crate) fn private(&self) -> impl Iterator<Item = Removal<'_>> {
        self.privacy.iter().map(|(edit, rule)| Removal {
            edit: Cow::Borrowed(edit),
            how: How::Rule(rule.action, rule.normalise),
        })
    }
}

/// Changes the texts (in the order of [`PARTS`]); returns what was done, each as the word and the
/// pointer. Without a key, what was to be hashed is taken out.
pub(crate) fn apply(
    removals: &[Removal<'_>],
    key: Option<&HashKey>,
    texts: &mut [&mut String; 5],
) -> Vec<String> {
    let mut done = Vec::new();
    for (part, text) in texts.iter_mut().enumerate() {
        let of_part: Vec<&Removal<'_>> = removals
            .iter()
            .filter(|removal| removal.edit.part == part && removal.may_be_in(text))
            .collect();
        if of_part.is_empty() {
            continue;
        }
        let places: Vec<&Tokens> = of_part.iter().map(|removal| &removal.edit.tokens).collect();
        let changed = rewrite(text, &places, &mut |place, value| {
            let Some(removal) = place.map(|place| of_part[place]) else {
                done.push(format!("drop-unreadable /{}", PARTS[part]));
                return Change::Remove;
            };
            let change = change(removal.how, value, key);
            if change != Change::Replace(value.to_owned()) {
                note(&mut done, removal);
            }
            change
        });
        if let Some(changed) = changed {
            **text = changed;
        }
    }
    done
}

fn note(done: &mut Vec<String>, removal: &Removal<'_>) {
    let text = format!("{} {}", removal.word(), removal.edit.pointer);
    if !done.contains(&text) {
        done.push(text);
    }
}

fn change(how: How, value: &str, key: Option<&HashKey>) -> Change {
    let same = || Change::Replace(value.to_owned());
    match how {
        How::Strip | How::Unplanned | How::Rule(PrivacyAction::Drop, _) => Change::Remove,
        How::Rule(..) if value == "null" => same(),
        How::Rule(PrivacyAction::Mask, _) => Change::Replace(MASK.to_owned()),
        How::Rule(PrivacyAction::Hash, normalise) => {
            let Some(key) = key else { return Change::Remove };
            let Ok(read) = serde_json::from_str::<serde_json::Value>(value) else {
                return Change::Remove;
            };
            if read.as_str().is_some_and(is_hash) {
                return same();
            }
            Change::Replace(format!("\"{HASHED}{}\"", key.hash(&read, normalise)))
        }
    }
}

/// Whether a text stands where a privacy rule has taken the value away: a hash or a mask.
pub fn was_replaced(text: &str) -> bool {
    is_hash(text) || is_mask(text)
}

/// Whether a text is what stands in the place of every value that is masked.
pub(crate) fn is_mask(text: &str) -> bool {
    text == MASK.trim_matches('"')
}

/// Whether a text is what a rule made of a value before.
fn is_hash(text: &str) -> bool {
    text.strip_prefix(HASHED).is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_escapes_is_found_as_well() {
        let edit = Edit {
            part: 1,
            tokens: vec!["items".to_owned(), "0".to_owned(), "email".to_owned()],
            pointer: "/properties/items/0/email".to_owned(),
        };
        for text in [
            r#"{"items":[{"email":"a"}]}"#,
            r#"{"items":[{"\u0065mail":"a"}]}"#,
            r#"{"it\u0065ms":[{"email":"a"}]}"#,
        ] {
            let mut all = ["{}", text, "{}", "{}", "{}"].map(str::to_owned);
            let mut texts = all.each_mut();
            let done = apply(&[Removal::strip(&edit)], None, &mut texts);
            assert_eq!(done, ["strip /properties/items/0/email"], "{text}");
            assert_eq!(all[1], r#"{"items":[{}]}"#);
        }
        let unreadable = r#"{"items":[{"\ud83d":1,"email":"a"}]}"#;
        let mut all = ["{}", unreadable, "{}", "{}", "{}"].map(str::to_owned);
        let done = apply(&[Removal::strip(&edit)], None, &mut all.each_mut());
        assert_eq!(done, ["drop-unreadable /properties"]);
        assert_eq!(all[1], r#"{"items":[]}"#);
        let mut all = ["{}", r#"{"mail":"email"}"#, "{}", "{}", "{}"].map(str::to_owned);
        assert_eq!(
            apply(&[Removal::strip(&edit)], None, &mut all.each_mut()),
            Vec::<String>::new()
        );
    }
}
