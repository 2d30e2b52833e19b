//! What an erasure says of itself.

use serde::Serialize;
use warehouse::TableCount;

use super::{person::Person, remains::Remains};
use crate::output;

/// How far an erasure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// Nothing was changed.
    DryRun,
    /// It has to be gone on with.
    Open,
    /// Nothing of the person is left in ClickHouse and in the state.
    Done,
}

/// What is, or would be, erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) state: State,
    /// Id of the erasure; `None` for a dry run of one that is new.
    pub(super) erasure: Option<String>,
    pub(super) ids: Person,
    /// Rows found (dry run) or deleted by table.
    pub(super) rows: Vec<TableCount>,
    /// What is waited for, where it is open.
    pub(super) waits_for: Option<String>,
    pub(super) remains: Vec<Remains>,
}

impl Report {
    pub(super) fn in_words(&self) -> String {
        let mut text = String::new();
        let mut line = |it: String| {
            text.push_str(&it);
            text.push('\n');
        };
        let erasure = self.erasure.as_deref().unwrap_or("new");
        line(match self.state {
            State::DryRun => format!("erasure {erasure}: nothing was changed"),
            State::Open => format!("erasure {erasure} is open: it has to be gone on with"),
            State::Done => format!("erasure {erasure} is done"),
        });
        for (what, ids) in [
            ("user ids", &self.ids.user_ids),
            ("anonymous ids", &self.ids.anonymous_ids),
            ("shared anonymous ids (only the person's time)", &self.ids.shared_anonymous_ids),
        ] {
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            if !ids.is_empty() {
                line(format!("{what}: {}", ids.join(", ")));
            }
        }
        if self.rows.iter().all(|it| it.rows == 0) {
            line(match self.state {
                State::DryRun => "ClickHouse has nothing of these ids, which is fine: what is on \
                                  its way, and the state of identity-stitch, are erased all the same"
                    .to_owned(),
                _ => "nothing was to be deleted from ClickHouse".to_owned(),
            });
        }
        let mut table = output::table(&["table", "rows"]);
        for count in &self.rows {
            table.add_row([count.table.to_owned(), count.rows.to_string()]);
        }
        line(format!("\n{table}"));
        if let Some(waits_for) = &self.waits_for {
            line(format!("\nwaits for: {waits_for}\nRun the same command again to go on."));
        }
        if self.state != State::Open {
            let mut table = output::table(&["remains in", "until", "what", "ends by"]);
            for it in &self.remains {
                let until = it.until.as_deref().unwrap_or("-");
                table.add_row([it.place.as_str(), until, it.what, it.ends]);
            }
            line(format!("\n{table}"));
        }
        text
    }
}
