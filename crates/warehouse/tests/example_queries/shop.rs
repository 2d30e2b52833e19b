//! The events of `events.sql`, said once more: what the answers of the queries are compared with.

use std::collections::HashSet;

/// Milliseconds UTC.
pub(crate) type Millis = i64;

/// Append days, from [`FIRST_DAY`] on.
pub(crate) const DAYS: u64 = 90;
/// Every event of the shop.
pub(crate) const EVENTS: u64 = VISITS / JOURNEYS.len() as u64 * EVENTS_OF_ALL_JOURNEYS;
/// 2026-07-01.
pub(crate) const FIRST_DAY: Millis = 1_782_864_000_000;
pub(crate) const DAY: Millis = 86_400_000;

const VISITS: u64 = 1_250_000;
const EVENTS_OF_ALL_JOURNEYS: u64 = 80;
const DEVICES: u64 = 200_000;
const USERS: u64 = 60_000;
const ACCOUNTS: u64 = 2_000;

/// A letter is an event, see [`Event::letter`].
const JOURNEYS: [&str; 20] = [
    "p",
    "p",
    "p",
    "p",
    "p",
    "p",
    "pp",
    "pL",
    "pSV",
    "pLVV",
    "pVR",
    "pLVA",
    "pIpLV",
    "pLVVAC",
    "pILVACK",
    "pIVACKOH",
    "pSVVVL",
    "pLLVp",
    "pIGp",
    "pSLVVLVARCVKOHp",
];

/// One event, as far as the queries ask for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) offset: u64,
    pub(crate) appended_at: Millis,
    pub(crate) timestamp: Millis,
    pub(crate) visit: u64,
    pub(crate) device: u64,
    /// What is sent as `user_id`.
    pub(crate) user: Option<u64>,
    /// `p` page, `I` identify, `G` group, `V` product viewed, `A` added, `K` checkout started, `O` order
    /// completed, `H` order shipped (told by the server, and with a user by her id alone); others do not matter.
    pub(crate) letter: u8,
    /// Which campaign the visit came from, on its first event; 0 is none.
    pub(crate) touch: u8,
    pub(crate) staging: bool,
}

/// What `intHash64` of ClickHouse gives.
const fn hash(mut it: u64) -> u64 {
    it ^= 0x4cf2_d2ba_ae6d_a887;
    it ^= it >> 33;
    it = it.wrapping_mul(0xff51_afd7_ed55_8ccd);
    it ^= it >> 33;
    it = it.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    it ^ (it >> 33)
}

const fn dice(of: u64, salt: u64) -> u64 {
    hash(of * 64 + salt)
}

/// Every event, in the order of `origin_offset`.
pub(crate) fn events() -> impl Iterator<Item = Event> {
    let mut offset = 0;
    let days = (0..DAYS).flat_map(|day| {
        let visits = first_visit(day)..first_visit(day + 1);
        visits.clone().map(move |visit| Visit::new(visit, day, &visits))
    });
    days.flat_map(|visit| (0..visit.letters.len()).map(move |step| visit.event(step))).map(
        move |event| {
            offset += 1;
            Event { offset: offset - 1, ..event }
        },
    )
}

const fn first_visit(day: u64) -> u64 {
    (day * VISITS).div_ceil(DAYS)
}

#[derive(Clone, Copy)]
struct Visit {
    number: u64,
    letters: &'static [u8],
    device: u64,
    start: Millis,
    pace: Millis,
    late: Millis,
    knows_from: Option<usize>,
    touch: u8,
    staging: bool,
}

impl Visit {
    fn new(number: u64, day: u64, visits: &std::ops::Range<u64>) -> Self {
        let letters = JOURNEYS[small(number % 20)].as_bytes();
        let uniform = dice(number, 1) % DEVICES;
        let skewed = uniform * (dice(number, 3) % DEVICES) / DEVICES;
        let device = if dice(number, 2).is_multiple_of(2) { uniform } else { skewed };
        let place = (number - visits.start) * 85_500_000 / (visits.end - visits.start);
        let login = letters.iter().position(|letter| *letter == b'I');
        let always = (dice(number, 4) % 5 < 2).then_some(0);
        Self {
            number,
            letters,
            device,
            start: FIRST_DAY + signed(day) * DAY + signed(place),
            pace: 5_000 + signed(dice(number, 6) % 40_000),
            late: if number % 97 == 5 { 36 * 3_600_000 } else { 0 },
            knows_from: user_of(device).and(always.or(login)),
            touch: u8::try_from((dice(number, 8) % 10).saturating_sub(5)).unwrap(),
            staging: dice(number, 5).is_multiple_of(50),
        }
    }

