//! What each query ought to answer, worked out in Rust from the events as they were meant: lines of
//! columns with tabs between them, in the order in which the query tells them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::shop::{DAY, Event, FIRST_DAY, Millis, Person, Persons, events};

const SECOND: Millis = 1_000;
/// The week that the queries ask for: from Monday, 2026-09-07.
const WEEK: std::ops::Range<Millis> = day_of_september(7)..day_of_september(14);

/// The heading of a query, and what it answers.
pub(crate) type Answer = (&'static str, fn(&Persons) -> Vec<String>);

pub(crate) const ANSWERS: [Answer; 10] = [
    ("Funnel", funnel),
    ("Weekly retention", retention),
    ("Sessions", sessions),
    ("Revenue by campaign", revenue),
    ("Device mix", device_mix),
    ("Latest traits", latest_traits),
    ("Weekly active accounts by plan", active_accounts),
    ("One event by its origin", one_event),
    ("Time to conversion", conversion_time),
    ("New and returning visitors", new_and_returning),
];

const fn day_of_september(day: i64) -> Millis {
    FIRST_DAY + (31 + 31 + day - 1) * DAY
}

fn production() -> impl Iterator<Item = Event> {
    events().filter(|it| !it.staging)
}

/// Those with one of these letters that were appended within this time.
fn appended(within: std::ops::Range<Millis>, letters: &'static str) -> impl Iterator<Item = Event> {
    production().filter(move |it| {
        within.contains(&it.appended_at) && letters.as_bytes().contains(&it.letter)
    })
}

/// Days since the Monday before the first day, which is a Wednesday.
fn week(at: Millis) -> i64 {
    ((at - FIRST_DAY).div_euclid(DAY) + 2).div_euclid(7)
}

fn date(day: i64) -> String {
    let (month, day) = match day {
        ..0 => (6, day + 31),
        0..31 => (7, day + 1),
        31..62 => (8, day - 30),
        _ => (9, day - 61),
    };
    format!("2026-{month:02}-{day:02}")
}

fn monday(week: i64) -> String {
    date(week * 7 - 2)
}

fn funnel(persons: &Persons) -> Vec<String> {
    let mut steps: HashMap<Person, Vec<(Millis, usize)>> = HashMap::new();
    for event in appended(WEEK, "VAKO").filter(|it| !it.is_bot()) {
        let step = "VAKO".bytes().position(|letter| letter == event.letter).unwrap();
        steps.entry(persons.of(&event)).or_default().push((event.timestamp, step));
    }
    let reached: Vec<usize> = steps.into_values().map(reached).collect();
    let people = |least| reached.iter().filter(|it| **it >= least).count().to_string();
    vec![[1, 2, 3, 4].map(people).join("\t")]
}

/// How far the steps lead in this order, within seven days of a first one.
fn reached(mut steps: Vec<(Millis, usize)>) -> usize {
    steps.sort_unstable();
    // By step: when the latest chain began that has come so far.
    let mut begun = [None; 4];
    for (at, step) in steps {
        let start = if step == 0 { Some(at) } else { begun[step - 1] };
        begun[step] = start.filter(|start| at <= start + 7 * DAY).or(begun[step]);
    }
    begun.iter().take_while(|it| it.is_some()).count()
}

fn retention(persons: &Persons) -> Vec<String> {
    let mut weeks: HashMap<Person, BTreeSet<i64>> = HashMap::new();
    for event in production().filter(|it| it.letter == b'p' && !it.is_bot()) {
        weeks.entry(persons.of(&event)).or_default().insert(week(event.timestamp));
    }
    let mut people: BTreeMap<(i64, i64), u64> = BTreeMap::new();
    for weeks in weeks.into_values() {
        let first = *weeks.first().unwrap();
        for week in weeks {
            *people.entry((first, week - first)).or_default() += 1;
        }
    }
    let line = |((first, later), people)| format!("{}\t{later}\t{people}", monday(first));
    people.into_iter().map(line).collect()
}

#[derive(Default)]
struct Visits {
    sessions: u64,
    bounces: u64,
    length: Millis,
}

fn sessions(_: &Persons) -> Vec<String> {
    let seen = appended(WEEK.start..WEEK.end + DAY, "pIGLSVACKOR").filter(|it| !it.is_bot());
    let mut sessions: HashMap<u64, Vec<Millis>> = HashMap::new();
    for event in seen {
        sessions.entry(event.visit).or_default().push(event.timestamp);
    }
    let mut days: BTreeMap<i64, Visits> = BTreeMap::new();
    for times in sessions.into_values() {
        let (start, end) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        if WEEK.contains(start) {
            let day = days.entry((start - FIRST_DAY) / DAY).or_default();
            day.sessions += 1;
            day.bounces += u64::from(times.len() == 1);
            day.length += end - start;
        }
    }
    let line = |(day, visits): (i64, Visits)| {
        let Visits { sessions, bounces, length } = visits;
        let seconds = length / SECOND / i64::try_from(sessions).unwrap();
        format!("{}\t{sessions}\t{}\t{seconds}", date(day), bounces * 100 / sessions)
    };
    days.into_iter().map(line).collect()
}

fn revenue(persons: &Persons) -> Vec<String> {
    let since = WEEK.start - 7 * DAY;
    let mut touches: HashMap<Person, Vec<(Millis, u8)>> = HashMap::new();
    for event in appended(since..WEEK.end, "p").filter(|it| it.touch > 0) {
        touches.entry(persons.of(&event)).or_default().push((event.timestamp, event.touch));
    }
    let mut sums: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for order in appended(WEEK, "O") {
        let touches = touches.get(&persons.of(&order)).map_or(&[][..], Vec::as_slice);
        let window = order.timestamp - 7 * DAY..=order.timestamp;
        let last = touches.iter().filter(|it| window.contains(&it.0)).max();
        let campaign = last.map_or("(none)", |it| {
            ["newsletter: autumn", "google: brand", "facebook: retarget", "google: generic"]
                [usize::from(it.1) - 1]
        });
        let sum = sums.entry((campaign, order.currency())).or_default();
        *sum = (sum.0 + 1, sum.1 + order.revenue());
    }
    let line = |((campaign, currency), (orders, sum))| {
        format!("{campaign}\t{currency}\t{orders}\t{}", money(sum))
    };
    sums.into_iter().map(line).collect()
}

/// As ClickHouse writes decimals: without zeros at the end.
fn money(hundredths: u64) -> String {
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn device_mix(persons: &Persons) -> Vec<String> {
    let mut people: BTreeMap<_, HashSet<Person>> = BTreeMap::new();
    for event in appended(WEEK, "p") {
        people.entry(event.device_class()).or_default().insert(persons.of(&event));
    }
    let line = |((class, os), people): ((&str, &str), HashSet<Person>)| {
        format!("{class}\t{os}\t{}", people.len())
    };
    people.into_iter().map(line).collect()
}

fn latest_traits(persons: &Persons) -> Vec<String> {
    let told = production().filter(|it| it.letter == b'I');
    let plans = latest(told.map(|it| (persons.of(&it), it)));
    let mut people: BTreeMap<&str, u64> = BTreeMap::new();
    for plan in plans.into_values() {
        *people.entry(plan).or_default() += 1;
    }
    people.into_iter().map(|(plan, people)| format!("{plan}\t{people}")).collect()
}

/// The plan that the last event of each tells.
fn latest<K: std::hash::Hash + Eq>(
    told: impl Iterator<Item = (K, Event)>,
) -> HashMap<K, &'static str> {
    let mut last: HashMap<K, Event> = HashMap::new();
    let place = |it: &Event| (it.timestamp, it.device % 6, it.offset);
    for (whose, event) in told {
        let kept = last.entry(whose).or_insert(event);
        if place(kept) < place(&event) {
            *kept = event;
        }
    }
    last.into_iter().filter_map(|(whose, event)| Some((whose, event.plan()?))).collect()
}

fn active_accounts(persons: &Persons) -> Vec<String> {
    let weeks = WEEK.start - 21 * DAY..WEEK.end;
    let told = appended(weeks.clone(), "G");
    let plans = latest(told.filter_map(|it| Some((it.account()?, it))));
    let member_since = members(persons);
    let mut accounts: BTreeMap<(i64, &str), HashSet<u64>> = BTreeMap::new();
    for event in appended(weeks, "K") {
        let Some((since, account)) = member_since.get(&persons.of(&event)) else { continue };
        let Some(plan) = plans.get(account).filter(|_| event.timestamp >= *since) else { continue };
        accounts.entry((week(event.appended_at), *plan)).or_default().insert(*account);
    }
    let line = |((week, plan), accounts): ((i64, &str), HashSet<u64>)| {
        format!("{}\t{plan}\t{}", monday(week), accounts.len())
    };
    accounts.into_iter().map(line).collect()
}

/// Since when each person is in her account. Nobody is in two.
fn members(persons: &Persons) -> HashMap<Person, (Millis, u64)> {
    let mut since: HashMap<Person, (Millis, u64)> = HashMap::new();
    for event in production() {
        if let Some(account) = event.account() {
            let first = since.entry(persons.of(&event)).or_insert((event.timestamp, account));
            assert_eq!(first.1, account);
            first.0 = first.0.min(event.timestamp);
        }
    }
    since
}

/// The number that the query asks for is that of an order in this partition.
fn one_event(_: &Persons) -> Vec<String> {
    let event = events().find(|it| it.offset == ONE_EVENT && it.device % 6 == 4).unwrap();
    assert_eq!(event.letter, b'O');
    vec![format!("delivered\t{}\tOrder Completed\to-{}", event.source(), event.visit)]
}

/// Of partition 4.
const ONE_EVENT: u64 = 4_000_157;

fn conversion_time(persons: &Persons) -> Vec<String> {
    let mut people: HashMap<Person, [Option<Millis>; 2]> = HashMap::new();
    for event in appended(WEEK, "VO") {
        let firsts = people.entry(persons.of(&event)).or_default();
        let first = &mut firsts[usize::from(event.letter == b'O')];
        *first = Some(first.map_or(event.timestamp, |it| it.min(event.timestamp)));
    }
    let taken = people.into_values().filter_map(|firsts| Some(firsts[1]? - firsts[0]?));
    let mut seconds: Vec<_> = taken.filter(|it| *it > 0).map(|it| it / SECOND).collect();
    seconds.sort_unstable();
    // The place that quantileExact takes.
    let (median, tenth) = (seconds[seconds.len() / 2], seconds[seconds.len() * 9 / 10]);
    vec![format!("{}\t{median}\t{tenth}", seconds.len())]
}

fn new_and_returning(persons: &Persons) -> Vec<String> {
    let mut days: HashMap<Person, BTreeSet<i64>> = HashMap::new();
    for event in production().filter(|it| it.letter == b'p' && !it.is_bot()) {
        let day = (event.timestamp - FIRST_DAY).div_euclid(DAY);
        days.entry(persons.of(&event)).or_default().insert(day);
    }
    let asked = (WEEK.start - FIRST_DAY) / DAY..(WEEK.end - FIRST_DAY) / DAY;
    let mut people: BTreeMap<i64, [u64; 2]> = BTreeMap::new();
    for days in days.into_values() {
        for day in days.iter().filter(|day| asked.contains(day)) {
            people.entry(*day).or_default()[usize::from(day != days.first().unwrap())] += 1;
        }
    }
    let line = |(day, [new, back]): (i64, [u64; 2])| format!("{}\t{new}\t{back}", date(day));
    people.into_iter().map(line).collect()
}
