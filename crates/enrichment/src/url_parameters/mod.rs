//! Parameters that must not be stored: credentials, and what is personal.

mod json_texts;
mod list;
mod strip;

use std::borrow::Cow;

use event::{CampaignFacts, Derived, Event, Millis};
use memchr::{memchr, memmem};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use self::{
    json_texts::change_texts,
    list::ParameterList,
    strip::{Form, has_email},
};
use crate::{Facts, Removal, SettingsProblem};

/// What was taken out, as facts tell it.
type Removed<'d> = Vec<Cow<'d, str>>;

/// `[enrich.url_parameters]`: what is changed in the list of `data/stripped_parameters.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UrlParameterSettings {
    /// Further parameters that are taken out of URLs. Case, `-` and `_` make no difference.
    pub add: Vec<String>,
    /// Parameters that stay, even where the value looks like an e-mail address.
    pub keep: Vec<String>,
}

/// Takes parameters out of the URLs of an event and of its facts: those of the list, those whose
/// value is an e-mail address, and `user:password@`. Also empties members of `context.campaign`
/// that are e-mail addresses: SDKs copy the URL's parameters there.
pub(crate) struct UrlParameters {
    list: ParameterList,
    version: String,
}

/// Members of a page event's properties that hold its URLs: those of Segment's spec, and
/// RudderStack's.
const PROPERTIES: [&str; 6] = ["url", "path", "search", "referrer", "tab_url", "initial_referrer"];

impl UrlParameters {
    /// As these settings ask for. What is wrong with them is added to `problems`.
    pub(crate) fn new(
        settings: &UrlParameterSettings,
        problems: &mut Vec<SettingsProblem>,
    ) -> Self {
        let list = ParameterList::of(settings, problems);
        Self { version: format!("1 list-{}", list.version), list }
    }

    /// The context without them.
    fn context(&self, json: &str, removed: &mut Removed<'_>) -> Option<String> {
        change_texts(json, &["page", "referrer", "campaign"], &mut |object, member, text| match (
            object, member,
        ) {
            ("page", "title") => None,
            ("campaign", _) => is_email(text).then(|| {
                tell(format!("/context/campaign/{} e-mail", pointer(member)), removed);
                String::new()
            }),
            _ => self.text(text, member, &format!("/context/{object}"), removed),
        })
    }

    /// The properties of a page event without them.
    fn properties(&self, json: &str, removed: &mut Removed<'_>) -> Option<String> {
        change_texts(json, &[""], &mut |_, member, text| {
            let holds = PROPERTIES.contains(&member);
            holds.then(|| self.text(text, member, "/properties", removed)).flatten()
        })
    }

    fn text(
        &self,
        text: &str,
        member: &str,
        object: &str,
        removed: &mut Removed<'_>,
    ) -> Option<String> {
        let form = if member == "search" { Form::Query } else { Form::Url };
        self.list.strip(text, form, &mut |what| {
            tell(format!("{object}/{}{what}", pointer(member)), removed);
        })
    }

    fn request(&self, event: &mut Event<Cow<'_, str>>, removed: &mut Removed<'_>) -> bool {
        let referer = event.request.as_mut().and_then(|request| request.referer.as_mut());
        let Some(referer) = referer else { return false };
        let Some(stripped) = self.text(referer, "referer", "/request", removed) else {
            return false;
        };
        *referer = stripped.into();
        true
    }

    /// What enrichments read of those places. Where it came from is told already.
    fn facts(&self, facts: &mut Facts<'_>) {
        let strip = |text: &mut Cow<'_, str>, form: Form| {
            if let Some(stripped) = self.list.strip(text, form, &mut |_| {}) {
                *text = stripped.into();
            }
        };
        if let Some(page) = &mut facts.page {
            strip(&mut page.url, Form::Url);
            page.path.iter_mut().for_each(|path| strip(path, Form::Url));
            page.query.iter_mut().for_each(|query| strip(query, Form::Query));
            page.query = page.query.take().filter(|query| !query.is_empty());
        }
        facts.referrer.iter_mut().for_each(|referrer| strip(&mut referrer.url, Form::Url));
        facts.derived.retain_mut(|Derived { field, value }| match field.as_ref() {
            "page.query" => {
                strip(value, Form::Query);
                !value.is_empty()
            }
            "page.path" => {
                strip(value, Form::Url);
                true
            }
            field => !is_of_parameters(field) || !is_email(value),
        });
        facts.click_ids.retain(|id| !is_email(&id.value));
        if let Some(campaign) = &mut facts.campaign {
            let CampaignFacts { source, medium, name, term, content, id, .. } = campaign;
            let fields = [source, medium, name, term, content, id];
            let left = fields.map(|field| {
                *field = field.take().filter(|text| !is_email(text));
                field.is_some()
            });
            facts.campaign = facts.campaign.take().filter(|_| left.contains(&true));
        }
    }
}

