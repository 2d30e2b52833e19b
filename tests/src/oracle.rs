//! The oracle: knows what was promised, and looks whether it was kept.
//!
//! It issues message ids and deterministic payloads. An acknowledgement (HTTP 200, or a delivery
//! report of a direct producer) makes an obligation. Once the flow has settled it looks at every
//! obligation in ClickHouse and in the topics of dead letters and discards; it shares no code with
//! the auditor, and their verdicts must agree.

mod check;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use event::RawEvent;
use kafka_runtime::{Header, Outgoing};
use pipeline::RejectReason;
use topology::{Stage, Topic};

use crate::{
    flow::Flow,
    flow_config::{CRM, FlowSource, WEB},
    wait::until,
};

pub use check::Tally;

/// Every message id of an oracle begins so: any other one in the warehouse was never issued.
pub const ID_PREFIX: &str = "e2e.";

const SETTLE_WITHIN: Duration = Duration::from_secs(90);
/// Devices that send an event of one name.
const DEVICES: u32 = 12;
/// Two cores, three Java-sized neighbours: much more than a fresh event needs by itself.
const FRESH_WITHIN: Duration = Duration::from_secs(15);

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// One row in the warehouse; each further acknowledged sending is discarded as a repeat.
    Loaded,
    /// A dead letter for each sending, and nothing in the warehouse.
    Dead(Stage, RejectReason),
    /// Dead-lettered first, and loaded after it was redriven.
    Redriven(Stage, RejectReason),
}

/// A message that the oracle made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Its id, unlike any other's.
    pub message_id: String,
    /// Who sends it.
    pub source: FlowSource,
    /// `track`, or what makes no sense where that is its fate.
    pub kind: &'static str,
    /// Name of what happened.
    pub event: String,
    /// JSON text that must arrive exactly so.
    pub properties: String,
}

#[derive(Debug, Clone)]
struct Obligation {
    issued: Issued,
    fate: Fate,
    sent: u64,
    acknowledged: u64,
}

/// The promises of one test.
#[derive(Debug)]
pub struct Oracle {
    label: String,
    obligations: Mutex<BTreeMap<String, Obligation>>,
}

impl Oracle {
    /// An oracle whose ids begin with [`ID_PREFIX`] and `label`; each needs a label of its own.
    pub fn new(label: &str) -> Self {
        Self { label: format!("{ID_PREFIX}{label}."), obligations: Mutex::default() }
    }

    /// A new message that is to be loaded.
    pub fn issue(&self, source: FlowSource) -> Issued {
        self.issue_for(source, Fate::Loaded)
    }

    /// A new message with this fate.
    pub fn issue_for(&self, source: FlowSource, fate: Fate) -> Issued {
        let mut obligations = self.obligations();
        let number = obligations.len();
        let issued = Issued {
            message_id: format!("{}{number}", self.label),
            source,
            kind: match fate {
                Fate::Dead(_, RejectReason::UnknownType) => "purchase",
                _ => "track",
            },
            event: format!("Thing {} Happened", number % 7),
            properties: properties(number),
        };
        let obligation = Obligation { issued: issued.clone(), fate, sent: 0, acknowledged: 0 };
        obligations.insert(issued.message_id.clone(), obligation);
        issued
    }

    /// Notes that messages are about to be sent.
    pub fn sending(&self, messages: &[Issued]) {
        self.note(messages, |obligation| obligation.sent += 1);
    }

    /// Notes that a sending was acknowledged.
    pub fn acknowledged(&self, messages: &[Issued]) {
        self.note(messages, |obligation| obligation.acknowledged += 1);
    }

    /// How many messages were acknowledged at least once.
    pub fn acknowledged_messages(&self) -> u64 {
        self.obligations().values().filter(|obligation| obligation.acknowledged > 0).count() as u64
    }

    /// Changes what is to become of a message.
    pub fn now_owes(&self, message: &Issued, fate: Fate) {
        self.note(std::slice::from_ref(message), |obligation| obligation.fate = fate);
    }

    /// Sends messages of one source in one request; whether they were acknowledged. An error
    /// means that no answer came.
    pub fn post(&self, flow: &Flow, messages: &[Issued]) -> anyhow::Result<bool> {
        Ok(self.post_for_status(flow, messages)? == 200)
    }

    /// [`post`](Self::post), and the status of the answer.
    pub fn post_for_status(&self, flow: &Flow, messages: &[Issued]) -> anyhow::Result<u16> {
        let key = messages.first().and_then(|message| message.source.write_key);
        self.sending(messages);
        let answer = flow.post("/v1/batch", key, batch(messages).as_bytes())?;
        if answer.status == 200 {
            self.acknowledged(messages);
        }
        Ok(answer.status)
    }

    /// Writes a message to `raw-events` as its own producer.
    pub fn produce(&self, flow: &Flow, message: &Issued) -> anyhow::Result<event::Origin> {
        self.produce_with(flow, message, Vec::new())
    }

