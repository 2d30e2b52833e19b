//! Random histories: events and orders of two partitions, few enough ids that everything meets.

use event::{
    BusinessKey, EnrichedEvent, IdentityCommand, Millis, Origin, PageFacts, UserAgentFacts, Waybill,
};
use kafka_runtime::{Position, Record};
use proptest::{prelude::*, sample::Index};
use topology::Topic;

use crate::{
    wire::Wire,
    world::{DAY_MS, event},
};

pub(crate) const PARTITIONS: i32 = 2;
const MINUTE: Millis = 60_000;

/// One event, in few words; or an order of the device and the user.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    partition: i32,
    order: Option<bool>,
    message: u8,
    payload: u8,
    /// A copy of an earlier number, of the same message.
    copy_of: Option<Index>,
    device: Option<u8>,
    user: Option<u8>,
    /// Minutes.
    time: i64,
    appended_at: Millis,
    visit: Visit,
    business: Option<(u8, i32, bool)>,
}

#[derive(Debug, Clone)]
struct Visit {
    is_server: bool,
    session: Option<u8>,
    page: Option<u8>,
    browser: Option<u8>,
    inherits: bool,
    rate: Option<i32>,
}

fn visit() -> impl Strategy<Value = Visit> {
    let some = |weight| prop::option::weighted(weight, 0..2_u8);
    let rate = prop::option::weighted(0.3, 0..2_i32);
    (any::<bool>(), some(0.3), some(0.5), some(0.5), any::<bool>(), rate).prop_map(
        |(is_server, session, page, browser, inherits, rate)| Visit {
            is_server,
            session,
            page,
            browser,
            inherits,
            rate,
        },
    )
}

fn told() -> impl Strategy<Value = Told> {
    let order = prop::option::weighted(0.1, any::<bool>());
    let ids = (prop::option::weighted(0.8, 0..3_u8), prop::option::weighted(0.4, 0..5_u8));
    let message = (0..9_u8, 0..2_u8, prop::option::weighted(0.15, any::<Index>()));
    let times = (0..200_i64, 0..3 * DAY_MS);
    let business = prop::option::weighted(0.2, (0..2_u8, 0..3_i32, any::<bool>()));
    (0..PARTITIONS, order, message, ids, times, visit(), business).prop_map(
        |(
            partition,
            order,
            (message, payload, copy_of),
            (device, user),
            times,
            visit,
            business,
        )| {
            let (time, appended_at) = times;
            Told {
                partition,
                order,
                message,
                payload,
                copy_of,
                device,
                user,
                time,
                appended_at,
                visit,
                business,
            }
        },
    )
}

pub(crate) fn history() -> impl Strategy<Value = Vec<Told>> {
    prop::collection::vec(told(), 1..40)
}

/// How a batch of so many records of one of two stages ends.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) stage: usize,
    pub(crate) size: usize,
    pub(crate) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    Committed,
    Aborted,
    KilledBeforeCommit,
    /// The log has the batch; the store was never told.
    KilledAfterCommit,
    /// The stage is killed and its disk lost for a partition.
    Wiped(i32),
    /// A partition goes over to the other stage, whose disk has what it had of it before.
    Moved(i32),
}

pub(crate) fn turns(most: usize) -> impl Strategy<Value = Vec<Turn>> {
    let end = prop_oneof![
        4 => Just(End::Committed),
        1 => Just(End::Aborted),
        1 => Just(End::KilledBeforeCommit),
        1 => Just(End::KilledAfterCommit),
        1 => (0..PARTITIONS).prop_map(End::Wiped),
        3 => (0..PARTITIONS).prop_map(End::Moved),
    ];
    let turn = (0..2_usize, 1..8_usize, end);
    prop::collection::vec(turn.prop_map(|(stage, size, end)| Turn { stage, size, end }), 0..most)
}

/// A record of the history.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) record: Record,
    pub(crate) waybill: Waybill,
    pub(crate) said: Said,
}

#[derive(Debug, Clone)]
pub(crate) enum Said {
    Event(Box<EnrichedEvent>),
    Order(Box<IdentityCommand>),
}

