//! An event in the address of an image: for e-mails and pages without scripts.

use std::collections::BTreeMap;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::{caller::BASE64, refusal::Refusal};

/// Where the image is.
pub(crate) const PIXEL: &str = "/v1/pixel.gif";

/// One transparent pixel, as GIF89a.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\
    \x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// Parameters that are members of the event; any other is one of its properties.
const MEMBERS: [&str; 10] = [
    "type",
    "event",
    "name",
    "category",
    "messageId",
    "anonymousId",
    "userId",
    "groupId",
    "previousId",
    "timestamp",
];

/// The body of a batch with the event that the query tells: all of it as `data`, base64 of a JSON
/// object as in Segment's pixel, or member by member. Without a type it is `track`.
pub(crate) fn batch(mut query: BTreeMap<String, String>) -> Result<String, Refusal> {
    let key = query.remove("writeKey").map(Value::from);
    let mut event = match query.remove("data") {
        Some(data) => object(&data)?,
        None => members(query),
    };
    let key = key.or_else(|| event.remove("writeKey"));
    event.entry("type").or_insert_with(|| json!("track"));
    Ok(json!({"batch": [event], "writeKey": key}).to_string())
}

/// The image. No one may keep it, or the next opening would not be told.
pub(crate) fn answer() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/gif"),
        (header::CACHE_CONTROL, "no-store, no-cache, must-revalidate, private"),
    ];
    (headers, GIF).into_response()
}

fn members(query: BTreeMap<String, String>) -> Map<String, Value> {
    let (mut event, mut properties) = (Map::new(), Map::new());
    for (name, value) in query {
        let is_member = MEMBERS.contains(&name.as_str());
        let into = if is_member { &mut event } else { &mut properties };
        into.insert(name, Value::from(value));
    }
    if !properties.is_empty() {
        event.insert("properties".to_owned(), Value::from(properties));
    }
    event
}

fn object(data: &str) -> Result<Map<String, Value>, Refusal> {
    // Both alphabets; a plus that was not escaped has become a space.
    let standard = data.trim().replace('-', "+").replace('_', "/").replace(' ', "+");
    let decoded = base64::Engine::decode(&BASE64, standard).ok();
    let object = decoded.and_then(|json| serde_json::from_slice(&json).ok());
    object.ok_or(Refusal::UnreadableBody("`data` is not base64 of a JSON object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)]) -> Result<Value, Refusal> {
        let query = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        batch(query.collect()).map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn an_event_is_told_member_by_member_or_whole() {
        // eyJldmVudCI6Ik8iLCJ3cml0ZUtleSI6IndrIn0= is {"event":"O","writeKey":"wk"}
        let whole = json!({"batch": [{"type": "track", "event": "O"}], "writeKey": "wk"});
        let table = [
            (
                &[("writeKey", "wk"), ("event", "E-mail Opened"), ("campaign", "spring")][..],
                json!({"batch": [{"type": "track", "event": "E-mail Opened",
                                  "properties": {"campaign": "spring"}}], "writeKey": "wk"}),
            ),
            (
                &[("type", "page"), ("userId", "u"), ("messageId", "m")],
                json!({"batch": [{"type": "page", "userId": "u", "messageId": "m"}],
                       "writeKey": null}),
            ),
            (&[("data", "eyJldmVudCI6Ik8iLCJ3cml0ZUtleSI6IndrIn0=")], whole.clone()),
            (&[("data", "eyJldmVudCI6Ik8iLCJ3cml0ZUtleSI6IndrIn0")], whole),
        ];
        for (query, expected) in table {
            assert_eq!(told(query).unwrap(), expected, "{query:?}");
        }
    }

    #[test]
    fn data_that_is_no_object_is_refused() {
        for data in ["", "?", "bm8ganNvbg==", "WzFd"] {
            assert!(matches!(told(&[("data", data)]), Err(Refusal::UnreadableBody(_))), "{data}");
        }
    }
}
