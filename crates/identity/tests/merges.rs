//! Which user stands for which.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use event::{IdentityAlias, Origin};
use identity::{Aliases, MERGE, PersonId, RULE_ALIAS, RULE_COMMAND, Rules, UNMERGE, stitch};
use pipeline::Verdict;
use proptest::prelude::*;
use remembered::{Remembered, at, rules, with_ids};

/// `a>b@1`: at time 1 an event said that a is b's; `+a>b@1` an operator; `-a>b@1` an operator that
/// it is not.
fn alias(text: &str) -> IdentityAlias {
    let (kind, rule, rest) = match text.chars().next().unwrap() {
        '+' => (MERGE, RULE_COMMAND, &text[1..]),
        '-' => (UNMERGE, RULE_COMMAND, &text[1..]),
        _ => (MERGE, RULE_ALIAS, text),
    };
    let (previous, rest) = rest.split_once('>').unwrap();
    let (user, time) = rest.split_once('@').unwrap();
    let time = time.parse().unwrap();
    IdentityAlias {
        kind: kind.into(),
        previous_id: previous.into(),
        user_id: user.into(),
        rule: rule.into(),
        cause: Origin { epoch: 0, partition: 0, offset: time },
        event_time: time,
        appended_at: time,
        who: None,
        why: None,
    }
}

fn aliases(text: &str) -> Aliases {
    let mut aliases = Aliases::default();
    text.split_whitespace().for_each(|text| aliases.apply(&alias(text)));
    aliases
}

