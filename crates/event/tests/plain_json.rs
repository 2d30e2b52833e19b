//! Raw events as plain JSON.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use event::{
    RawEvent, RequestFacts,
    plain_json::{JsonError, raw_event},
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What the event has to say, by the names of the Avro record.
fn read(text: &str) -> Value {
    let event = raw_event(text.as_bytes()).expect(text);
    let mut value = serde_json::to_value(event).unwrap();
    value.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    value
}

#[test]
fn every_example_of_a_raw_event_reads_as_the_record_that_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../avro/examples/raw-events");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 20, "only {} examples", files.len());
    for file in files {
        let text = fs::read(&file).unwrap();
        let expected: RawEvent = serde_json::from_slice(&text).unwrap();
        assert_eq!(raw_event(&text), Ok(expected), "{}", file.display());
    }
}

#[test]
fn a_message_may_use_the_names_of_the_record_or_those_of_segment() {
    let expected = json!({
        "source": "server/crm", "type": "track", "message_id": "m", "anonymous_id": "a",
        "user_id": "u", "group_id": "g", "previous_id": "p", "event": "E", "name": "n",
        "category": "c", "channel": "server", "timestamp": "T", "original_timestamp": "O",
        "sent_at": "S", "received_at": "R", "batch_latest_timestamp": "L", "context": r#"{"a": 1.50}"#, "properties": "{}",
        "traits": "{}", "integrations": "{}"
    });
    let shared = r#""source":"server/crm","type":"track","event":"E","name":"n","category":"c",
        "channel":"server","timestamp":"T","batch_latest_timestamp":"L","context":{"a": 1.50},"properties":{},"traits":{},
        "integrations":{}"#;
    let record = r#""message_id":"m","anonymous_id":"a","user_id":"u","group_id":"g",
        "previous_id":"p","original_timestamp":"O","sent_at":"S","received_at":"R""#;
    let segment = r#""messageId":"m","anonymousId":"a","userId":"u","groupId":"g",
        "previousId":"p","originalTimestamp":"O","sentAt":"S","receivedAt":"R""#;
    for own in [record, segment] {
        assert_eq!(read(&format!("{{{shared},{own}}}")), expected);
    }
}

