//! What can be set, each by a variable of the environment.

use std::time::Duration;

use anyhow::{Context as _, ensure};

/// Events per request.
pub(crate) const PER_BATCH: u64 = 100;

/// How much is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Events per second, `LOAD_RATE`.
    pub(crate) rate: u64,
    /// Length of the measured time, `LOAD_SECONDS`.
    pub(crate) seconds: u64,
    /// Seconds of traffic before, `LOAD_WARM_UP`: caches fill, and Java compiles, which takes the broker a
    /// third of a core in its first minute or two.
    pub(crate) warm_up: u64,
    /// Whether the figures are printed as JSON too, `JSON`.
    pub(crate) json: bool,
}

impl Settings {
    pub(crate) fn from(variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut settings = Self { rate: 3_000, seconds: 120, warm_up: 60, json: false };
        for (name, value) in variables {
            match name.as_str() {
                "LOAD_RATE" => settings.rate = number(&name, &value)?,
                "LOAD_SECONDS" => settings.seconds = number(&name, &value)?,
                "LOAD_WARM_UP" => settings.warm_up = number(&name, &value)?,
                "JSON" => settings.json = !matches!(value.as_str(), "" | "0"),
                _ => {}
            }
        }
        let Self { rate, seconds, warm_up, .. } = settings;
        ensure!((PER_BATCH..=100_000).contains(&rate), "LOAD_RATE: {PER_BATCH} to 100000");
        ensure!((1..=3_600).contains(&seconds), "LOAD_SECONDS: 1 to 3600");
        ensure!((1..=3_600).contains(&warm_up), "LOAD_WARM_UP: 1 to 3600");
        Ok(settings)
    }

    /// What the 99th percentile of accepted to queryable may be.
    pub(crate) fn queryable_within(&self) -> Duration {
        Duration::from_millis(if self.rate <= 1_000 { 1_500 } else { 3_000 })
    }
}

fn number(name: &str, value: &str) -> anyhow::Result<u64> {
    value.parse().with_context(|| format!("{name} is no number: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::from(variables.iter().map(owned))
    }

    #[test]
    fn what_is_not_set_is_the_goal() {
        let goal = Settings { rate: 3_000, seconds: 120, warm_up: 60, json: false };
        assert_eq!(given(&[("PATH", "/bin")]).unwrap(), goal);
    }

    #[test]
    fn less_traffic_is_to_be_there_sooner() {
        let within = |rate| given(&[("LOAD_RATE", rate)]).unwrap().queryable_within().as_millis();
        assert_eq!([within("1000"), within("1001")], [1_500, 3_000]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (name, value) in [
            ("LOAD_RATE", "fast"),
            ("LOAD_RATE", "1"),
            ("LOAD_SECONDS", "0"),
            ("LOAD_WARM_UP", "0"),
        ] {
            assert!(given(&[(name, value)]).unwrap_err().to_string().contains(name));
        }
    }
}