/// Each of the users a to e, if another stands for it: `a=c b=c`.
fn shown(aliases: &Aliases) -> String {
    let stands = |user: &str| Some(format!("{user}={}", aliases.resolve(user)?.user_id));
    ["a", "b", "c", "d", "e"].into_iter().filter_map(stands).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_user_stands_for_another_as_the_table_says() {
    let cases = [
        ("nothing", "", ""),
        ("a merge", "a>b@1", "a=b"),
        ("a chain", "a>b@1 b>c@2 c>d@3", "a=d b=d c=d"),
        ("a chain told backwards", "c>d@3 b>c@2 a>b@1", "a=d b=d c=d"),
        ("the last merge of an id holds", "a>b@1 a>c@2", "a=c"),
        ("whenever it is told", "a>c@2 a>b@1", "a=c"),
        ("two become one", "a>c@1 b>c@2", "a=c b=c"),
        ("in a circle of two the older does not hold", "a>b@1 b>a@2", "b=a"),
        ("and the other way round", "a>b@2 b>a@1", "a=b"),
        ("in a circle of three", "a>b@2 b>c@1 c>a@3", "a=b c=b"),
        ("a chain into a circle", "d>a@9 a>b@1 b>a@2", "b=a d=a"),
        ("a chain into a circle at its other end", "d>b@9 a>b@1 b>a@2", "b=a d=a"),
        ("an order goes before an event that is newer", "+a>b@1 a>c@9", "a=b"),
        ("an order ends what events say, now and later", "a>b@1 -a>b@5 a>b@9", ""),
        ("but only of the two", "a>b@1 a>c@2 -a>c@5", "a=b"),
        ("an order is undone by a newer one", "-a>b@5 +a>b@6", "a=b"),
        ("and not by an older one", "+a>b@6 -a>b@5", "a=b"),
        ("the order's end of a circle holds", "+a>b@1 b>a@9", "a=b"),
    ];
    for (what, told, expected) in cases {
        assert_eq!(shown(&aliases(told)), expected, "{what}: {told}");
    }
}

#[test]
fn the_cause_is_the_merge_of_the_id_that_was_asked_for() {
    let aliases = aliases("a>b@1 b>c@2");
    assert_eq!(aliases.resolve("a").unwrap().cause.offset, 1);
    assert_eq!(aliases.resolve("b").unwrap().cause.offset, 2);
}

#[test]
fn what_says_no_more_than_is_known_is_no_news() {
    let known = aliases("a>b@5");
    let cases =
        [("a>b@5", false), ("a>b@4", false), ("a>b@6", true), ("a>c@1", true), ("-a>b@1", true)];
    for (told, is_news) in cases {
        assert_eq!(known.is_news(&alias(told)), is_news, "{told}");
    }
}

fn told() -> impl Strategy<Value = Vec<IdentityAlias>> {
    let one = (0..5_u8, 0..5_u8, 0..3_u8).prop_filter("two ids", |(a, b, _)| a != b);
    prop::collection::vec(one, 0..14).prop_map(|told| {
        let name = |id: u8| char::from(b'a' + id);
        let text = |(time, (a, b, kind)): (usize, (u8, u8, u8))| {
            format!("{}{}>{}@{time}", ["", "+", "-"][usize::from(kind)], name(a), name(b))
        };
        told.into_iter().enumerate().map(text).map(|text| alias(&text)).collect()
    })
}

fn of(told: &[IdentityAlias]) -> Aliases {
    let mut aliases = Aliases::default();
    for alias in told {
        aliases.apply(alias);
    }
    aliases
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn merges_do_not_depend_on_the_order_in_which_they_are_told_nor_on_repeats(
        (told, shuffled) in told().prop_flat_map(|told| {
            let twice: Vec<_> = told.iter().chain(&told).cloned().collect();
            (Just(told), Just(twice).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(of(&told), of(&shuffled));
    }

    #[test]
    fn what_is_no_news_changes_nothing(told in told().prop_shuffle()) {
        let mut aliases = Aliases::default();
        for alias in &told {
            if aliases.is_news(alias) {
                aliases.apply(alias);
            }
        }
        prop_assert_eq!(aliases, of(&told));
    }

    #[test]
    fn who_stands_for_others_stands_for_itself(told in told()) {
        let aliases = of(&told);
        for user in ["a", "b", "c", "d", "e"] {
            if let Some(known) = aliases.resolve(user) {
                prop_assert_ne!(known.user_id, user);
                prop_assert_eq!(aliases.resolve(known.user_id), None, "{} is {}'s", user, known.user_id);
            }
        }
    }
}

fn alias_event(source: &str, previous: &str, user: &str) -> event::EnrichedEvent {
    let mut event = with_ids("m", "alias", None, Some(user));
    event.event.source = source.into();
    event.event.previous_id = Some(previous.into());
    event
}

fn merging() -> Rules {
    Rules { alias_sources: ["server/crm".to_owned()].into(), ..rules() }
}

#[test]
fn an_alias_merges_two_users_only_if_its_source_may() {
    let cases = [
        ("server/crm", "old", "new", 1, 0),
        ("web/app", "old", "new", 0, 1),
        ("server/crm", "", "new", 0, 0),
        ("server/crm", "new", "new", 0, 0),
    ];
    for (source, previous, user, merges, links) in cases {
        let event = alias_event(source, previous, user);
        let (_, changes) = stitch(&event, &at(1, 0), &merging(), &Remembered::default()).unwrap();
        let found = (changes.aliases.len(), changes.links.len());
        assert_eq!(found, (merges, links), "{source}: {previous} is {user}'s");
    }
}

#[test]
fn two_customers_that_a_source_may_not_merge_stay_two_persons() {
    let mut past = Remembered::default();
    let mut play = |event, number| {
        let (verdict, changes) = stitch(&event, &at(number, 0), &merging(), &past).unwrap();
        past.keep(&changes);
        let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
        identity.person_id
    };
    play(alias_event("web/app", "alice", "bob"), 1);
    let alice = play(with_ids("m2", "track", None, Some("alice")), 2);
    let bob = play(with_ids("m3", "track", None, Some("bob")), 3);
    assert_eq!(alice, PersonId::of_user("alice").to_string());
    assert_eq!(bob, PersonId::of_user("bob").to_string());
}

#[test]
fn events_of_a_merged_user_carry_the_one_that_stands_for_it_and_the_merge() {
    let mut past = Remembered { aliases: aliases("alice>bob@7"), ..Remembered::default() };
    for (device, basis) in [(Some("d"), "user_id"), (None, "user_id")] {
        let event = with_ids(basis, "track", device, Some("alice"));
        let (verdict, changes) = stitch(&event, &at(9, 0), &merging(), &past).unwrap();
        past.keep(&changes);
        let Verdict::Emit(identity) = verdict else { continue };
        let facts = identity;
        assert_eq!(facts.user_id.as_deref(), Some("bob"));
        assert_eq!(facts.person_id, PersonId::of_user("bob").to_string());
        assert_eq!(facts.alias_origin.as_deref(), Some("0-0-7"));
        assert!(changes.links.iter().all(|link| link.user_id == "alice"), "links are as sent");
    }
    let (verdict, _) =
        stitch(&with_ids("m", "page", Some("d"), None), &at(10, 0), &merging(), &past).unwrap();
    let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
    assert_eq!(identity.basis, "link");
    assert_eq!(identity.user_id.as_deref(), Some("bob"));
}

#[test]
fn nobody_is_merged_with_a_blocked_id() {
    let rules = Rules { blocked: ["Demo"].into_iter().collect(), ..merging() };
    for (previous, user) in [("demo", "alice"), ("alice", "DEMO")] {
        let event = alias_event("server/crm", previous, user);
        let (_, changes) = stitch(&event, &at(1, 0), &rules, &Remembered::default()).unwrap();
        assert!(changes.aliases.is_empty() && changes.links.is_empty(), "{previous}, {user}");
    }
}
