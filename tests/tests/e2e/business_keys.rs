//! The same order, told by a page and by a backend, on the real parts.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use event::{Origin, RawEvent, StitchedEvent};
use kafka_runtime::{Bounds, Outgoing};
use pipeline::DiscardReason;
use serde_json::json;
use topology::Topic;
use waybill_tests::{Flow, Placed, until};

use crate::world::on_the_flow;

/// Both the reason of a discard and the flag.
const TOLD_BEFORE: &str = DiscardReason::ToldBefore.word();
const PATIENCE: Duration = Duration::from_mins(1);

/// Goes first for paid orders, and second for refunds.
const BACKEND: &str = "server/shop";
const PAGE: &str = "web/shop";
/// What is told again is discarded.
const PAID: &str = "Order Paid";
/// What is told again is flagged.
const REFUNDED: &str = "Order Refunded";

/// An event that was sent.
struct Told {
    message_id: String,
    origin: Origin,
}

/// An order of this run, and what was told of it.
struct Order<'a> {
    flow: &'a Flow,
    event: &'static str,
    id: String,
}

impl<'a> Order<'a> {
    fn new(flow: &'a Flow, event: &'static str, id: &str) -> Self {
        Self { flow, event, id: format!("{id}-{}", std::process::id()) }
    }

    /// A source tells of it, from a device of its own; done when it has a fate behind
    /// identity-stitch.
    fn told(&self, source: &str, number: u8) -> anyhow::Result<Told> {
        let text = |text: &str| Some(text.to_owned());
        let message_id = format!("{}-{number}", self.id);
        let context = json!({
            "page": {"url": "https://shop.example/", "referrer": "https://a.example/"},
            "campaign": {"source": "x"}, "sessionId": "s", "device": {"id": "d"}, "locale": "de",
        });
        let event = RawEvent {
            source: text(source),
            kind: text("track"),
            event: text(self.event),
            message_id: text(&message_id),
            anonymous_id: text(&format!("device of {message_id}")),
            context: text(&context.to_string()),
            properties: text(&json!({ "order_id": self.id }).to_string()),
            ..RawEvent::default()
        };
        let value = Some(self.flow.raw_encoder()?.encode(&event)?);
        let topic = Topic::RawEvents;
        let record = Outgoing { topic, partition: None, key: None, value, headers: Vec::new() };
        let at = self.flow.produce(vec![record])?[0].position;
        let origin = Origin { epoch: 0, partition: at.partition, offset: at.offset };
        until(&format!("{source} {} has a fate", self.id), PATIENCE, || {
            let fates = self.rows("events", origin)? + self.rows("discarded_events", origin)?;
            Ok((fates > 0).then_some(()))
        })?;
        Ok(Told { message_id, origin })
    }

    fn rows(&self, table: &str, Origin { partition, offset, .. }: Origin) -> anyhow::Result<u32> {
        let at = format!("origin_partition = {partition} AND origin_offset = {offset}");
        Ok(self.flow.clickhouse(&format!("SELECT count() FROM {table} WHERE {at}"))?.parse()?)
    }
}

/// What identity-stitch has emitted since.
struct Emitted<'a> {
    flow: &'a Flow,
    events: Vec<Placed<StitchedEvent>>,
}

impl<'a> Emitted<'a> {
    fn since(flow: &'a Flow, since: &[Bounds]) -> anyhow::Result<Self> {
        Ok(Self { flow, events: flow.written(Topic::StitchedEvents, since)? })
    }

    fn of(&self, told: &Told) -> anyhow::Result<&Placed<StitchedEvent>> {
        let mut found =
            self.events.iter().filter(|it| it.value.event.message_id == told.message_id);
        let only = found.next().with_context(|| format!("{} was not emitted", told.message_id))?;
        ensure!(found.next().is_none(), "{} was emitted twice", told.message_id);
        Ok(only)
    }

