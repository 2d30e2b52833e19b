//! A person, printed for people.

use std::fmt;

use super::{
    show::{Device, Profile},
    words::or_dash,
};
use crate::output;

/// Devices that are printed; JSON has all of them.
const SHOWN: usize = 50;

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user_id {
            Some(user) => writeln!(f, "person {}, user {user}", self.person_id)?,
            None => writeln!(f, "person {}: no user is known", self.person_id)?,
        }
        match (&self.first_seen, &self.last_seen) {
            (Some(first), Some(last)) => writeln!(
                f,
                "{} events in {} sessions, from {first} to {last}",
                self.events, self.sessions
            )?,
            _ => writeln!(f, "no events")?,
        }
        if self.user_ids.len() > 1 {
            writeln!(f, "user ids: {}", self.user_ids.join(", "))?;
        }
        self.write_merges(f)?;
        self.write_devices(f)?;
        self.write_groups(f)
    }
}

impl Profile {
    fn write_merges(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.merges.is_empty() {
            return Ok(());
        }
        let mut table = output::table(&["PREVIOUS ID", "USER ID", "CAUSE", "WHO", "WHY"]);
        for merge in &self.merges {
            table.add_row([
                merge.previous_id.clone(),
                merge.user_id.clone(),
                merge.cause.clone(),
                or_dash(merge.who.as_ref()),
                or_dash(merge.why.as_ref()),
            ]);
        }
        writeln!(f, "\n{table}")
    }

    fn write_devices(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.devices.is_empty() {
            return Ok(());
        }
        let mut table = output::table(&["ANONYMOUS ID", "FROM", "UNTIL", "CAUSE"]);
        for device in self.devices.iter().take(SHOWN) {
            for row in rows(device) {
                table.add_row(row);
            }
        }
        writeln!(f, "\n{table}")?;
        match self.devices.len().checked_sub(SHOWN) {
            Some(more @ 1..) => writeln!(f, "and {more} more: see --json"),
            _ => Ok(()),
        }
    }

    fn write_groups(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.groups.is_empty() {
            return Ok(());
        }
        let mut table = output::table(&["GROUP", "EVENTS", "FIRST SEEN", "LAST SEEN"]);
        for group in &self.groups {
            table.add_row([
                group.group_id.clone(),
                group.events.to_string(),
                group.first_seen.clone(),
                group.last_seen.clone(),
            ]);
        }
        writeln!(f, "\n{table}")
    }
}

fn rows(device: &Device) -> Vec<[String; 4]> {
    let id = || device.anonymous_id.clone();
    if device.times.is_empty() {
        let why = device.refused.map_or_else(String::new, |reason| format!("refused: {reason}"));
        return vec![[id(), "-".to_owned(), "-".to_owned(), why]];
    }
    let row = |span: &super::show::Span| {
        let from = span.from.clone().unwrap_or_else(|| "the beginning".to_owned());
        let until = span.until.clone().unwrap_or_else(|| "now".to_owned());
        [id(), from, until, span.cause.clone()]
    };
    device.times.iter().map(row).collect()
}
