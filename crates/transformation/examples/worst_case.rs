//! How long the costliest programs that the rules let through run, with and without the clock.
//! `cargo run --release -p transformation --features vrl --example worst_case`
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "it ends by panicking")]
#![allow(clippy::print_stdout, reason = "it prints its figures")]

#[allow(dead_code, reason = "not all of it is needed here")]
#[path = "../tests/sent/mod.rs"]
mod sent;

use std::time::{Duration, Instant};

use sent::{compile, facts, order};
use transformation::Stopped;

/// Name, program, properties: what the rules let through and costs most.
fn costly() -> Vec<(&'static str, String, String)> {
    let text = |length| format!("{{\"a\":\"{}\"}}", "a".repeat(length));
    let items = |count| format!("{{\"a\":[{}]}}", vec!["\"abcdefgh\""; count].join(","));
    let both = "for_each(array!(.properties.a)) -> |_i, x| { for_each(array!(.properties.a)) -> |_j, y| { x == y } }";
    vec![
        ("usual", ".properties.currency = upcase(string(.properties.currency) ?? \"EUR\")\n.properties.total = to_float(.properties.cents) ?? 0.0\ndel(.properties.email)".to_owned(), r#"{"currency":"eur","cents":"1250","email":"ada@example.com","b":1}"#.to_owned()),
        ("filter", "if .properties.plan == \"free\" { abort }".to_owned(), r#"{"plan":"pro","a":1,"b":"some text"}"#.to_owned()),
        ("nested loops", both.to_owned(), items(2_900)),
        ("growing text in a loop", "x = \"\"\nfor_each(array!(.properties.a)) -> |_i, y| { x = x + string!(.properties.b) }".to_owned(), format!("{{\"b\":\"{}\",{}", "b".repeat(16_000), &items(1_400)[1..])),
        ("doubling", format!("x = string!(.properties.a)\n{}", "x = x + x\n".repeat(60)), text(32_000)),
        ("templates", format!("x = string!(.properties.a)\n{}", format!("x = \"{}\"\n", "{{ x }}".repeat(64)).repeat(20)), text(30_000)),
        ("replace in a loop", format!("for_each(array!(.properties.c)) -> |_i, _y| {{ replace(string!(.properties.a), \"a\", \"{}\") }}", "b".repeat(256)), format!("{{\"c\":{},{}", &items(500)[5..].trim_end_matches('}'), &text(25_000)[1..])),
        ("replace of replace", format!("replace(replace(string!(.properties.a), \"a\", \"{0}\"), \"b\", \"{0}\")", "b".repeat(256)), text(32_000)),
        ("pattern in a loop", "for_each(array!(.properties.c)) -> |_i, _y| { match(string!(.properties.a), r'(a+a?)+(ab|aab|aaab)*c$') }".to_owned(), format!("{{\"c\":{},{}", &items(500)[5..].trim_end_matches('}'), &text(25_000)[1..])),
        ("flatten and back in a loop", "for_each(array!(.properties.a)) -> |_i, _y| { unflatten(flatten(.properties)) }".to_owned(), items(2_900)),
        ("unique in a loop", "for_each(array!(.properties.a)) -> |_i, _y| { unique(array!(.properties.a)) }".to_owned(), items(2_900)),
        ("copies of the event", "for_each(array!(.properties.a)) -> |_i, _y| { .traits.a = [.properties, .properties] }".to_owned(), items(2_900)),
        ("copies of a large value", format!("x = [.properties, .properties, .properties, .properties]\nfor_each(array!(.properties.a)) -> |_i, _y| {{ y = [{}] }}", "x,".repeat(200)), items(2_000)),
        ("json of json", "x = encode_json(.properties)\nfor_each(array!(.properties.a)) -> |_i, _y| { x = encode_json([x]) }".to_owned(), items(2_000)),
    ]
}

fn main() {
    println!("{:28} {:>12} {:>12}  ended", "", "5 s", "50 ms");
    for (name, program, properties) in costly() {
        let all = compile(&program).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let timed = |clock: &mut dyn FnMut(Duration) -> bool| {
            let mut event = order(&properties);
            let began = Instant::now();
            let ended = all.apply(&mut event, &mut facts(), clock);
            (began.elapsed(), ended)
        };
        let began = Instant::now();
        let free = timed(&mut |_| began.elapsed() > Duration::from_secs(5)).0;
        let began = Instant::now();
        let (bounded, ended) = timed(&mut |limit| began.elapsed() > limit);
        let told = match ended {
            Ok(()) => "well".to_owned(),
            Err(Stopped::Filtered { .. }) => "filtered".to_owned(),
            Err(Stopped::Failed { detail }) => detail.chars().take(70).collect(),
        };
        println!("{name:28} {free:>12.1?} {bounded:>12.1?}  {told}");
    }
    for (name, program, properties) in costly().into_iter().take(2) {
        let all = compile(&program).unwrap();
        let events: Vec<_> = (0..20_000).map(|_| order(&properties)).collect();
        let mut facts = facts();
        let began = Instant::now();
        for mut event in events {
            all.apply(&mut event, &mut facts, &mut |_| false).unwrap();
        }
        println!("{name}: {:?} an event", began.elapsed() / 20_000);
    }
    let began = Instant::now();
    let _compiled = compile(&costly()[0].1).unwrap();
    println!("compiling: {:?}", began.elapsed());
}