    /// [`produce`](Self::produce) with headers.
    pub fn produce_with(
        &self,
        flow: &Flow,
        message: &Issued,
        headers: Vec<Header>,
    ) -> anyhow::Result<event::Origin> {
        self.write(flow, message, Outgoing { headers, ..raw_record(flow, &raw_event(message))? })
    }

    /// [`produce`](Self::produce) as a producer that keys its records in another way.
    pub fn produce_keyed(
        &self,
        flow: &Flow,
        message: &Issued,
        key: &[u8],
    ) -> anyhow::Result<event::Origin> {
        let record = raw_record(flow, &raw_event(message))?;
        self.write(flow, message, Outgoing { key: Some(key.to_owned()), ..record })
    }

    fn write(
        &self,
        flow: &Flow,
        message: &Issued,
        record: Outgoing,
    ) -> anyhow::Result<event::Origin> {
        let messages = std::slice::from_ref(message);
        self.sending(messages);
        let delivered = flow.produce(vec![record])?;
        self.acknowledged(messages);
        let at = delivered.first().context("no delivery report")?.position;
        Ok(event::Origin { epoch: 0, partition: at.partition, offset: at.offset })
    }

    /// Waits until the auditor says *balanced*, then checks every obligation, and that a fresh
    /// event still gets through.
    pub fn settle(&self, flow: &Flow) -> anyhow::Result<Tally> {
        let audit = flow.audit(SETTLE_WITHIN)?;
        ensure!(audit.code == 0, "the books do not balance: {audit}");
        let tally = self.check(flow)?;
        self.fresh_event_arrives(flow)?;
        Ok(tally)
    }

    /// Whether a new event is soon in the warehouse.
    pub fn fresh_event_arrives(&self, flow: &Flow) -> anyhow::Result<()> {
        let fresh = self.issue(WEB);
        ensure!(self.post(flow, std::slice::from_ref(&fresh))?, "a fresh event is refused");
        let sql = format!("SELECT count() FROM events WHERE message_id = '{}'", fresh.message_id);
        until("a fresh event is in the warehouse", FRESH_WITHIN, || {
            Ok((flow.clickhouse(&sql)? == "1").then_some(()))
        })
    }

    fn note(&self, messages: &[Issued], note: impl Fn(&mut Obligation)) {
        let mut obligations = self.obligations();
        for message in messages {
            if let Some(obligation) = obligations.get_mut(&message.message_id) {
                note(obligation);
            }
        }
    }

    fn obligations(&self) -> MutexGuard<'_, BTreeMap<String, Obligation>> {
        self.obligations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issued {
    /// The device that it comes from: some messages share one, and there are enough for every partition.
    pub fn anonymous_id(&self) -> String {
        let sum: u32 = self.message_id.bytes().map(u32::from).sum();
        format!("device-{}-{}", self.event.len() * 31, sum % DEVICES)
    }

    /// The message as the SDKs write it.
    pub fn json(&self) -> String {
        format!(
            r#"{{"type":"{}","event":"{}","messageId":"{}","anonymousId":"{}","properties":{}}}"#,
            self.kind,
            self.event,
            self.message_id,
            self.anonymous_id(),
            self.properties
        )
    }
}

fn batch(messages: &[Issued]) -> String {
    let texts: Vec<_> = messages.iter().map(Issued::json).collect();
    format!(r#"{{"batch":[{}]}}"#, texts.join(","))
}

/// The message as a direct producer writes it.
pub(crate) fn raw_event(message: &Issued) -> RawEvent {
    RawEvent {
        source: Some(message.source.id.to_owned()),
        kind: Some(message.kind.to_owned()),
        message_id: Some(message.message_id.clone()),
        anonymous_id: Some(message.anonymous_id()),
        event: Some(message.event.clone()),
        properties: Some(message.properties.clone()),
        ..RawEvent::default()
    }
}

/// A record for `raw-events`.
pub(crate) fn raw_record(flow: &Flow, event: &RawEvent) -> anyhow::Result<Outgoing> {
    let encoder = flow.raw_encoder()?;
    Ok(Outgoing {
        topic: Topic::RawEvents,
        partition: None,
        key: event.message_id.clone().map(String::into_bytes),
        value: Some(encoder.encode(event)?),
        headers: Vec::new(),
    })
}

/// JSON that a careless hand would change: number formats, order, spaces, escapes.
fn properties(number: usize) -> String {
    format!(
        r#"{{"number":{number}, "price":{number}.50,"z":null,"a":[1,2.0,1e3],"text":"Grüße \"{number}\" \u2713","nested":{{"b":{{}},"a":[]}}}}"#
    )
}

/// The source that a direct producer speaks for.
pub(crate) const DIRECT: FlowSource = CRM;
