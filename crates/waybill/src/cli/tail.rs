//! The command line of `waybill tail`.

use std::{num::NonZeroU64, time::Duration};

use clap::Args;

use crate::outcome::Outcome;

/// Arguments of `tail`.
#[derive(Debug, Clone, Default, Args)]
pub struct TailArgs {
    /// Of this source only.
    #[arg(long, value_name = "ID")]
    pub source: Option<String>,
    /// Of this name only; the type's name for events that are no track.
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,
    /// With these verdicts only, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "VERDICT")]
    pub verdict: Vec<Outcome>,
    /// From where: a span such as 90s, 10m, 6h or 2d before now, or `beginning`. If absent only what
    /// comes from now on; with --until-end from the beginning.
    #[arg(long, value_parser = since, value_name = "SPAN")]
    pub since: Option<Since>,
    /// End with what is there now, instead of waiting for more.
    #[arg(long)]
    pub until_end: bool,
    /// End after so many events were shown.
    #[arg(long, value_name = "N")]
    pub limit: Option<NonZeroU64>,
    /// Print each event as a line of JSON; without properties, traits and context, as ever.
    #[arg(long)]
    pub json: bool,
}

/// From where a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// From its first record.
    Beginning,
    /// From so long before now.
    Ago(Duration),
}

fn since(text: &str) -> Result<Since, String> {
    if text == "beginning" {
        return Ok(Since::Beginning);
    }
    let span = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        Some(Since::Ago(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?)))
    };
    span().ok_or_else(|| "write a span such as 90s, 10m, 6h or 2d, or `beginning`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let ago = |seconds| Ok(Since::Ago(Duration::from_secs(seconds)));
        for (text, expected) in [
            ("beginning", Ok(Since::Beginning)),
            ("90s", ago(90)),
            ("10m", ago(600)),
            ("6h", ago(21_600)),
            ("2d", ago(172_800)),
        ] {
            assert_eq!(since(text), expected, "{text}");
        }
        for text in ["", "m", "10", "-1m", "10 m", "1w", "10ü", "99999999999999999999d"] {
            assert!(since(text).is_err_and(|it| it.contains("10m")), "{text}");
        }
    }
}
