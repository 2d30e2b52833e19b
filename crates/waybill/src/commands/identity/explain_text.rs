//! An explanation, printed for people.

use std::fmt;

use super::{
    explain::{Answer, Asked, Explained},
    words::or_dash,
};
use crate::output;

/// Links that are printed: a device that is used every day has one for each minute of a visit. JSON
/// has all of them.
const SHOWN: usize = 200;

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(event) = &self.event {
            write_event(event, &self.person, f)?;
        }
        match &self.anonymous_id {
            Some(id) => writeln!(f, "anonymous id {id}: {}", self.person)?,
            None => writeln!(f, "{}", self.person)?,
        }
        if let Some(at) = &self.at {
            writeln!(f, "by what had been told until {at}")?;
        }
        self.write_intervals(f)?;
        self.write_links(f)?;
        self.write_aliases(f)
    }
}

fn write_event(event: &Asked, known: &Answer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Asked { origin, source, event_name, timestamp, .. } = event;
    writeln!(f, "event {origin}: {event_name} of {source} at {timestamp}")?;
    let flags = event.identity_flags.join(", ");
    if !flags.is_empty() {
        writeln!(f, "flags: {flags}")?;
    }
    let (then, basis) = (&event.emitted_person_id, &event.emitted_basis);
    if *then == known.person_id {
        return writeln!(f, "when it passed it was known to be the same person (by {basis})");
    }
    writeln!(f, "when it passed the person was {then} (by {basis})")
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user_id {
            Some(user) => write!(f, "user {user}, person {}", self.person_id)?,
            None => write!(f, "no user is known, person {}", self.person_id)?,
        }
        write!(f, " (by {}", self.basis)?;
        for (what, by) in [("linked", &self.link), ("merged", &self.alias)] {
            if let Some(by) = by {
                write!(f, "; {what} by {by}")?;
            }
        }
        f.write_str(")")
    }
}

impl Explained {
    fn write_intervals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.intervals.is_empty() {
            return Ok(());
        }
        let mut table = output::table(&["FROM", "UNTIL", "USER", "BEGAN WITH"]);
        for interval in &self.intervals {
            table.add_row([
                interval.from.clone().unwrap_or_else(|| "the beginning".to_owned()),
                interval.until.clone().unwrap_or_else(|| "now".to_owned()),
                interval.user_id.clone().unwrap_or_else(|| "nobody".to_owned()),
                interval.cause.clone(),
            ]);
        }
        writeln!(f, "\n{table}")
    }

    fn write_links(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.links.is_empty() {
            return Ok(());
        }
        let header = ["CAUSE", "TIME", "TOLD AT", "RULE", "", "USER", "VERDICT", "WHO", "WHY"];
        let mut table = output::table(&header);
        let left_out = self.links.len().saturating_sub(SHOWN);
        for link in &self.links[left_out..] {
            table.add_row([
                link.cause.clone(),
                link.event_time.clone(),
                link.told_at.clone(),
                link.rule.clone(),
                link.kind.clone(),
                link.user_id.clone(),
                link.verdict.to_owned(),
                or_dash(link.who.as_ref()),
                or_dash(link.why.as_ref()),
            ]);
        }
        if left_out > 0 {
            writeln!(f, "\nthe latest {SHOWN} causes; {left_out} earlier ones: see --json")?;
        }
        writeln!(f, "\n{table}")
    }

    fn write_aliases(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.aliases.is_empty() {
            return Ok(());
        }
        let header = [
            "CAUSE",
            "TIME",
            "TOLD AT",
            "RULE",
            "",
            "PREVIOUS ID",
            "USER",
            "VERDICT",
            "WHO",
            "WHY",
        ];
        let mut table = output::table(&header);
        for alias in &self.aliases {
            table.add_row([
                alias.cause.clone(),
                alias.event_time.clone(),
                alias.told_at.clone(),
                alias.rule.clone(),
                alias.kind.clone(),
                alias.previous_id.clone(),
                alias.user_id.clone(),
                alias.verdict.to_owned(),
                or_dash(alias.who.as_ref()),
                or_dash(alias.why.as_ref()),
            ]);
        }
        writeln!(f, "\n{table}")
    }
}
