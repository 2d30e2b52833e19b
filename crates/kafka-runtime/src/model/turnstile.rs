//! One process of the model is a thread that only moves when it is told to, by so many operations:
//! a strict baton, so that a schedule plays the same every time.

use std::{
    cell::Cell,
    panic::resume_unwind,
    sync::mpsc::{Receiver, Sender, channel},
};

/// Killed at an operation: the stack unwinds and nothing else of the process runs.
pub(super) struct Killed;

enum Grant {
    Operations(u32),
    Die,
}

/// What a process tells when it stands still.
#[derive(Debug)]
pub(super) enum Report {
    /// Its operations are used up.
    Paused,
    /// It has come to its end, with this if it panicked.
    Ended(Option<String>),
}

/// The side of the process.
pub(super) struct Turnstile {
    grants: Receiver<Grant>,
    reports: Sender<Report>,
    left: Cell<u32>,
}

/// The side of whoever plays the schedule.
pub(super) struct Baton {
    grants: Sender<Grant>,
    reports: Receiver<Report>,
}

pub(super) fn turnstile() -> (Baton, Turnstile) {
    let ((to_process, grants), (reports, from_process)) = (channel(), channel());
    let baton = Baton { grants: to_process, reports: from_process };
    (baton, Turnstile { grants, reports, left: Cell::new(0) })
}

impl Turnstile {
    /// Waits for the first grant.
    pub(super) fn start(&self) {
        self.wait();
    }

    /// Before every operation.
    pub(super) fn pass(&self) {
        if self.left.get() == 0 {
            let _gone_with_the_test = self.reports.send(Report::Paused);
            self.wait();
        }
        self.left.set(self.left.get() - 1);
    }

    fn wait(&self) {
        match self.grants.recv() {
            Ok(Grant::Operations(count)) => self.left.set(count),
            Ok(Grant::Die) | Err(_) => resume_unwind(Box::new(Killed)),
        }
    }

    pub(super) fn end(&self, panic: Option<String>) {
        let _gone_with_the_test = self.reports.send(Report::Ended(panic));
    }
}

impl Baton {
    /// Lets the process do so many operations.
    pub(super) fn grant(&self, operations: u32) -> Report {
        self.ask(Grant::Operations(operations.max(1)))
    }

    /// Kills the process where it stands.
    pub(super) fn kill(&self) -> Report {
        self.ask(Grant::Die)
    }

    fn ask(&self, grant: Grant) -> Report {
        if self.grants.send(grant).is_err() {
            return Report::Ended(None);
        }
        self.reports.recv().unwrap_or(Report::Ended(None))
    }
}
