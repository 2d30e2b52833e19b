//! `waybill identity link` and `unlink`: gives the order, then waits until it is followed.

use std::time::Duration;

use anyhow::anyhow;
use event::{IdentityCommand, Origin};
use identity::{LINK, Rules, UNLINK};
use schema_registry::Registry;
use serde::Serialize;
use tokio::runtime::Handle;

use super::wait::{self, Awaited, Reached};
use crate::{
    Exit,
    cli::PairArgs,
    commands::{operator::user_at_host, times::now},
    config::Config,
    output,
};

/// Orders that two ids are one person's.
pub(super) async fn link(arguments: PairArgs, config: &Config) -> anyhow::Result<Exit> {
    run(arguments, LINK, config).await
}

/// Orders that they are not.
pub(super) async fn unlink(arguments: PairArgs, config: &Config) -> anyhow::Result<Exit> {
    run(arguments, UNLINK, config).await
}

async fn run(arguments: PairArgs, action: &str, config: &Config) -> anyhow::Result<Exit> {
    let patience = (!arguments.no_wait).then(|| Duration::from_secs(arguments.wait));
    let json = arguments.json;
    let command = match command(arguments, action, &config.identity_stitch.rules()) {
        Ok(command) => command,
        Err(refused) => return Ok(output::refused(refused, Exit::Usage)),
    };
    let order = give(config, &command).await?;
    let mut given = Given { command, order, awaited: None };
    if let Some(patience) = patience {
        given.awaited = Some(wait::until_followed(config, &given.command, order, patience).await?);
    }
    if json {
        output::json(&given)?;
    } else {
        output::text(&given.in_words());
    }
    Ok(given.exit())
}

/// The order that the arguments ask for; or why it makes none.
fn command(
    arguments: PairArgs,
    action: &str,
    rules: &Rules,
) -> Result<IdentityCommand, &'static str> {
    let PairArgs { anonymous_id, of_user, previous_id, user_id, reason, who, .. } = arguments;
    let Some(user_id) = of_user.or(user_id) else { return Err("no user is named") };
    let other = anonymous_id.as_ref().or(previous_id.as_ref());
    if other == Some(&user_id) {
        return Err("both ids are the same: there is nothing to link or unlink");
    }
    let is_blocked = |id: &String| rules.blocked.contains(id);
    if action == LINK && other.into_iter().chain([&user_id]).any(is_blocked) {
        return Err("one of the ids is in blocked_ids of [identity_stitch]: such ids never link. \
                    Take it out of there first, if it is somebody's after all");
    }
    Ok(IdentityCommand {
        action: action.to_owned(),
        anonymous_id,
        previous_id,
        user_id,
        who: who.unwrap_or_else(|| user_at_host(std::env::vars())),
        why: reason,
        at: now(),
        erased: None,
    })
}

/// Gives the order; its position in `identity-commands`.
async fn give(config: &Config, command: &IdentityCommand) -> anyhow::Result<Origin> {
    let registry = Registry::new(&config.registry, Handle::current())?;
    let given = kafka_runtime::order_identity(&config.kafka, &registry, command).await;
    let at = given.map_err(|halt| {
        let detail = halt.detail;
        anyhow!(
            "it is not sure that anything was ordered: {detail}. Once `waybill status` shows \
                 Kafka and the registry up, order it again: twice does no harm"
        )
    })?;
    Ok(Origin { epoch: config.epoch, partition: at.position.partition, offset: at.position.offset })
}

/// An order that was given, and how far it has come.
#[derive(Debug, Serialize)]
struct Given {
    #[serde(flatten)]
    command: IdentityCommand,
    /// Its epoch, partition and offset in `identity-commands`.
    #[serde(serialize_with = "crate::output::as_text")]
    order: Origin,
    /// `None` if nobody waited.
    awaited: Option<Awaited>,
}

impl Given {
    fn exit(&self) -> Exit {
        match &self.awaited {
            Some(awaited) if awaited.reached != Reached::Loaded => Exit::Open,
            _ => Exit::Done,
        }
    }

