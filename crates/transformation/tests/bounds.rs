//! What bounds a run.
#![cfg(feature = "vrl")]
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "not all of it is needed here")]
mod sent;

use std::sync::LazyLock;

use proptest::prelude::*;
use sent::{compile, facts, failure, named, order, run};
use transformation::{Stopped, TransformationSettings, Transformations};

fn items(count: usize) -> String {
    let each: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    format!("{{\"items\":[{}]}}", each.join(","))
}

#[test]
fn a_program_that_evaluates_too_much_is_stopped_and_the_same_every_time() {
    let program = "n = 0\nfor_each(array!(.properties.items)) -> |_i, a| {\n  \
                   for_each(array!(.properties.items)) -> |_i, b| { if a == b { n = n + 1 } }\n}\n\
                   .properties = {\"n\": n}";
    let mut few = order(&items(20));
    run(program, &mut few).unwrap();
    assert_eq!(few.properties, r#"{"n":20}"#);
    for _ in 0..3 {
        let told = failure(program, &items(1_000));
        assert_eq!(told, "transformation mine: it evaluated 20000 expressions and had not ended");
    }
}

#[test]
fn a_program_that_writes_too_much_is_stopped() {
    let settings: TransformationSettings =
        toml::from_str("name = \"mine\"\nmax_output_bytes = 1000").unwrap();
    // In one value; in many; by doubling what is there.
    for program in [
        ".properties.copy = [.properties, .properties, .properties]",
        "for_each(array!(.properties.items)) -> |_i, a| { .traits.b = push(array(.traits.b) ?? [], a) }",
        ".properties.a = .properties\n.properties.b = .properties\n.properties.c = .properties",
    ] {
        let all = Transformations::compile(&[(settings.clone(), program.to_owned())]).unwrap();
        let stopped = all.apply(&mut order(&items(200)), &mut facts(), &mut |_| false);
        let expected =
            "transformation mine: a value in it is larger than 1000 bytes or nests too deep";
        assert_eq!(stopped, Err(Stopped::Failed { detail: expected.to_owned() }), "{program}");
    }
}

#[test]
fn the_clock_ends_a_program_that_takes_long_and_is_not_asked_by_others() {
    let doubling = format!("x = string!(.properties.x)\n{}", "x = x + x\n".repeat(40));
    let all = compile(&doubling).unwrap();
    let mut asked = 0;
    let stopped = all.apply(&mut order(r#"{"x":"ab"}"#), &mut facts(), &mut |limit| {
        assert_eq!(limit.as_millis(), 50);
        asked += 1;
        asked > 3
    });
    let expected = "transformation mine: it ran for 50 ms and had not ended";
    assert_eq!(stopped, Err(Stopped::Failed { detail: expected.to_owned() }));
    let short =
        compile(".properties.a = 1\n.properties.b = upcase(string!(.properties.x))").unwrap();
    let mut never = |_| panic!("the clock was asked");
    short.apply(&mut order(r#"{"x":"ab"}"#), &mut facts(), &mut never).unwrap();
}

#[test]
fn the_second_programs_time_begins_behind_the_firsts() {
    let long = "x = 0\n".to_owned() + &"x = x + 1\n".repeat(40);
    let all = Transformations::compile(&[(named("a"), long.clone()), (named("b"), long)]).unwrap();
    let mut limits = Vec::new();
    let mut clock = |limit: std::time::Duration| {
        limits.push(limit.as_millis());
        false
    };
    all.apply(&mut order("{}"), &mut facts(), &mut clock).unwrap();
    limits.dedup();
    assert_eq!(limits, [50, 100]);
}

#[test]
fn nesting_is_refused_in_a_program_and_bounded_in_its_values() {
    for deep in ["!", "(", "[", "{\"a\":", "1 + "] {
        let program = format!("x = {}", deep.repeat(16_000 / deep.len()));
        assert!(compile(&program).is_err(), "{deep}");
    }
    let sum = format!("x = {}1", "1 + ".repeat(2_000));
    assert!(compile(&sum).err().unwrap()[0].contains("nest deeper than 64"));
    // As deep as the count of expressions lets a value become, and dropped again.
    let program = "x = null\nfor_each(array!(.properties.items)) -> |_i, _a| { x = {\"a\": [x]} }\n\
                   .properties.x = x";
    let told = run(program, &mut order(&items(5_000)));
    assert!(matches!(told, Err(Stopped::Failed { .. })), "{told:?}");
    let told = run(program, &mut order(&items(2_000)));
    assert!(told.is_err(), "{told:?}");
}

#[test]
fn the_same_event_and_program_give_the_same_result() {
    let program = ".properties.t = tally!(array(.properties.items) ?? [])\n\
                   .properties.u = unique(array(.properties.items) ?? [])\n\
                   .properties.k = keys(.context)";
    let results: Vec<String> = (0..20)
        .map(|_| {
            let mut event = order(r#"{"items":["b","a","c","a"]}"#);
            run(program, &mut event).unwrap();
            event.properties
        })
        .collect();
    assert!(results.iter().all(|it| *it == results[0]), "{results:?}");
}

/// Programs that take apart whatever they are given.
const CURIOUS: &[&str] = &[
    ".properties = flatten(.properties)",
    ".properties.text = encode_json(.properties)",
    ".properties = map_values(.properties, recursive: true) -> |it| { to_string(it) ?? it }",
    ".properties = filter(.properties) -> |_key, it| { is_string(it) }",
    "for_each(.properties) -> |key, it| { .traits = merge(.traits, {\"last\": it, \"key\": key}) }",
    ".properties.n = (to_int(.properties.a) + 9223372036854775807) ?? null",
    ".properties.u = parse_url(to_string(.properties.a) ?? \"\") ?? {}",
    ".event = to_string(.properties.a) ?? \"none\"",
    ".properties.day = parse_timestamp(.properties.a, \"%F\") ?? null",
    "if exists(.properties.a) { abort }",
    ".properties.a = .properties.a[0].b",
    ".properties.a[3].b = slice(string(.properties.a) ?? \"\", -2) ?? null",
    ".properties = compact(unflatten(.properties))",
];

static COMPILED: LazyLock<Vec<Transformations>> =
    LazyLock::new(|| CURIOUS.iter().map(|program| compile(program).unwrap()).collect());

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|it| json!(it)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-c.]{0,3}|.{0,4}", inner, 0..6)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_an_event_holds_a_program_ends_and_leaves_objects_or_the_event_as_it_was(
        members in prop::collection::btree_map("a|[a-c.]{0,3}|.{0,4}", json(), 0..6),
    ) {
        let properties = serde_json::to_string(&members).unwrap();
        for (program, compiled) in CURIOUS.iter().zip(&*COMPILED) {
            let mut event = order(&properties);
            if compiled.apply(&mut event, &mut facts(), &mut |_| false).is_err() {
                prop_assert_eq!(event, order(&properties), "{}", program);
                continue;
            }
            for text in [&event.properties, &event.traits, &event.context] {
                let read: serde_json::Value = serde_json::from_str(text).unwrap();
                prop_assert!(read.is_object(), "{program}: {text}");
            }
        }
    }
}
