//! `waybill erase`: forgets a person.
//!
//! In this order: nothing new is let in (the suppression list, in force at every validate); what is
//! in ClickHouse is noted and deleted; what is on its way passes the stages; the state of
//! identity-stitch forgets; what came of all that is deleted too. Broken off anywhere, the same
//! command goes on: the suppression list remembers the ids, and nothing is done by halves that
//! cannot be done again.

mod barrier;
mod letters;
mod pass;
mod person;
mod remains;
mod report;
mod suppression;

use std::time::Duration;

use anyhow::anyhow;
use event::IdentityCommand;
use identity::ERASE;
use schema_registry::Registry;
use tokio::runtime::Handle;
use uuid::Uuid;
use warehouse::{ErasureRecord, ErasureState};

use self::{
    barrier::Barrier,
    pass::Pass,
    person::{Person, Whom},
    remains::remains,
    report::{Report, State},
    suppression::{List, NO_LIST},
};
use crate::{
    Exit,
    cli::EraseArgs,
    commands::{identity::Asker, operator::user_at_host, times::now},
    config::Config,
    output,
};

/// How often the person may turn out to have further ids while those that are known are erased.
const ROUNDS: usize = 5;

/// Shows what is to be erased, asks, and erases.
pub(crate) async fn run(arguments: EraseArgs, config: &Config) -> anyhow::Result<Exit> {
    let whom = Whom::of(&arguments);
    let Some(list) = List::open(config)? else {
        return Ok(output::refused(NO_LIST, Exit::Usage));
    };
    let asker = Asker::new(config, None).await?;
    let remembered = list.remembered(&whom);
    let erasure = match &remembered.erasure {
        Some(before) => {
            let state = asker.warehouse.erasure_state(before).await?;
            (state != Some(ErasureState::Done)).then(|| before.clone())
        }
        None => None,
    };
    let mut erasing = Erasing { arguments, config, asker, list, whom, erasure };
    let person = match erasing.find().await? {
        Ok(person) => person,
        Err(why) => return Ok(output::refused(why, Exit::Usage)),
    };
    let found = erasing.dry_run(&person).await?;
    if erasing.arguments.dry_run || !erasing.arguments.yes {
        erasing.show(&found)?;
        if erasing.arguments.dry_run {
            return Ok(Exit::Done);
        }
        if !output::confirmed("Erase?") {
            let message = "nothing was erased; pass --yes to do it";
            return Ok(output::refused(message, Exit::Failed));
        }
    }
    let report = erasing.erase(person).await?;
    erasing.show(&report)?;
    Ok(if report.state == State::Done { Exit::Done } else { Exit::Open })
}

struct Erasing<'a> {
    arguments: EraseArgs,
    config: &'a Config,
    asker: Asker,
    list: List,
    whom: Whom,
    /// The one that was begun and is gone on with.
    erasure: Option<String>,
}