    fn event(&self, step: usize) -> Event {
        let came = self.start + self.pace * i64::try_from(step).unwrap();
        let letter = self.letters[step];
        let user = user_of(self.device);
        Event {
            offset: 0,
            appended_at: came + 200 + signed(dice(self.number, 7) % 2_000),
            timestamp: came - self.late,
            visit: self.number,
            device: self.device,
            user: user.filter(|_| self.knows_from.is_some_and(|from| step >= from)),
            letter: if user.is_none() && b"IG".contains(&letter) { b'p' } else { letter },
            touch: if step == 0 { self.touch } else { 0 },
            staging: self.staging,
        }
    }
}

/// Whose the device is, whether anything told of it or not.
fn user_of(device: u64) -> Option<u64> {
    (device < 2 * USERS).then_some(device % USERS)
}

impl Event {
    pub(crate) const fn source(&self) -> &'static str {
        match (self.letter, self.device.is_multiple_of(3)) {
            (b'H', _) => "api/orders",
            (_, true) => "ios/shop",
            (_, false) => "web/shop",
        }
    }

    pub(crate) const fn is_bot(&self) -> bool {
        self.device % 100 == 99
    }

    pub(crate) const fn account(&self) -> Option<u64> {
        match (self.letter, self.user) {
            (b'G', Some(user)) => Some(user % ACCOUNTS),
            _ => None,
        }
    }

    /// The trait `plan` that this event tells.
    pub(crate) fn plan(&self) -> Option<&'static str> {
        let month = signed_day(self.appended_at) / 30;
        let user = self.user?;
        match self.letter {
            b'I' => Some(["free", "plus", "pro"][small(dice(user, 20 + month) % 3)]),
            b'G' => {
                Some(["free", "team", "business"][small(dice(user % ACCOUNTS, 30 + month) % 3)])
            }
            _ => None,
        }
    }

    pub(crate) const fn currency(&self) -> &'static str {
        if self.device % 10 == 3 { "USD" } else { "EUR" }
    }

    /// Of an order, in hundredths.
    pub(crate) const fn revenue(&self) -> u64 {
        1_000 + dice(self.visit, 10) % 20_000
    }

    /// `device_class` and `os`.
    pub(crate) fn device_class(&self) -> (&'static str, &'static str) {
        match (self.device.is_multiple_of(3), dice(self.device, 9) % 10) {
            (true, 0..9) => ("phone", "iOS"),
            (true, _) => ("tablet", "iOS"),
            (false, 0..4) => ("desktop", "Windows"),
            (false, 4..6) => ("desktop", "macOS"),
            (false, 6..9) => ("phone", "Android"),
            (false, _) => ("tablet", "Android"),
        }
    }
}

/// Who is who, as all events together tell it.
pub(crate) struct Persons(HashSet<u64>);

/// A user, or a device of nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Person {
    User(u64),
    Device(u64),
}

impl Persons {
    /// A device belongs to its user as soon as any event has both.
    pub(crate) fn told() -> Self {
        let both = events().filter(|it| it.user.is_some() && it.letter != b'H');
        Self(both.map(|it| it.device).collect())
    }

    pub(crate) fn of(&self, event: &Event) -> Person {
        let linked = user_of(event.device).filter(|_| self.0.contains(&event.device));
        event.user.or(linked).map_or(Person::Device(event.device), Person::User)
    }

    pub(crate) fn links(&self) -> usize {
        self.0.len()
    }
}

fn small(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}

/// Days since the first.
fn signed_day(at: Millis) -> u64 {
    u64::try_from((at - FIRST_DAY) / DAY).unwrap()
}
