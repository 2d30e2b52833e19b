//! One message to one raw event.

use std::sync::Arc;

use event::{RawEvent, RequestFacts};
use serde_json::value::RawValue;

use super::{
    batch_times::BatchTimes,
    fields::{Field, Fields},
    members::{Members, string},
};

/// What a batch says for all its messages.
#[derive(Debug, Default)]
pub(crate) struct Envelope<'a> {
    sent_at: Option<String>,
    context: Option<Shared<'a>>,
    integrations: Option<Shared<'a>>,
    /// Members of the wrong type, under the names that they get in each event.
    malformed: Vec<(&'static str, &'a RawValue)>,
}

/// An object of the batch, with its exact text beside its members.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) text: &'a RawValue,
    pub(super) members: Members<'a>,
}

impl<'a> Envelope<'a> {
    /// From the members of the batch; one of a wrong type is handed to every event as malformed.
    pub(super) fn new(
        sent_at: Option<&'a RawValue>,
        context: Option<&'a RawValue>,
        integrations: Option<&'a RawValue>,
    ) -> Self {
        let mut malformed = Vec::new();
        let mut shared = |name, value: Option<&'a RawValue>| {
            let text = value?;
            let members = Members::of(text);
            if members.is_none() {
                malformed.push((name, text));
            }
            members.map(|members| Shared { text, members })
        };
        let context = shared("batch.context", context);
        let integrations = shared("batch.integrations", integrations);
        let text = sent_at.and_then(string);
        if let (Some(value), None) = (sent_at, &text) {
            malformed.push(("batch.sentAt", value));
        }
        Self { sent_at: text, context, integrations, malformed }
    }

    /// The times of a request with so many messages, of which none was looked at yet.
    pub(crate) fn times(&self, messages: usize, received_at: &str) -> BatchTimes<'_> {
        BatchTimes::new(self.sent_at.as_deref(), messages, received_at)
    }
}

/// What ingest knows of a request, the same for each of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Id of the source that the write key belongs to.
    pub(crate) source: String,
    /// When the request came, ISO-8601, UTC.
    pub(crate) received_at: String,
    /// What the server saw of the request.
    pub(crate) request: Arc<RequestFacts>,
    /// The genuine first-party id in the request's cookie.
    pub(crate) first_party_id: Option<String>,
    /// The event type that the route says; `None` for batch routes.
    pub(crate) kind: Option<&'static str>,
}

/// An id for a message whose sender gave it none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GivenId {
    /// The same whenever the sender repeats the request.
    Derived(String),
    /// A new one each time: repeats of the message cannot be recognised.
    Minted(String),
}

/// The raw event of one message. `give_id` is asked for a message without one.
pub(crate) fn raw_event(
    message: &RawValue,
    envelope: &Envelope<'_>,
    arrival: &Arrival,
    give_id: &mut dyn FnMut() -> GivenId,
) -> RawEvent {
    let mut fields = Fields::of(message);
    for (name, value) in &envelope.malformed {
        fields.malformed.put(*name, value);
    }
    let mut event = said(&mut fields, envelope);
    if let Some(kind) = arrival.kind {
        fields.take_kind_of_route(kind);
        event.kind = Some(kind.to_owned());
    } else {
        event.kind = fields.text(Field::Type);
    }
    event.source = Some(arrival.source.clone());
    event.received_at = Some(arrival.received_at.clone());
    event.request = Some(supply(&mut event, arrival, give_id));
    event.extra = fields.rest.to_text();
    event.malformed = fields.malformed.to_text();
    event
}

/// Puts in the ids that the sender left out, where they are known or can be made, and says so.
fn supply(
    event: &mut RawEvent,
    arrival: &Arrival,
    give_id: &mut dyn FnMut() -> GivenId,
) -> Arc<RequestFacts> {
    let is_absent = |id: &Option<String>| id.as_deref().is_none_or(str::is_empty);
    let mut request = Arc::clone(&arrival.request);
    let mut told = |name: &str| Arc::make_mut(&mut request).supplied.push(name.to_owned());
    if is_absent(&event.message_id) {
        event.message_id = Some(match give_id() {
            GivenId::Derived(id) => id,
            GivenId::Minted(id) => {
                told("message_id");
                id
            }
        });
    }
    if is_absent(&event.anonymous_id) && arrival.first_party_id.is_some() {
        event.anonymous_id.clone_from(&arrival.first_party_id);
        told("anonymous_id");
    }
    request
}

