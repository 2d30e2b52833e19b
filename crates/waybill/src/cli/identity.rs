//! The command line of `waybill identity`.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use event::{Millis, Origin};

/// What to ask or order of identities.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Order that an anonymous id is a user's, or that two user ids are one person.
    #[command(
        after_help = "Counts from now on as an event does that says so, but no limit refuses it; and all that events said\nof the two ids counts again, if an unlink or a limit had set it aside. An unlink takes it back. Waits until identity-stitch has followed the order and ClickHouse has it;\nthe views show it within a minute. Exit codes: 0 done, 1 nothing was ordered, 2 ordered, but not\nfollowed within --wait (the order holds all the same), 64 an id or the reason is no good.\n\nExamples:\n  waybill identity link anon-7f3 user-42 --reason \"same phone, see ticket 311\"\n  waybill identity link --previous-id user-42 --user-id user-99 --reason \"two accounts, merged by support\""
    )]
    Link(PairArgs),
    /// Order that an anonymous id is not a user's, or that two user ids are two persons.
    #[command(
        after_help = "All that events said of the two ids is set aside, the past included, until a link takes the order\nback; nothing is deleted. Waits as link does.\n\nExamples:\n  waybill identity unlink anon-7f3 user-42 --reason \"a shared computer of the shop\"\n  waybill identity unlink --previous-id user-42 --user-id user-99 --reason \"merged by mistake\" --json"
    )]
    Unlink(PairArgs),
    /// A person: the ids, since when, how many events, sessions and groups.
    #[command(
        after_help = "Examples:\n  waybill identity show user-42\n  waybill identity show --anonymous-id anon-7f3 --json | jq -r .person.person_id"
    )]
    Show(ShowArgs),
    /// Why an anonymous id is whose it is: every cause in order, and what became of it.
    #[command(
        after_help = "A waybill number stands for the event of that number. With --at: who it was believed to be at that\nmoment, by what had been told until then.\n\nExamples:\n  waybill identity explain anon-7f3\n  waybill identity explain 0-3-18446\n  waybill identity explain anon-7f3 --at 2026-11-24T12:00:00Z --json"
    )]
    Explain(ExplainIdentityArgs),
}

/// Arguments of `identity link` and `unlink`.
#[derive(Debug, Args)]
pub struct PairArgs {
    /// The device or browser, as its events have it.
    #[arg(value_parser = id, required_unless_present = "previous_id", conflicts_with = "previous_id", requires = "of_user")]
    pub anonymous_id: Option<String>,
    /// The user, as events have her.
    #[arg(id = "of_user", value_name = "USER_ID", value_parser = id)]
    pub of_user: Option<String>,
    /// Instead of a device: the user id that is replaced.
    #[arg(long, value_name = "OLD", value_parser = id, requires = "user_id")]
    pub previous_id: Option<String>,
    /// With --previous-id: the user id that stands for both.
    #[arg(long, value_name = "NEW", value_parser = id, requires = "previous_id")]
    pub user_id: Option<String>,
    /// The reason, for whoever comes next.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// Who orders it; $USER at this host if absent.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub who: Option<String>,
    /// Seconds to wait until the order is followed and in ClickHouse.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, conflicts_with = "no_wait")]
    pub wait: u64,
    /// Do not wait.
    #[arg(long)]
    pub no_wait: bool,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Whether an id names a device or a user.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
pub struct WhichId {
    /// The id is an anonymous id.
    #[arg(long = "anonymous-id")]
    pub anonymous: bool,
    /// The id is a user id.
    #[arg(long = "user-id")]
    pub user: bool,
}

/// Arguments of `identity show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// An anonymous id or a user id.
    #[arg(value_parser = id)]
    pub id: String,
    /// Which of the two, where it could be either.
    #[command(flatten)]
    pub which: WhichId,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `identity explain`.
#[derive(Debug, Args)]
pub struct ExplainIdentityArgs {
    /// An anonymous id, or the waybill number of an event.
    #[arg(value_name = "ANONYMOUS_ID|ORIGIN", value_parser = id)]
    pub subject: String,
    /// Only what had been told until this moment: RFC 3339, such as 2026-11-24T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<Millis>,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

impl ExplainIdentityArgs {
    /// The subject as a waybill number, if it is one.
    pub fn origin(&self) -> Option<Origin> {
        self.subject.parse().ok()
    }
}

/// An id as the quality gate takes it: without the spaces around it, and no placeholder.
pub(super) fn id(text: &str) -> Result<String, String> {
    let id = text.trim();
    if id.is_empty() {
        return Err("an id is empty".to_owned());
    }
    if tracking_plan::is_placeholder(id) {
        return Err("this stands for no id: events that have it count as having none, so nothing \
                    can be linked to it"
            .to_owned());
    }
    Ok(id.to_owned())
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    let reason = text.trim();
    if reason.is_empty() {
        return Err("say why: whoever asks in a year what happened reads this".to_owned());
    }
    Ok(reason.to_owned())
}

fn moment(text: &str) -> Result<Millis, String> {
    let read: Result<jiff::Timestamp, _> = text.parse();
    read.map(jiff::Timestamp::as_millisecond)
        .map_err(|_| "write a moment such as 2026-11-24T12:00:00Z or …+01:00".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn pair(arguments: &str) -> Result<PairArgs, String> {
        let words = ["waybill", "identity", "link"].into_iter().chain(arguments.split(' '));
        match Cli::try_parse_from(words.map(|word| word.replace('_', " "))) {
            Ok(Cli { command: Command::Identity(IdentityCommand::Link(pair)), .. }) => Ok(pair),
            Ok(_) => panic!("another command"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn an_order_names_a_device_and_a_user_or_two_users_and_a_reason() {
        let device = pair("anon-1 _user-2_ --reason both").unwrap();
        assert_eq!(device.anonymous_id.as_deref(), Some("anon-1"));
        assert_eq!(device.of_user.as_deref(), Some("user-2"));
        assert_eq!((device.wait, device.no_wait), (60, false));
        let users = pair("--previous-id old --user-id new --reason both").unwrap();
        assert_eq!(users.previous_id.as_deref(), Some("old"));
        assert_eq!(users.user_id.as_deref(), Some("new"));
    }

    #[test]
    fn what_is_no_order_is_refused_with_what_is_wrong() {
        for (arguments, part) in [
            ("--reason r", "required"),
            ("anon-1 --reason r", "<USER_ID>"),
            ("anon-1 user-2", "--reason"),
            ("anon-1 user-2 --reason _", "say why"),
            ("_ user-2 --reason r", "an id is empty"),
            ("anon-1 null --reason r", "stands for no id"),
            ("00000000-0000-0000-0000-000000000000 user-2 --reason r", "stands for no id"),
            ("--previous-id old --reason r", "--user-id"),
            ("--user-id new --reason r", "--previous-id"),
            ("anon-1 user-2 --previous-id old --user-id new --reason r", "cannot be used with"),
            ("anon-1 user-2 --reason r --wait 5 --no-wait", "cannot be used with"),
        ] {
            let refused = pair(arguments);
            assert!(
                refused.as_ref().is_err_and(|it| it.contains(part)),
                "{arguments}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_moment_has_a_zone() {
        assert_eq!(moment("2001-09-09T01:46:40Z"), Ok(1_000_000_000_000));
        assert_eq!(moment("2001-09-09T03:46:40+02:00"), Ok(1_000_000_000_000));
        for text in ["", "yesterday", "2001-09-09", "2001-09-09T01:46:40"] {
            assert!(moment(text).is_err_and(|it| it.contains("2026-11-24T12:00:00Z")), "{text}");
        }
    }
}
