//! Clients that send again: whenever they do and wherever the repeat comes in, a message is loaded
//! once, and each repeat is a discard of its own.

use std::time::Duration;

use anyhow::ensure;
use topology::{Service, Topic};
use waybill_tests::{BILLING, CRM, Flow, Issued, Oracle, ServiceProcess, WEB, until};

use crate::world::on_the_flow;

/// Messages of each source.
const MESSAGES: usize = 100;
/// One in so many is sent again in each way: 5 %.
const ONE_IN: usize = 20;
const SOON: Duration = Duration::from_mins(1);

/// What was sent, and how often anything was sent again so far.
struct Sent<'a> {
    flow: &'a Flow,
    oracle: &'a Oracle,
    messages: Vec<Issued>,
    ways: usize,
    repeats: u64,
}

impl<'a> Sent<'a> {
    fn first(flow: &'a Flow, oracle: &'a Oracle) -> anyhow::Result<Self> {
        let mut messages = Vec::new();
        for source in [WEB, BILLING, CRM] {
            messages.extend((0..MESSAGES).map(|_| oracle.issue(source)));
        }
        let sent = Self { flow, oracle, messages, ways: 0, repeats: 0 };
        sent.send(&sent.messages)?;
        Ok(sent)
    }

    fn send(&self, messages: &[Issued]) -> anyhow::Result<()> {
        for source in [WEB, BILLING] {
            let of_source: Vec<_> =
                messages.iter().filter(|it| it.source == source).cloned().collect();
            ensure!(self.oracle.post(self.flow, &of_source)?, "a batch is refused");
        }
        for message in messages.iter().filter(|it| it.source == CRM) {
            self.oracle.produce(self.flow, message)?;
        }
        Ok(())
    }

    /// The next 5 %: each way repeats other messages, so that each repeat is the first one.
    fn next(&mut self) -> Vec<Issued> {
        let chosen: Vec<_> =
            self.messages.iter().skip(self.ways).step_by(ONE_IN).cloned().collect();
        self.ways += 1;
        self.repeats += chosen.len() as u64;
        chosen
    }

    fn again(&mut self) -> anyhow::Result<()> {
        let chosen = self.next();
        self.send(&chosen)
    }

    /// The same by producers whose keys lead to other partitions of `raw-events`.
    fn again_otherwise_keyed(&mut self) -> anyhow::Result<()> {
        let chosen: Vec<_> = self.next();
        let (direct, others): (Vec<_>, Vec<_>) =
            chosen.into_iter().partition(|message| message.source == CRM);
        self.send(&others)?;
        for (number, message) in direct.iter().enumerate() {
            for key in [format!("other-{number}"), message.anonymous_id()] {
                self.oracle.produce_keyed(self.flow, message, key.as_bytes())?;
            }
        }
        self.repeats += direct.len() as u64;
        Ok(())
    }

    /// Waits until all that came in so far has its fate: what is sent from now on repeats what is
    /// long in the state, as after minutes. (Nothing between a batch and the day at which a key is
    /// forgotten looks at a clock.)
    fn rest(&self) -> anyhow::Result<()> {
        let audit = self.flow.audit(SOON)?;
        ensure!(audit.code == 0, "the books do not balance: {audit}");
        Ok(())
    }
}

/// Starts an instance; `meanwhile` runs while partitions move to it.
fn join(
    instance: &ServiceProcess,
    meanwhile: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let before = instance.log().len();
    instance.start()?;
    meanwhile()?;
    instance.until_ready()?;
    until(&format!("{instance} has partitions"), SOON, || {
        Ok(instance.log()[before..].contains(r#""assigned""#).then_some(()))
    })
}

/// Waits until an instance has handled something.
fn works(instance: &ServiceProcess) -> anyhow::Result<()> {
    until(&format!("{instance} has received records"), SOON, || {
        let received = instance.metrics()?.sum("waybill_stage_received_records_total", &[]);
        Ok((received > 0.0).then_some(()))
    })
}

#[test]
fn five_percent_sent_again_in_each_of_eight_ways_are_loaded_once() {
    on_the_flow("again", |flow, oracle| {
        let stitch = flow.service(Service::IdentityStitch);
        let mut sent = Sent::first(flow, oracle)?;
        // 1: at once, while the first may still be in the same batch.
        sent.again()?;
        // 2: after minutes.
        sent.rest()?;
        sent.again()?;
        // 3: while the stage restarts; 4: after its process was killed, with the state as it was.
        stitch.stop_gracefully()?;
        sent.again()?;
        stitch.restart()?;
        sent.rest()?;
        stitch.kill()?;
        stitch.restart()?;
        sent.again()?;
        // 5: while half of the partitions move to an instance that has no state of theirs; 6: when
        // it has them; 7: while they move back.
        let second = flow.instance(Service::IdentityStitch, 1);
        join(second, || sent.again())?;
        sent.again()?;
        works(second)?;
        second.stop_gracefully()?;
        sent.again()?;
        // 8: by producers that key their records otherwise.
        sent.rest()?;
        sent.again_otherwise_keyed()?;
        let (repeats, count) = (sent.repeats, sent.messages.len() as u64);
        let tally = oracle.settle(flow)?;
        eprintln!("sent again in {} ways: {tally}", sent.ways);
        ensure!((tally.loaded, tally.repeats) == (count, repeats), "{tally}, {repeats} repeats");
        Ok(())
    });
}

#[test]
fn a_repeat_on_another_partition_of_the_raw_log_names_the_one_that_was_loaded() {
    on_the_flow("rekeyed", |flow, oracle| {
        let message = oracle.issue(CRM);
        let first = oracle.produce(flow, &message)?;
        let partitions = flow.bounds(Topic::RawEvents)?.len();
        let mut elsewhere = 0;
        for number in 0..partitions * 3 {
            let repeat =
                oracle.produce_keyed(flow, &message, format!("key-{number}").as_bytes())?;
            elsewhere += usize::from(repeat.partition != first.partition);
        }
        ensure!(elsewhere > 0, "all keys lead to partition {}", first.partition);
        let tally = oracle.settle(flow)?;
        ensure!(tally.repeats == partitions as u64 * 3, "{tally}");
        let loaded = flow.clickhouse(&format!(
            "SELECT concat(origin_epoch, '-', origin_partition, '-', origin_offset) FROM events \
             WHERE message_id = '{}'",
            message.message_id
        ))?;
        let fates = flow.fates()?;
        let ours = |id: &Option<String>| id.as_ref() == Some(&message.message_id);
        for discard in fates.discards.iter().filter(|it| ours(&it.value.message_id)) {
            let named = discard.value.first.map(|origin| origin.to_string());
            ensure!(named.as_ref() == Some(&loaded), "{named:?}, loaded is {loaded}");
        }
        Ok(())
    });
}