impl Erasing<'_> {
    /// The person by what is known now, and by what earlier erasures of her knew.
    async fn find(&self) -> anyhow::Result<Result<Person, &'static str>> {
        let mut found = person::find(&self.asker, &self.whom).await?;
        if let Ok(person) = &mut found {
            let remembered = self.list.remembered(&self.whom);
            person.add(&remembered.users, &remembered.devices);
        }
        Ok(found)
    }

    fn show(&self, report: &Report) -> anyhow::Result<()> {
        if self.arguments.json {
            output::json(report)?;
        } else {
            output::text(&report.in_words());
        }
        Ok(())
    }

    fn report(&self, state: State, person: Person, rows: Vec<warehouse::TableCount>) -> Report {
        let remains = remains(now(), self.config.identity_stitch.window_days);
        let (erasure, waits_for) = (self.erasure.clone(), None);
        Report { state, erasure, ids: person, rows, waits_for, remains }
    }

    async fn dry_run(&self, person: &Person) -> anyhow::Result<Report> {
        let rows = self.pass("", person)?.count().await?;
        Ok(self.report(State::DryRun, person.clone(), rows))
    }

    fn pass<'p>(&'p self, erasure: &'p str, person: &'p Person) -> anyhow::Result<Pass<'p>> {
        let registry = Registry::new(&self.config.registry, Handle::current())?;
        let judge = letters::Judge::new(self.config, &registry);
        let patience = Duration::from_secs(self.arguments.wait);
        Ok(Pass::new(&self.asker.warehouse, erasure, person, judge, patience))
    }

    async fn record(
        &self,
        erasure: &str,
        state: ErasureState,
        counts: &[warehouse::TableCount],
    ) -> anyhow::Result<()> {
        let (id_kind, reason) = (self.whom.kind(), self.arguments.reason.as_str());
        let record = ErasureRecord { erasure, state, id_kind, reason, counts };
        Ok(self.asker.warehouse.record_erasure(&record).await?)
    }

    async fn erase(&mut self, mut person: Person) -> anyhow::Result<Report> {
        let erasure = self.erasure.get_or_insert_with(|| Uuid::new_v4().to_string()).clone();
        output::progress(&format!("erasure {erasure}"));
        self.record(&erasure, ErasureState::Begun, &[]).await?;
        let mut rows = pass::nothing();
        for _ in 0..ROUNDS {
            if let Err(waits_for) = self.once(&erasure, &person, &mut rows).await? {
                let report = self.report(State::Open, person, rows);
                return Ok(Report { waits_for: Some(waits_for), ..report });
            }
            // What was on its way may have told of further ids.
            let Ok(known) = self.find().await? else { break };
            if !person.lacks_of(&known) {
                break;
            }
            output::progress("the person has further ids by what arrived meanwhile");
            person.add(&known.user_ids, &known.anonymous_ids);
            person.shared_anonymous_ids.extend(known.shared_anonymous_ids);
            person.spans.extend(known.spans);
        }
        // Links last: by them an erasure that is broken off finds the ids again.
        pass::add(&mut rows, self.pass(&erasure, &person)?.links().await?);
        self.asker.warehouse.forget_persons().await?;
        self.record(&erasure, ErasureState::Done, &rows).await?;
        Ok(self.report(State::Done, person, rows))
    }

    /// Everything once, with the ids that are known; or what it waits for.
    async fn once(
        &mut self,
        erasure: &str,
        person: &Person,
        rows: &mut [warehouse::TableCount],
    ) -> anyhow::Result<Result<(), String>> {
        let patience = Duration::from_secs(self.arguments.wait);
        self.list.suppress(erasure, person)?;
        let granted = self.arguments.suppressed;
        let in_force =
            suppression::until_in_force(&self.list, self.config, patience, granted).await?;
        if let Err(why) = in_force {
            return Ok(Err(format!("the suppression list to be in force: {why}")));
        }
        output::progress("nothing more of the person is let in; deleting from ClickHouse");
        pass::add(rows, self.pass(erasure, person)?.events().await?);
        let barrier = Barrier::new(self.config, patience);
        output::progress("waiting for what is on its way");
        if let Err(late) = barrier.through_the_stages().await? {
            return Ok(Err(late.to_string()));
        }
        let orders = self.order(erasure, person).await?;
        if let Err(late) = barrier.until_followed(orders).await? {
            return Ok(Err(format!("identity-stitch to forget the person: {late}")));
        }
        if let Err(late) = barrier.to_clickhouse().await? {
            return Ok(Err(late.to_string()));
        }
        output::progress("deleting what arrived meanwhile");
        pass::add(rows, self.pass(erasure, person)?.events().await?);
        Ok(Ok(()))
    }

    /// Orders identity-stitch to forget; the order's positions.
    async fn order(
        &self,
        erasure: &str,
        person: &Person,
    ) -> anyhow::Result<Vec<kafka_runtime::Position>> {
        let who = self.arguments.who.clone();
        let command = IdentityCommand {
            action: ERASE.to_owned(),
            anonymous_id: None,
            previous_id: None,
            user_id: String::new(),
            who: who.unwrap_or_else(|| user_at_host(std::env::vars())),
            why: format!("erasure {erasure}"),
            at: now(),
            erased: Some(person.hashes()),
        };
        let registry = Registry::new(&self.config.registry, Handle::current())?;
        let partitions = self.config.topics.partitions;
        let (kafka, registry) = (&self.config.kafka, &registry);
        let given =
            kafka_runtime::order_identity_everywhere(kafka, registry, &command, partitions).await;
        let given = given.map_err(|halt| {
            anyhow!(
                "it is not sure that identity-stitch was ordered to forget: {}. Run the same \
                 command again once `waybill status` shows Kafka and the registry up",
                halt.detail
            )
        })?;
        Ok(given.into_iter().map(|it| it.position).collect())
    }
}