    /// The event that it supersedes, and the one that told the same first: in the topic and in
    /// ClickHouse.
    fn before(&self, told: &Told) -> anyhow::Result<[Option<&str>; 2]> {
        let event = &self.of(told)?.value;
        let (facts, id) = (&event.identity, &told.message_id);
        let columns = "business_key, supersedes, told_first";
        let rows =
            self.flow.rows(&format!("SELECT {columns} FROM events WHERE message_id = '{id}'"))?;
        let expected = json!({
            "business_key": event.validation.key(),
            "supersedes": facts.supersedes,
            "told_first": facts.told_first,
        });
        ensure!(rows == [expected], "{rows:?}");
        let is_flagged = facts.flags.iter().any(|flag| flag == TOLD_BEFORE);
        ensure!(is_flagged == facts.told_first.is_some(), "{facts:?}");
        Ok([facts.supersedes.as_deref(), facts.told_first.as_deref()])
    }
}

/// Asserts that the event was dropped, with a pointer to the one that it repeats.
fn dropped(flow: &Flow, emitted: &Emitted, repeat: &Told, first: &Told) -> anyhow::Result<()> {
    ensure!(emitted.of(repeat).is_err(), "{} was emitted", repeat.message_id);
    let discards = flow.fates()?.discards;
    let discard = discards.iter().map(|placed| &placed.value).find(|it| it.origin == repeat.origin);
    let discard = discard.with_context(|| format!("{} was not discarded", repeat.message_id))?;
    ensure!(discard.reason == TOLD_BEFORE, "{discard:?}");
    ensure!(discard.first == Some(first.origin), "{discard:?}");
    Ok(())
}

#[test]
fn an_order_that_two_sources_tell_of_is_one_whichever_comes_first() {
    on_the_flow("told-twice", |flow, _| {
        let since = flow.bounds(Topic::StitchedEvents)?;
        let order = Order::new(flow, PAID, "paid-page-first");
        let page = order.told(PAGE, 0)?;
        let backend = order.told(BACKEND, 1)?;
        let late = order.told(PAGE, 2)?;
        let other = Order::new(flow, PAID, "paid-backend-first");
        let first = other.told(BACKEND, 0)?;
        let second = other.told(PAGE, 1)?;
        let emitted = Emitted::since(flow, &since)?;
        ensure!(emitted.before(&page)? == [None, None], "nobody told of it before");
        let superseded = page.origin.to_string();
        ensure!(
            emitted.before(&backend)? == [Some(superseded.as_str()), None],
            "the backend goes first"
        );
        ensure!(emitted.before(&first)? == [None, None], "nobody told of the other before");
        dropped(flow, &emitted, &late, &backend)?;
        dropped(flow, &emitted, &second, &first)?;
        let partition = |told| Ok::<_, anyhow::Error>(emitted.of(told)?.position.partition);
        ensure!(partition(&page)? == partition(&backend)?, "they met by chance");
        let audit = flow.audit(PATIENCE)?;
        ensure!(audit.code == 0, "{:?}", audit.report);
        Ok(())
    });
}

#[test]
fn where_the_plan_says_so_what_was_told_before_is_flagged_and_kept() {
    on_the_flow("told-twice-flagged", |flow, _| {
        let since = flow.bounds(Topic::StitchedEvents)?;
        let order = Order::new(flow, REFUNDED, "refund-page-first");
        let page = order.told(PAGE, 0)?;
        let backend = order.told(BACKEND, 1)?;
        let other = Order::new(flow, REFUNDED, "refund-backend-first");
        let lower = other.told(BACKEND, 0)?;
        let higher = other.told(PAGE, 1)?;
        let again = other.told(PAGE, 2)?;
        let emitted = Emitted::since(flow, &since)?;
        let [first, superseded, known] = [&page, &lower, &higher].map(|it| it.origin.to_string());
        ensure!(emitted.before(&page)? == [None, None], "nobody told of it before");
        ensure!(
            emitted.before(&backend)? == [None, Some(first.as_str())],
            "the backend goes second"
        );
        ensure!(emitted.before(&lower)? == [None, None], "nobody told of the other before");
        ensure!(
            emitted.before(&higher)? == [Some(superseded.as_str()), None],
            "the page goes first"
        );
        ensure!(emitted.before(&again)? == [None, Some(known.as_str())], "the page told it again");
        let audit = flow.audit(PATIENCE)?;
        ensure!(audit.code == 0, "{:?}", audit.report);
        Ok(())
    });
}
