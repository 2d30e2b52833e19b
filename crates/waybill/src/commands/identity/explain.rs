//! `waybill identity explain`: why an anonymous id is whose it is.

use event::{Millis, Origin};
use identity::{KnownPerson, RULE_COMMAND, Rules, Told};
use serde::Serialize;
use warehouse::EventIds;

use super::{
    causes::{self, AliasTold, Interval, LinkTold},
    known::{Asker, Known},
    words::{cause, moment},
};
use crate::{Exit, cli::ExplainIdentityArgs, commands::times::now, config::Config, output};

/// Prints the chain of causes. Nothing known: exit code 1.
pub(super) async fn run(arguments: ExplainIdentityArgs, config: &Config) -> anyhow::Result<Exit> {
    let asker = Asker::new(config, arguments.at).await?;
    let explained = match arguments.origin() {
        Some(origin) => event(&asker, origin, &config.identity_stitch.rules()).await?,
        None => device(&asker, &arguments.subject, arguments.at).await?,
    };
    let Some(explained) = explained else {
        let message = "ClickHouse has no such event, and no link of such an anonymous id, as of \
                       that time; what was sent within the last seconds may still be on its way";
        return Ok(output::refused(message, Exit::Failed));
    };
    let explained = Explained { at: arguments.at.map(moment), ..explained };
    if arguments.json {
        return output::json(&explained);
    }
    Ok(output::text(&explained.to_string()))
}

/// Who somebody is, and why. Moments are RFC 3339 texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Explained {
    /// What was told later is left aside.
    pub(super) at: Option<String>,
    pub(super) anonymous_id: Option<String>,
    /// The event that was asked about.
    pub(super) event: Option<Asked>,
    /// The person: of the event at its time, of an anonymous id at `at`, else now.
    pub(super) person: Answer,
    /// What was told of the device, by event time.
    pub(super) links: Vec<LinkTold>,
    /// Whose the device is when, by event time.
    pub(super) intervals: Vec<Interval>,
    /// What was told of the users.
    pub(super) aliases: Vec<AliasTold>,
}

/// The event that was asked about, and its person as it was emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Asked {
    pub(super) origin: String,
    pub(super) source: String,
    pub(super) event_name: String,
    pub(super) timestamp: String,
    pub(super) user_id: Option<String>,
    /// An id that was sent and names nobody: see `identity_flags`.
    pub(super) identity_flags: Vec<String>,
    pub(super) emitted_person_id: String,
    pub(super) emitted_basis: String,
    pub(super) emitted_user_id: Option<String>,
}

/// A person, and what that follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    pub(super) person_id: String,
    /// `user_id`, `link`, `anonymous_id` or `message_id`.
    pub(super) basis: String,
    pub(super) user_id: Option<String>,
    /// The event or order that linked the device.
    pub(super) link: Option<String>,
    /// The event or order that merged the user with another.
    pub(super) alias: Option<String>,
}

async fn device(asker: &Asker, id: &str, at: Option<Millis>) -> anyhow::Result<Option<Explained>> {
    let known = asker.device(id).await?;
    if known.links.is_empty() {
        return Ok(None);
    }
    // An anonymous id has a person of its own: no message is needed for one.
    let time = at.unwrap_or_else(now);
    let told = Told { anonymous_id: Some(id), time, ..Told::default() };
    Ok(Some(explained(&known, told, None)))
}

async fn event(asker: &Asker, origin: Origin, rules: &Rules) -> anyhow::Result<Option<Explained>> {
    let Some(ids) = asker.warehouse.event_ids(origin).await? else { return Ok(None) };
    let real = |id: &Option<String>| id.clone().filter(|id| !rules.blocked.contains(id));
    let (user, device) = (real(&ids.user_id), real(&ids.anonymous_id));
    let known = match (&device, &user) {
        (Some(device), None) => asker.device(device).await?,
        (_, Some(user)) => asker.user(user).await?,
        (None, None) => Known::default(),
    };
    let told = Told {
        user_id: user.as_deref(),
        // With a user id the device says nothing of the person.
        anonymous_id: device.as_deref().filter(|_| user.is_none()),
        message: (&ids.source, &ids.message_id),
        time: ids.timestamp,
    };
    Ok(Some(explained(&known, told, Some(asked(origin, ids.clone())))))
}

fn asked(origin: Origin, ids: EventIds) -> Asked {
    Asked {
        origin: origin.to_string(),
        source: ids.source,
        event_name: ids.event_name,
        timestamp: moment(ids.timestamp),
        user_id: ids.user_id,
        identity_flags: ids.identity_flags,
        emitted_person_id: ids.person_id,
        emitted_basis: ids.person_basis,
        emitted_user_id: ids.person_user_id,
    }
}

/// What follows for the ids from what is known.
pub(super) fn explained(known: &Known, told: Told<'_>, event: Option<Asked>) -> Explained {
    let device = told.anonymous_id;
    let links = device.map_or_else(Vec::new, |device| causes::links(known, device));
    let intervals = device.map_or_else(Vec::new, |device| causes::intervals(known, device));
    Explained {
        at: None,
        anonymous_id: device.map(str::to_owned),
        event,
        person: person(known, known.resolution.person(told)),
        links,
        intervals,
        aliases: causes::aliases(known),
    }
}

fn person(known: &Known, person: KnownPerson) -> Answer {
    let linked_by_order =
        |at: Origin| known.links.iter().any(|it| it.cause == at && it.rule == RULE_COMMAND);
    let merged_by_order =
        |at: Origin| known.aliases.iter().any(|it| it.cause == at && it.rule == RULE_COMMAND);
    Answer {
        person_id: person.person_id,
        basis: person.basis,
        user_id: person.user_id,
        link: person.link.map(|at| cause(at, linked_by_order(at))),
        alias: person.alias.map(|at| cause(at, merged_by_order(at))),
    }
}
