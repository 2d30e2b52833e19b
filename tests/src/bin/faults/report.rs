//! The table, row by row as they come.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fault::Fault;

/// What came of a fault.
#[derive(Debug)]
pub(crate) struct Outcome {
    name: String,
    sign: &'static str,
    /// How often it fired.
    pub(crate) fired: u64,
    /// What else is told of it, line by line.
    pub(crate) told: Vec<String>,
    /// Messages that were acknowledged while it ran.
    pub(crate) acknowledged: u64,
    /// Origins without a fate at some stage.
    pub(crate) lost: usize,
    /// Origins with more than one, or that nobody sent.
    pub(crate) duplicated: usize,
    /// What the auditor says.
    pub(crate) verdict: String,
    /// From the first event to the verdict.
    pub(crate) took: Duration,
    problems: Vec<String>,
}

impl Outcome {
    pub(crate) fn of(fault: &Fault) -> Self {
        Self {
            name: fault.name.clone(),
            sign: fault.sign,
            fired: 0,
            told: Vec::new(),
            acknowledged: 0,
            lost: 0,
            duplicated: 0,
            verdict: "none".to_owned(),
            took: Duration::ZERO,
            problems: Vec::new(),
        }
    }

    /// Notes something that is not as it should be.
    pub(crate) fn problem(&mut self, what: String) {
        self.problems.push(what);
    }

    /// A fault that did not fire has proved nothing.
    pub(crate) fn failed(&self) -> bool {
        self.fired == 0 || !self.problems.is_empty()
    }

    fn row(&self) -> String {
        let fired = format!("{} {}", self.fired, self.sign);
        format!(
            "{:<4} {:<64} {fired:<26} {:>6} {:>5} {:>6} {:<11} {:>5.0}",
            if self.failed() { "FAIL" } else { "ok" },
            self.name,
            self.acknowledged,
            self.lost,
            self.duplicated,
            self.verdict,
            self.took.as_secs_f64()
        )
    }

    fn json(&self) -> Value {
        json!({
            "fault": self.name,
            "sign": self.sign,
            "fired": self.fired,
            "told": self.told,
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "auditor": self.verdict,
            "seconds": self.took.as_secs(),
            "problems": self.problems,
        })
    }
}

/// All rows so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    pub(crate) fn begin() -> Self {
        let (fault, fired, acknowledged) = ("fault", "fired", "acked");
        println!(
            "\n     {fault:<64} {fired:<26} {acknowledged:>6} {:>5} {:>6} {:<11} {:>5}",
            "lost", "double", "auditor", "s"
        );
        Self::default()
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        println!("{}", outcome.row());
        for problem in outcome.told.iter().chain(&outcome.problems) {
            println!("       {problem}");
        }
        self.outcomes.push(outcome);
    }

    pub(crate) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    pub(crate) fn end(&self, as_json: bool) {
        let sum = |of: fn(&Outcome) -> u64| self.outcomes.iter().map(of).sum::<u64>();
        let failed = self.outcomes.iter().filter(|outcome| outcome.failed()).count();
        println!(
            "\n{} faults, {failed} failed: fired {} times, {} acknowledged, {} lost, {} double",
            self.outcomes.len(),
            sum(|outcome| outcome.fired),
            sum(|outcome| outcome.acknowledged),
            sum(|outcome| outcome.lost as u64),
            sum(|outcome| outcome.duplicated as u64),
        );
        if as_json {
            let rows: Vec<Value> = self.outcomes.iter().map(Outcome::json).collect();
            println!("{}", Value::from(rows));
        }
    }
}
