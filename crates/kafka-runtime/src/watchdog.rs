//! Ends the process when a client does not let itself be closed.
//!
//! librdkafka's close can hang (rust-rdkafka issues 453 and 509). Ending the process is safe by
//! design: what is not committed comes again.

use std::{
    process,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(10);

/// Runs work that closes clients; the process ends with 1 if it takes longer than 10 s.
pub(crate) fn guarded<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let name = what.to_owned();
    let end = move || {
        tracing::error!("{name} took longer than {LIMIT:?}: ending the process");
        process::exit(1);
    };
    guarded_by(LIMIT, end, work)
}

fn guarded_by<T>(
    limit: Duration,
    end: impl FnOnce() + Send + 'static,
    work: impl FnOnce() -> T,
) -> T {
    let (done, ended) = mpsc::channel::<()>();
    let watching = thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            end();
        }
    });
    if let Err(error) = watching {
        tracing::warn!("closing without a watchdog: {error}");
    }
    let result = work();
    drop(done);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_ends_in_time_is_left_in_peace_and_work_that_hangs_is_ended() {
        let (told, ended) = mpsc::channel();
        let quick = told.clone();
        let limit = Duration::from_mins(1);
        assert_eq!(guarded_by(limit, move || quick.send("quick").unwrap(), || 7), 7);
        let hanging = move || told.send("hanging").unwrap();
        let said = guarded_by(Duration::from_millis(1), hanging, || ended.recv().unwrap());
        assert_eq!(said, "hanging");
    }
}