    fn in_words(&self) -> String {
        let Self { command, order, awaited } = self;
        let what = subject(command);
        let Some(awaited) = awaited else {
            return format!("order {order}: {what}. Nobody waited until it is followed");
        };
        let seconds = awaited.seconds;
        match awaited.reached {
            Reached::Loaded => format!(
                "order {order}: {what}. identity-stitch has followed it, ClickHouse has it \
                 ({seconds:.1} s); the views show it within a minute"
            ),
            Reached::Followed => format!(
                "order {order}: {what}. identity-stitch has passed it, but ClickHouse does not \
                 have it after {seconds:.0} s{}. The order stands: `waybill status` tells whether \
                 forward is behind; if it is not, the log of identity-stitch says why the order was \
                 not followed",
                trouble(awaited)
            ),
            Reached::Ordered => format!(
                "order {order}: {what}. identity-stitch has not followed it after {seconds:.0} \
                 s{}. The order holds as soon as it does: `waybill status` tells why it stands",
                trouble(awaited)
            ),
        }
    }
}

fn trouble(awaited: &Awaited) -> String {
    awaited.trouble.as_ref().map_or_else(String::new, |trouble| format!(" ({trouble})"))
}

fn subject(command: &IdentityCommand) -> String {
    let user = &command.user_id;
    match (&command.anonymous_id, &command.previous_id, command.action == LINK) {
        (Some(device), _, true) => format!("anonymous id {device} is user {user}'s"),
        (Some(device), _, false) => format!("anonymous id {device} is not user {user}'s"),
        (None, Some(previous), true) => format!("user {previous} is user {user}"),
        (None, previous, _) => {
            format!("user {} is not user {user}", previous.as_deref().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> PairArgs {
        PairArgs {
            anonymous_id: Some("anon-1".to_owned()),
            of_user: Some("user-2".to_owned()),
            previous_id: None,
            user_id: None,
            reason: "ticket 311".to_owned(),
            who: Some("ada".to_owned()),
            wait: 60,
            no_wait: false,
            json: false,
        }
    }

    fn users() -> PairArgs {
        let (previous_id, user_id) = (Some("old".to_owned()), Some("new".to_owned()));
        PairArgs { anonymous_id: None, of_user: None, previous_id, user_id, ..arguments() }
    }

    fn given(arguments: PairArgs, action: &str, reached: Reached) -> Given {
        let command = command(arguments, action, &Rules::new(7)).unwrap();
        let order = Origin { epoch: 0, partition: 3, offset: 12 };
        let trouble = (reached == Reached::Ordered).then(|| "Kafka did not answer".to_owned());
        Given { command, order, awaited: Some(Awaited { reached, seconds: 2.04, trouble }) }
    }

    #[test]
    fn an_order_names_who_and_why_and_exactly_one_pair() {
        let one = command(arguments(), LINK, &Rules::new(7)).unwrap();
        assert_eq!((one.who.as_str(), one.why.as_str()), ("ada", "ticket 311"));
        assert_eq!((one.anonymous_id.as_deref(), one.user_id.as_str()), (Some("anon-1"), "user-2"));
        assert_eq!(one.previous_id, None);
        let two = command(users(), UNLINK, &Rules::new(7)).unwrap();
        assert_eq!((two.previous_id.as_deref(), two.user_id.as_str()), (Some("old"), "new"));
        assert_eq!((two.action.as_str(), two.anonymous_id), ("unlink", None));
    }

    #[test]
    fn equal_ids_are_refused_and_a_blocked_one_can_be_unlinked_but_not_linked() {
        let equal = PairArgs { of_user: Some("anon-1".to_owned()), ..arguments() };
        assert!(command(equal, LINK, &Rules::new(7)).is_err_and(|it| it.contains("the same")));
        let rules = Rules { blocked: ["USER-2"].into_iter().collect(), ..Rules::new(7) };
        let refused = command(arguments(), LINK, &rules);
        assert!(refused.is_err_and(|it| it.contains("blocked_ids")));
        assert!(command(arguments(), UNLINK, &rules).is_ok());
    }

    #[test]
    fn what_is_said_tells_how_far_the_order_has_come_and_what_to_do() {
        let cases = [
            (given(arguments(), LINK, Reached::Loaded), Exit::Done),
            (given(arguments(), UNLINK, Reached::Followed), Exit::Open),
            (given(users(), LINK, Reached::Ordered), Exit::Open),
            (Given { awaited: None, ..given(users(), UNLINK, Reached::Ordered) }, Exit::Done),
        ];
        for (given, exit) in &cases {
            assert_eq!(given.exit(), *exit, "{given:?}");
        }
        insta::assert_snapshot!(cases.each_ref().map(|(given, _)| given.in_words()).join("\n\n"));
    }
}