/// What the sender said, in the fields that there are for it.
fn said(fields: &mut Fields<'_>, envelope: &Envelope<'_>) -> RawEvent {
    RawEvent {
        message_id: fields.id(Field::MessageId),
        anonymous_id: fields.id(Field::AnonymousId),
        user_id: fields.id(Field::UserId),
        group_id: fields.id(Field::GroupId),
        previous_id: fields.id(Field::PreviousId),
        event: fields.text(Field::Event),
        name: fields.text(Field::Name),
        category: fields.text(Field::Category),
        channel: fields.text(Field::Channel),
        timestamp: fields.text(Field::Timestamp),
        original_timestamp: fields.text(Field::OriginalTimestamp),
        sent_at: fields.text(Field::SentAt).or_else(|| envelope.sent_at.clone()),
        context: fields.merged(Field::Context, envelope.context.as_ref()),
        properties: fields.object(Field::Properties),
        traits: fields.object(Field::Traits),
        integrations: fields.merged(Field::Integrations, envelope.integrations.as_ref()),
        ..RawEvent::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::message::Body;

    fn arrival(kind: Option<&'static str>) -> Arrival {
        let request =
            Arc::new(RequestFacts { ip: Some("192.0.2.1".to_owned()), ..RequestFacts::default() });
        let received_at = "2026-11-24T00:00:00.000Z".to_owned();
        Arrival { source: "web/app".to_owned(), received_at, request, first_party_id: None, kind }
    }

    /// The fields that the message itself decides, as JSON; the minted id is `minted`.
    fn mapped(body: &Body<'_>, kind: Option<&'static str>) -> Value {
        let mut derive = || GivenId::Derived("minted".to_owned());
        let event = raw_event(body.messages[0], &body.envelope, &arrival(kind), &mut derive);
        assert_eq!(event.source.as_deref(), Some("web/app"));
        assert_eq!(event.received_at.as_deref(), Some("2026-11-24T00:00:00.000Z"));
        assert_eq!(event.request, Some(arrival(kind).request));
        let mut value = serde_json::to_value(event).unwrap();
        let fields = value.as_object_mut().unwrap();
        fields.retain(|name, value| {
            !value.is_null() && !["source", "received_at", "request"].contains(&name.as_str())
        });
        value
    }

    fn in_batch(body: &str) -> Value {
        mapped(&Body::batch(body.as_bytes(), 10).unwrap(), None)
    }

    #[test]
    fn a_message_becomes_a_raw_event() {
        let table = [
            (r"{}", json!({"message_id": "minted"})),
            (
                r#"{"messageId":"m","type":"track","event":"E"}"#,
                json!({"message_id": "m", "type": "track", "event": "E"}),
            ),
            (
                r#"{"messageId":"m","userId":null,"anonymousId":"a"}"#,
                json!({"message_id": "m", "anonymous_id": "a"}),
            ),
            (
                r#"{"messageId":7,"userId":1.50,"groupId":-3,"previousId":12345678901234567890}"#,
                json!({"message_id": "7", "user_id": "1.50", "group_id": "-3",
                    "previous_id": "12345678901234567890"}),
            ),
            (r#"{"messageId":"","userId":""}"#, json!({"message_id": "minted", "user_id": ""})),
            (
                r#"{"messageId":"m","properties":{"price": 1.10, "b":[1]}}"#,
                json!({"message_id": "m", "properties": r#"{"price": 1.10, "b":[1]}"#}),
            ),
            (
                r#"{"messageId":"m","_metadata":{"x":1},"version":null,"writeKey":"secret"}"#,
                json!({"message_id": "m", "extra": r#"{"_metadata":{"x":1}}"#}),
            ),
            (r#"{"messageId":"m","a\"b":1}"#, json!({"message_id": "m", "extra": r#"{"a\"b":1}"#})),
            (
                r#"{"messageId":{"a":1},"event":5,"traits":[1],"context":"c","userId":true}"#,
                json!({"message_id": "minted", "malformed":
                r#"{"context":"c","event":5,"messageId":{"a":1},"traits":[1],"userId":true}"#}),
            ),
            (
                r#"{"messageId":"m","event":"\ud83d"}"#,
                json!({"message_id": "m", "malformed": r#"{"event":"\ud83d"}"#}),
            ),
            (
                r#"{"messageId":"m","properties":{"t":"\ud83d"}}"#,
                json!({"message_id": "m", "properties": r#"{"t":"\ud83d"}"#}),
            ),
            (
                r#"{"messageId":"m","event":"a","event":"b"}"#,
                json!({"message_id": "m", "event": "b"}),
            ),
            ("[1,2]", json!({"message_id": "minted", "malformed": r#"{"message":[1,2]}"#})),
            ("null", json!({"message_id": "minted", "malformed": r#"{"message":null}"#})),
            (r#""text""#, json!({"message_id": "minted", "malformed": r#"{"message":"text"}"#})),
            (
                r#"{"\ud83d":1}"#,
                json!({"message_id": "minted", "malformed": r#"{"message":{"\ud83d":1}}"#}),
            ),
        ];
        for (message, expected) in table {
            assert_eq!(in_batch(&format!("{{\"batch\":[{message}]}}")), expected, "{message}");
        }
    }

    #[test]
    fn what_the_batch_says_goes_beneath_what_the_event_says() {
        let table = [
            (
                r#"{"batch":[{"messageId":"m"}],"context":{"library": {"name":"go"}},"sentAt":"T"}"#,
                json!({"message_id": "m", "sent_at": "T", "context": r#"{"library": {"name":"go"}}"#}),
            ),
            (
                r#"{"batch":[{"messageId":"m","sentAt":"E"}],"sentAt":"T"}"#,
                json!({"message_id": "m", "sent_at": "E"}),
            ),
            (
                r#"{"batch":[{"messageId":"m","context":{"a":{"x":1},"b":2}}],"context":{"a":{"y":1},"c":3}}"#,
                json!({"message_id": "m", "context": r#"{"c":3,"a":{"x":1},"b":2}"#}),
            ),
            (
                r#"{"batch":[{"messageId":"m","integrations":{"All":false}}],"integrations":{"All":true}}"#,
                json!({"message_id": "m", "integrations": r#"{"All":false}"#}),
            ),
            (
                r#"{"batch":[{"messageId":"m","context":null}],"context":{"a":1}}"#,
                json!({"message_id": "m", "context": r#"{"a":1}"#}),
            ),
            (
                r#"{"batch":[{"messageId":"m","context":"c"}],"context":{"a":1}}"#,
                json!({"message_id": "m", "context": r#"{"a":1}"#, "malformed": r#"{"context":"c"}"#}),
            ),
            (
                r#"{"batch":[{"messageId":"m"}],"context":[],"integrations":1,"sentAt":2}"#,
                json!({"message_id": "m", "malformed":
                r#"{"batch.context":[],"batch.integrations":1,"batch.sentAt":2}"#}),
            ),
            (
                r#"{"batch":[{"messageId":"m"}],"context":null,"sequence":4,"messageId":"b"}"#,
                json!({"message_id": "m"}),
            ),
        ];
        for (body, expected) in table {
            assert_eq!(in_batch(body), expected, "{body}");
        }
    }

    #[test]
    fn what_is_put_in_for_the_sender_is_told() {
        let with_cookie = Arrival { first_party_id: Some("w1".to_owned()), ..arrival(None) };
        let table = [
            (r#"{"messageId":"m","anonymousId":"a"}"#, &with_cookie, ("m", Some("a")), &[][..]),
            (
                r#"{"messageId":"m","anonymousId":null}"#,
                &with_cookie,
                ("m", Some("w1")),
                &["anonymous_id"],
            ),
            (
                r#"{"anonymousId":""}"#,
                &with_cookie,
                ("new", Some("w1")),
                &["message_id", "anonymous_id"],
            ),
            (r"{}", &arrival(None), ("new", None), &["message_id"]),
        ];
        for (message, arrival, (message_id, anonymous_id), supplied) in table {
            let text = format!("{{\"batch\":[{message}]}}");
            let body = Body::batch(text.as_bytes(), 10).unwrap();
            let mut mint = || GivenId::Minted("new".to_owned());
            let event = raw_event(body.messages[0], &body.envelope, arrival, &mut mint);
            assert_eq!(event.message_id.as_deref(), Some(message_id), "{message}");
            assert_eq!(event.anonymous_id.as_deref(), anonymous_id, "{message}");
            assert_eq!(event.request.unwrap().supplied, supplied, "{message}");
        }
    }

    #[test]
    fn the_route_says_the_type_of_a_single_event() {
        let table = [
            (r#"{"messageId":"m"}"#, json!({"message_id": "m", "type": "page"})),
            (r#"{"messageId":"m","type":"page"}"#, json!({"message_id": "m", "type": "page"})),
            (
                r#"{"messageId":"m","type":"track"}"#,
                json!({"message_id": "m", "type": "page", "extra": r#"{"type":"track"}"#}),
            ),
        ];
        for (message, expected) in table {
            let body = Body::single(message.as_bytes()).unwrap();
            assert_eq!(mapped(&body, Some("page")), expected, "{message}");
        }
    }
}