impl Removal for UrlParameters {
    fn name(&self) -> &'static str {
        "url-parameters"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "/context/page",
            "/context/referrer",
            "/context/campaign",
            "/properties/url",
            "/properties/path",
            "/properties/search",
            "/properties/referrer",
            "/properties/tab_url",
            "/properties/initial_referrer",
            "/request/referer",
        ]
    }

    fn apply<'d>(
        &'d self,
        event: &mut Event<Cow<'d, str>>,
        _appended_at: Millis,
        facts: &mut Facts<'d>,
    ) {
        let context = may_hold(&self.list, &event.context);
        let properties = event.kind == "page" && may_hold(&self.list, &event.properties);
        if context && let Some(stripped) = self.context(&event.context, &mut facts.removed) {
            event.context = stripped.into();
        }
        if properties && let Some(stripped) = self.properties(&event.properties, &mut facts.removed)
        {
            event.properties = stripped.into();
        }
        if self.request(event, &mut facts.removed) || context || properties {
            self.facts(facts);
        }
    }
}

/// Whether a look into a JSON text is worth while.
fn may_hold(list: &ParameterList, json: &str) -> bool {
    list.may_hold(json) || may_hold_bare_email(json)
}

/// Whether a campaign or `search` may have an e-mail address without any sign of a URL.
fn may_hold_bare_email(json: &str) -> bool {
    let is_there = |name| memmem::find(json.as_bytes(), name).is_some();
    memchr(b'@', json.as_bytes()).is_some() && (is_there(b"campaign") || is_there(b"search"))
}

/// Whether a derived value was read from a parameter.
fn is_of_parameters(field: &str) -> bool {
    field.starts_with("campaign.") || field.starts_with("click_ids.")
}

fn is_email(text: &str) -> bool {
    has_email(&percent_decode_str(text).decode_utf8_lossy())
}

fn tell(what: String, removed: &mut Removed<'_>) {
    if !removed.iter().any(|told| *told == what) {
        removed.push(what.into());
    }
}

/// A name as a JSON pointer has it (RFC 6901); `*` where it may be personal.
fn pointer(name: &str) -> &str {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() <= 40 && name.chars().all(is_sign) { name } else { "*" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts of signs, names of the list and addresses, which mean something to the parser.
    fn soup() -> impl Strategy<Value = String> {
        let part = prop::sample::select(
            &[
                "?",
                "#",
                "&",
                ";",
                "=",
                "/",
                "//",
                ":",
                "@",
                "%",
                "%3D",
                "%3d",
                "%40",
                "%2540",
                "%26",
                "%3F",
                "%74oken",
                "token",
                "e-Mail",
                "[sig]",
                "code",
                "state",
                "x",
                "jane",
                "a.example",
                "\"",
                "\\",
                "\t",
                "\n",
                " ",
                "é",
                ".",
                "_",
                "!",
                "https:",
                "amp;",
                "%25",
            ][..],
        );
        prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

        #[test]
        fn the_quick_look_sees_a_sign_of_whatever_would_be_taken_out(
            text in soup(), member in prop::sample::select(&["url", "search"][..]),
        ) {
            thread_local! {
                static PARAMETERS: UrlParameters =
                    UrlParameters::new(&UrlParameterSettings::default(), &mut Vec::new());
            }
            let json = serde_json::json!({ "page": { member: text } }).to_string();
            PARAMETERS.with(|parameters| {
                let mut removed = Vec::new();
                let left = parameters.context(&json, &mut removed);
                prop_assert_eq!(left.is_some(), !removed.is_empty());
                prop_assert!(left.is_none() || may_hold(&parameters.list, &json), "{}", json);
                let again = left.and_then(|left| parameters.context(&left, &mut removed));
                prop_assert_eq!(again, None, "{}", json);
                Ok(())
            })?;
        }
    }
}
