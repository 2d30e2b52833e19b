//! The places of an event that a sender or ingest filled, each by a JSON pointer (RFC 6901) such as
//! `/context/page/url` or `/request/user_agent`.

use std::{cmp::Reverse, collections::BTreeMap};

use event::{Event, RequestFacts, Text};
use serde_json::value::RawValue;

use super::leaves::Leaf;

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Every filled place with what stands there.
pub(super) fn values<S: Text>(event: &Event<S>) -> Vec<Leaf> {
    let mut found = Vec::new();
    rebuild(event, |place, value| {
        found.push((place.to_owned(), value.to_owned()));
        true
    });
    found
}

/// The event with nothing but what stands in these places.
pub(super) fn keep(event: &Event, mut is_kept: impl FnMut(&String) -> bool) -> Event {
    rebuild(event, |place, _| is_kept(&place.to_owned()))
}

/// The filled places: first those that `reads` does not name, then those that it names last.
pub(super) fn least_preferred_first(event: &Event, reads: &[&str]) -> Vec<String> {
    let mut places: Vec<String> = values(event).into_iter().map(|(place, _)| place).collect();
    places.sort_by_key(|place| Reverse(rank(place, reads)));
    places
}

/// The same the other way round.
pub(super) fn preferred_first(mut places: Vec<String>, reads: &[&str]) -> Vec<String> {
    places.sort_by_key(|place| rank(place, reads));
    places
}

/// Whether a place is this one or stands below it. `""` is the whole event.
pub(super) fn is_under(place: &str, above: &str) -> bool {
    place.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn rank(place: &str, reads: &[&str]) -> usize {
    reads.iter().position(|read| is_under(place, read)).unwrap_or(reads.len())
}

/// Goes through all places, and leaves out those of which `is_kept` says no.
fn rebuild<S: Text>(event: &Event<S>, mut is_kept: impl FnMut(&str, &str) -> bool) -> Event {
    let mut event = event.map(|text| text.to_string());
    for (name, text) in texts(&mut event) {
        *text = object(text, &format!("/{name}"), &mut is_kept).unwrap_or_else(|| "{}".to_owned());
    }
    for (name, text) in ids_and_names(&mut event) {
        text.take_if(|text| !is_kept(&format!("/{name}"), text));
    }
    for (name, text) in event.request.iter_mut().flat_map(seen) {
        text.take_if(|text| !is_kept(&format!("/request/{name}"), text));
    }
    event
}

/// What is left of JSON at this place; numbers as they were written.
fn object(json: &str, at: &str, is_kept: &mut impl FnMut(&str, &str) -> bool) -> Option<String> {
    match serde_json::from_str::<Members<'_>>(json) {
        Ok(members) if !members.is_empty() => {
            let left: Vec<String> = members
                .into_iter()
                .filter_map(|(name, value)| {
                    let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    let value = object(value.get(), &at, is_kept)?;
                    Some(format!("{}:{value}", serde_json::Value::from(name)))
                })
                .collect();
            (!left.is_empty()).then(|| format!("{{{}}}", left.join(",")))
        }
        // The whole text says nothing.
        Ok(_) if at.matches('/').count() == 1 => None,
        _ => is_kept(at, json).then(|| json.to_owned()),
    }
}

fn texts(event: &mut Event) -> [(&'static str, &mut String); 5] {
    [
        ("context", &mut event.context),
        ("properties", &mut event.properties),
        ("traits", &mut event.traits),
        ("integrations", &mut event.integrations),
        ("extra", &mut event.extra),
    ]
}

fn ids_and_names(event: &mut Event) -> [(&'static str, &mut Option<String>); 8] {
    [
        ("anonymous_id", &mut event.anonymous_id),
        ("user_id", &mut event.user_id),
        ("group_id", &mut event.group_id),
        ("previous_id", &mut event.previous_id),
        ("event", &mut event.event),
        ("name", &mut event.name),
        ("category", &mut event.category),
        ("channel", &mut event.channel),
    ]
}

fn seen(request: &mut RequestFacts) -> [(&'static str, &mut Option<String>); 6] {
    [
        ("ip", &mut request.ip),
        ("user_agent", &mut request.user_agent),
        ("origin", &mut request.origin),
        ("referer", &mut request.referer),
        ("accept_language", &mut request.accept_language),
        ("client_hints", &mut request.client_hints),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_as_it_was_written_and_the_rest_is_gone() {
        let json = r#"{"a":{"b":1.10,"c/d":[1,2],"e":{}},"f":"x"}"#;
        let left =
            |kept: &[&str]| object(json, "/properties", &mut |place, _| kept.contains(&place));
        for (kept, expected) in [
            (&["/properties/a/b"][..], Some(r#"{"a":{"b":1.10}}"#)),
            (&["/properties/a/c~1d", "/properties/f"], Some(r#"{"a":{"c/d":[1,2]},"f":"x"}"#)),
            (&["/properties/a/e"], Some(r#"{"a":{"e":{}}}"#)),
            (&["/properties/a"], None),
            (&[], None),
        ] {
            assert_eq!(left(kept).as_deref(), expected, "{kept:?}");
        }
    }

    #[test]
    fn a_place_is_below_whole_names_only() {
        assert!(is_under("/context/page/url", "/context/page"));
        assert!(is_under("/context/page", "/context/page"));
        assert!(is_under("/context/page", ""));
        assert!(!is_under("/context/pages", "/context/page"));
    }
}
