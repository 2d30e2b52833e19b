//! The fuzzer's property holds of what it starts from, and its inputs say what they are to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use waybill_fuzz::{Input, check, seeds};

#[test]
fn ingest_keeps_its_promises_with_every_seed() {
    for seed in seeds() {
        check(&seed.bytes).unwrap_or_else(|broken| panic!("{broken:#}"));
    }
}

#[test]
fn a_body_of_the_corpus_has_the_answer_that_ingest_s_tests_say() {
    let known = seeds().into_iter().filter_map(|seed| Some((seed.expected?, seed.bytes)));
    let mut count = 0;
    for (expected, bytes) in known {
        let input = Input::of(&bytes).unwrap();
        let answer = input.send().unwrap();
        let records = answer.appended.iter().map(Vec::len).sum::<usize>();
        assert_eq!(
            (answer.status.as_u16(), records),
            expected,
            "{}",
            String::from_utf8_lossy(&bytes[4..])
        );
        count += 1;
    }
    assert!(count >= 200, "{count}");
}

#[test]
fn every_answer_that_bytes_can_bring_about_is_among_those_of_the_seeds() {
    let answers = seeds().into_iter().map(|seed| {
        let answer = Input::of(&seed.bytes).unwrap().send().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        (answer.status.as_u16(), code)
    });
    let found: BTreeSet<_> = answers.collect();
    let codes: BTreeSet<_> = found.iter().map(|(status, code)| (*status, code.as_str())).collect();
    let expected = BTreeSet::from([
        (200, ""),
        (207, ""),
        (400, "empty-batch"),
        (400, "no-event-accepted"),
        (400, "not-json"),
        (400, "unreadable-body"),
        (401, "unknown-write-key"),
        (403, "origin-not-allowed"),
        (413, "too-large"),
        (415, "unsupported-encoding"),
        (503, "not-acknowledged"),
        (503, "overloaded"),
    ]);
    assert_eq!(codes, expected);
}