#[test]
fn each_member_has_its_place() {
    let table = [
        ("{}", json!({})),
        (" \n{\"event\":\"E\"}\r\n", json!({"event": "E"})),
        (r#"{"userId":null,"extra":null,"malformed":null}"#, json!({})),
        (r#"{"message_id":7,"userId":-1.50}"#, json!({"message_id": "7", "user_id": "-1.50"})),
        (r#"{"message_id":"a","messageId":"b"}"#, json!({"message_id": "b"})),
        (r#"{"messageId":"b","message_id":"a"}"#, json!({"message_id": "a"})),
        (r#"{"properties":{"p": 1.10}}"#, json!({"properties": r#"{"p": 1.10}"#})),
        (r#"{"properties":"{\"p\": 1.10}"}"#, json!({"properties": r#"{"p": 1.10}"#})),
        (r#"{"writeKey":"secret","write_key":"secret"}"#, json!({})),
        (r#"{"version":2,"none":null,"a\"b":[]}"#, json!({"extra": r#"{"a\"b":[],"version":2}"#})),
        (r#"{"extra":{"b":1, "a":2}}"#, json!({"extra": r#"{"b":1, "a":2}"#})),
        (r#"{"extra":{"b":1,"a":2},"a":3}"#, json!({"extra": r#"{"a":3,"b":1}"#})),
        (r#"{"extra":"{\"b\":1}","a":3}"#, json!({"extra": r#"{"a":3,"b":1}"#})),
        (
            r#"{"extra":"text","a":3}"#,
            json!({"extra": r#"{"a":3}"#, "malformed": r#"{"extra":"text"}"#}),
        ),
        (
            r#"{"event":5,"userId":true,"traits":[1],"source":{},"extra":1}"#,
            json!({"malformed":
                r#"{"event":5,"extra":1,"source":{},"traits":[1],"userId":true}"#}),
        ),
        (r#"{"event":"\ud83d"}"#, json!({"malformed": r#"{"event":"\ud83d"}"#})),
        (r#"{"event":{"string":"E"}}"#, json!({"malformed": r#"{"event":{"string":"E"}}"#})),
        (r#"{"malformed":{"a":1}}"#, json!({"malformed": r#"{"a":1}"#})),
        (r#"{"malformed":{"a":1},"event":5}"#, json!({"malformed": r#"{"a":1,"event":5}"#})),
        (
            r#"{"malformed":"text","event":5}"#,
            json!({"malformed": r#"{"event":5,"malformed":"text"}"#}),
        ),
        (r#"{"malformed":5}"#, json!({"malformed": r#"{"malformed":5}"#})),
        (r#"{"request":{"addr":"x"}}"#, json!({"malformed": r#"{"request":{"addr":"x"}}"#})),
        (r#"{"request":{"ip":5}}"#, json!({"malformed": r#"{"request":{"ip":5}}"#})),
    ];
    for (text, expected) in table {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn what_another_service_saw_of_a_request_may_be_told() {
    let facts = RequestFacts {
        ip: Some("192.0.2.1".to_owned()),
        user_agent: Some("u".to_owned()),
        origin: Some("o".to_owned()),
        referer: Some("r".to_owned()),
        accept_language: Some("de".to_owned()),
        client_hints: Some("{}".to_owned()),
        supplied: vec!["message_id".to_owned()],
    };
    let text = json!({ "request": &facts }).to_string();
    let event = raw_event(text.as_bytes()).unwrap();
    assert_eq!(event.request.as_deref(), Some(&facts));
    assert_eq!(event.malformed, None);
}

#[test]
fn what_is_not_one_object_says_where_and_never_what() {
    let not_json = |line, column| JsonError::NotJson { line, column };
    let table: [(&[u8], JsonError); 9] = [
        (b"", JsonError::EndsTooSoon),
        (b"{", JsonError::EndsTooSoon),
        (b"{\"event\":\"sec", JsonError::EndsTooSoon),
        (b"{\"event\":secret}", not_json(1, 10)),
        (b"{\n\"event\" 1}", not_json(2, 9)),
        (b"[1]", not_json(1, 0)),
        (b"{\"\\ud83d\":1}", not_json(1, 9)),
        (b"{}{}", JsonError::Trailing { line: 1, column: 3 }),
        (b"{\"a\":\"\xff\"}", JsonError::NotUtf8(6)),
    ];
    for (text, expected) in table {
        let error = raw_event(text).unwrap_err();
        assert_eq!(error, expected, "{}", String::from_utf8_lossy(text));
        assert!(!error.to_string().contains("sec"), "{error}");
    }
}

#[test]
fn an_object_that_was_cut_off_anywhere_is_an_error() {
    let text = r#"{"messageId":"m","properties":{"a":[1,{"b":"\u00e4ä"}]},"x":1.5e3}"#.as_bytes();
    assert!(raw_event(text).is_ok());
    for cut in 0..text.len() {
        assert!(raw_event(&text[..cut]).is_err(), "{cut} bytes");
    }
}

#[test]
fn nesting_without_end_is_read_as_text() {
    let deep =
        format!(r#"{{"properties":{{"a":{}1{}}}}}"#, "[".repeat(300_000), "]".repeat(300_000));
    assert!(raw_event(deep.as_bytes()).unwrap().properties.unwrap().len() > 600_000);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _read = raw_event(&bytes);
        let _as_object = raw_event(&[b"{\"event\":", bytes.as_slice(), b"}"].concat());
    }

    #[test]
    fn any_members_are_kept_in_a_field_in_extra_or_as_malformed(
        members in prop::collection::btree_map("[a-z_A-Z]{1,12}|event|userId|traits|extra", any_json(), 0..6)
    ) {
        let text = Value::from_iter(members.clone()).to_string();
        let event = serde_json::to_string(&raw_event(text.as_bytes()).unwrap()).unwrap();
        for (name, value) in members {
            if let Value::String(said) = value {
                let said = Value::from(said).to_string();
                prop_assert!(event.contains(said.trim_matches('"')), "{name} is lost: {event}");
            }
        }
    }
}

/// Values of any type; the texts are without escapes, so that they are found again as they are.
fn any_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z]{8,12}".prop_map(Value::from),
        "[a-z]{8,12}".prop_map(|text| json!({ "inner": text })),
        "[a-z]{8,12}".prop_map(|text| json!([text])),
    ]
}