impl Step {
    pub(crate) fn partition(&self) -> i32 {
        self.record.position.partition
    }
}

/// The records in order; the append times of a partition go up by and by, over some days.
pub(crate) fn steps(wire: &Wire, history: &[Told]) -> Vec<Step> {
    let mut made: Vec<(Step, u8)> = Vec::new();
    for (offset, told) in (0..).zip(history) {
        let appended_at = told.appended_at + offset * DAY_MS / 4;
        let origin = Origin { epoch: 0, partition: told.partition, offset };
        let new = Waybill { origin, appended_at };
        if let Some(linked) = told.order {
            made.push((order(wire, told, linked, new), told.message));
            continue;
        }
        let events: Vec<_> =
            made.iter().filter(|(step, _)| matches!(step.said, Said::Event(_))).collect();
        let copied = told.copy_of.filter(|_| !events.is_empty()).map(|it| *it.get(&events));
        let (waybill, message) = match copied {
            Some((step, message)) => (step.waybill, *message),
            None => (new, told.message),
        };
        let enriched = enriched(told, message, waybill);
        let record = wire.enriched(waybill, offset, &enriched);
        made.push((Step { record, waybill, said: Said::Event(Box::new(enriched)) }, message));
    }
    made.into_iter().map(|(step, _)| step).collect()
}

fn enriched(told: &Told, message: u8, waybill: Waybill) -> EnrichedEvent {
    let name = |letter: &str, id: u8| format!("{letter}{id}");
    let device = told.device.map(|id| name("d", id));
    let user = told.user.map(|id| name("u", id));
    let id = name("m", message);
    let mut enriched = event(&id, device.as_deref(), user.as_deref(), told.payload);
    // The ids are part of the payload: told in it, so that the reference sees them as well.
    enriched.event.properties =
        format!("{:?}", [told.payload, id_of(told.device), id_of(told.user)]);
    enriched.event.timestamp = told.time * MINUTE + waybill.appended_at / DAY_MS * DAY_MS;
    let visit = &told.visit;
    if visit.is_server {
        enriched.event.source_kind = "server".into();
    }
    if let Some(session) = visit.session {
        enriched.event.context = format!(r#"{{"sessionId":"s{session}"}}"#);
    }
    let facts = &mut enriched.enrichment;
    facts.page = visit
        .page
        .map(|page| PageFacts { url: format!("https://s.example/{page}"), ..PageFacts::default() });
    facts.user_agent = visit.browser.map(|browser| {
        let browser = Some(format!("b{browser}"));
        UserAgentFacts { browser, ..UserAgentFacts::default() }.into()
    });
    facts.bot.rate_limit = visit.rate;
    let validation = &mut enriched.validation;
    if visit.inherits {
        validation.inheritable = vec!["/context/page/url".into(), "/context/userAgent".into()];
    }
    validation.business_key = told.business.map(|(key, rank, flags)| BusinessKey {
        key: format!("order_id={key}"),
        rank,
        window_days: 2,
        on_repeat: if flags { "flag" } else { "discard" }.into(),
    });
    enriched
}

fn id_of(id: Option<u8>) -> u8 {
    id.unwrap_or(99)
}

fn order(wire: &Wire, told: &Told, linked: bool, at: Waybill) -> Step {
    let command = IdentityCommand {
        action: if linked { "link" } else { "unlink" }.into(),
        anonymous_id: Some(format!("d{}", told.device.unwrap_or(0))),
        previous_id: None,
        user_id: format!("u{}", told.user.unwrap_or(0)),
        who: "ops".into(),
        why: "a test".into(),
        at: 0,
        erased: None,
    };
    let Origin { partition, offset, .. } = at.origin;
    let record = Record {
        position: Position { topic: Topic::IdentityCommands, partition, offset },
        timestamp: Some(at.appended_at),
        key: None,
        value: Some(wire.encoded(Topic::IdentityCommands, &command).into()),
        headers: Vec::new(),
    };
    Step { record, waybill: at, said: Said::Order(Box::new(command)) }
}
