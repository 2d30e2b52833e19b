//! Samples of what is stored.

use local_stack::Stack;
use warehouse::InsertAnswer;

use super::{
    loaded::{APPENDED_AT, request},
    migrated,
};

pub(crate) async fn a_sample_has_each_event_once_and_no_more_of_a_name_than_asked_for(
    stack: &Stack,
) {
    let warehouse = migrated(stack, "sample").await;
    for (offsets, token) in [(&[0, 1, 2, 3][..], "a"), (&[2, 3], "b")] {
        assert_eq!(warehouse.insert(request(offsets, token, 1)).await, InsertAnswer::Loaded);
    }
    let all = warehouse.sample("web/app", APPENDED_AT, 9).await.unwrap();
    let offsets: Vec<i64> = all.iter().map(|event| event.origin_offset).collect();
    assert_eq!(offsets, [1_000, 1_001, 1_002, 1_003]);
    assert_eq!((all[0].kind.as_str(), all[0].event_name.as_str()), ("track", "Order Completed"));
    assert_eq!((all[0].channel.as_deref(), all[0].sent_at), (None, None));
    assert_eq!(all[0].properties, r#"{"total":1.10,"a.b":1,"a":{"b":2}}"#);
    assert_eq!((all[0].appended_at, all[0].received_at), (APPENDED_AT, APPENDED_AT));
    let one = warehouse.sample("web/app", APPENDED_AT, 1).await.unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one, warehouse.sample("web/app", APPENDED_AT, 1).await.unwrap(), "the same again");
    for (source, since) in [("web/app", APPENDED_AT + 1), ("web/other", 0)] {
        assert!(warehouse.sample(source, since, 9).await.unwrap().is_empty(), "{source} {since}");
    }
}
