//! Waiting for conditions, never for time.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

const ASK_EVERY: Duration = Duration::from_millis(50);

/// Asks until there is an answer. After `within` it is an error that names `what`.
pub fn until<T>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().with_context(|| format!("while waiting until {what}"))? {
            return Ok(answer);
        }
        if begun.elapsed() > within {
            bail!("waited {} s in vain until {what}", within.as_secs());
        }
        thread::sleep(ASK_EVERY);
    }
}
