//! Incremental models: one that rebuilds all that `changed_since` names, and one for each cause that
//! leaves it out.

use local_stack::Stack;
use warehouse::Warehouse;

use crate::changes::DATABASE;
use crate::{execute, number, texts};

/// Those that change what was there; `new` is heeded by all.
pub(crate) const CAUSES: [&str; 5] = ["late", "redriven", "superseded", "relinked", "erased"];
/// What the model says of a day and source.
const MODEL: &str = "SELECT toDate(timestamp) AS day, toString(source) AS source, known_person_id AS person, \
    count() AS orders, sum(amounts['revenue']) AS revenue FROM events_resolved";

/// A table for each model and run: the first heeds all causes, the others leave out one each.
pub(crate) struct Models {
    pub(crate) runs: usize,
    /// When they last began to run.
    ran_at: String,
    /// Which of the others have ever been wrong.
    pub(crate) wrong: [bool; CAUSES.len()],
}

impl Models {
    pub(crate) async fn build(stack: &Stack, warehouse: &Warehouse) -> Self {
        let ran_at = now(stack).await;
        while !warehouse.catch_up_persons(0).await.unwrap().is_empty() {}
        for model in 0..=CAUSES.len() {
            let all = format!(
                "CREATE TABLE model_{model}_0 ENGINE = MergeTree ORDER BY day \
                 AS {MODEL} GROUP BY day, source, person"
            );
            execute(stack, DATABASE, &all).await;
        }
        Self { runs: 0, ran_at, wrong: [false; CAUSES.len()] }
    }

    /// Rebuilds the days and sources that have changed since the last run.
    pub(crate) async fn run(&mut self, stack: &Stack, warehouse: &Warehouse) {
        let began_at = now(stack).await;
        while !warehouse.catch_up_persons(0).await.unwrap().is_empty() {}
        let (last, this) = (self.runs, self.runs + 1);
        let changed = format!(
            "CREATE TABLE changed_{this} ENGINE = MergeTree ORDER BY event_day \
             AS SELECT * FROM changed_since(since = '{}') SETTINGS join_use_nulls = {}",
            self.ran_at,
            this % 2
        );
        execute(stack, DATABASE, &changed).await;
        for model in 0..=CAUSES.len() {
            let without = model.checked_sub(1).map_or("", |it| CAUSES[it]);
            let heeded =
                format!("SELECT event_day, source FROM changed_{this} WHERE cause != '{without}'");
            let sql = format!(
                "CREATE TABLE model_{model}_{this} ENGINE = MergeTree ORDER BY day AS \
                 SELECT * FROM model_{model}_{last} WHERE (day, source) NOT IN ({heeded}) \
                 UNION ALL {MODEL} WHERE (toDate(timestamp), toString(source)) IN ({heeded}) \
                 GROUP BY day, source, person"
            );
            execute(stack, DATABASE, &sql).await;
        }
        (self.runs, self.ran_at) = (this, began_at);
    }

    /// Whether the models say what a full rebuild says.
    pub(crate) async fn judge(&mut self, stack: &Stack, happened: &str) {
        for model in 0..=CAUSES.len() {
            let (full, ours) = (
                format!("{MODEL} GROUP BY day, source, person"),
                format!("SELECT * FROM model_{model}_{}", self.runs),
            );
            let differ = format!(
                "SELECT count() FROM (SELECT * FROM (({full}) EXCEPT ({ours})) \
                 UNION ALL SELECT * FROM (({ours}) EXCEPT ({full})))"
            );
            let differ = number(stack, DATABASE, &differ).await > 0;
            match model.checked_sub(1) {
                None => assert!(!differ, "what is {happened} is not rebuilt"),
                Some(cause) => {
                    let is_its_own = CAUSES[cause] == happened;
                    assert!(
                        differ || !is_its_own,
                        "what is {happened} is told by another cause too"
                    );
                    self.wrong[cause] |= differ;
                }
            }
        }
    }
}

async fn now(stack: &Stack) -> String {
    texts(stack, DATABASE, "SELECT toString(now64(3))").await.remove(0)
}
