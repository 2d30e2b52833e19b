//! Deleting from ClickHouse, with the ids that are known.

use std::time::Duration;

use warehouse::{DELETED_FROM, Place, Progress, TableCount, Warehouse};

use super::{
    letters::{self, Judge, Kept},
    person::Person,
};
use crate::output;

/// No rows of any table.
pub(super) fn nothing() -> Vec<TableCount> {
    DELETED_FROM.map(|table| TableCount { table, rows: 0 }).into()
}

/// Adds what was deleted to what was deleted before.
pub(super) fn add(counts: &mut [TableCount], more: Vec<TableCount>) {
    for more in more {
        if let Some(count) = counts.iter_mut().find(|it| it.table == more.table) {
            count.rows += more.rows;
        }
    }
}

/// One look at all tables.
pub(super) struct Pass<'a> {
    warehouse: &'a Warehouse,
    erasure: &'a str,
    person: &'a Person,
    judge: Option<Judge>,
    patience: Duration,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        warehouse: &'a Warehouse,
        erasure: &'a str,
        person: &'a Person,
        judge: Judge,
        patience: Duration,
    ) -> Self {
        Self { warehouse, erasure, person, judge: Some(judge), patience }
    }

    /// What there is. Discards and deliveries are found by the events that are deleted, and so not
    /// counted.
    pub(super) async fn count(mut self) -> anyhow::Result<Vec<TableCount>> {
        let letters = self.places(Kept::DeadLetters).await?.len();
        let [links, aliases] = self.link_places().await?;
        let mut counts = nothing();
        let rows = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let events = self.warehouse.events_of_person(&self.person.to_rows()).await?;
        add(
            &mut counts,
            vec![
                TableCount { table: "events", rows: events },
                TableCount { table: "dead_letters", rows: rows(letters) },
                TableCount { table: "identity_links", rows: rows(links.len()) },
                TableCount { table: "identity_aliases", rows: rows(aliases.len()) },
            ],
        );
        counts.retain(|it| !["discarded_events", "deliveries"].contains(&it.table));
        Ok(counts)
    }

    /// Deletes events, dead letters, discards and deliveries.
    pub(super) async fn events(mut self) -> anyhow::Result<Vec<TableCount>> {
        self.warehouse.catch_up(&DELETED_FROM).await?;
        let letters = self.places(Kept::DeadLetters).await?;
        let discards = self.places(Kept::Raw("discarded_events")).await?;
        let deliveries = self.places(Kept::Raw("deliveries")).await?;
        let mut tell = tell;
        let mut eraser = self.warehouse.eraser(self.erasure, self.patience, &mut tell);
        let person = self.person.to_rows();
        Ok(vec![
            TableCount { table: "events", rows: eraser.events(&person).await? },
            TableCount {
                table: "dead_letters",
                rows: eraser.rows("dead_letters", &letters).await?,
            },
            TableCount {
                table: "discarded_events",
                rows: eraser.rows("discarded_events", &discards).await? + eraser.discards().await?,
            },
            // Last: they are found by all that was noted.
            TableCount {
                table: "deliveries",
                rows: eraser.rows("deliveries", &deliveries).await? + eraser.deliveries().await?,
            },
        ])
    }

    /// Deletes links and merges.
    pub(super) async fn links(mut self) -> anyhow::Result<Vec<TableCount>> {
        self.warehouse.catch_up(&DELETED_FROM).await?;
        let [links, aliases] = self.link_places().await?;
        let mut tell = tell;
        let mut eraser = self.warehouse.eraser(self.erasure, self.patience, &mut tell);
        Ok(vec![
            TableCount {
                table: "identity_links",
                rows: eraser.rows("identity_links", &links).await?,
            },
            TableCount {
                table: "identity_aliases",
                rows: eraser.rows("identity_aliases", &aliases).await?,
            },
        ])
    }

    async fn link_places(&mut self) -> anyhow::Result<[Vec<Place>; 2]> {
        let [mut links, mut aliases] =
            self.warehouse.links_of_person(&self.person.to_rows()).await?;
        links.extend(self.places(Kept::Raw("identity_links")).await?);
        aliases.extend(self.places(Kept::Raw("identity_aliases")).await?);
        Ok([links, aliases])
    }

    async fn places(&mut self, kept: Kept) -> anyhow::Result<Vec<Place>> {
        letters::hers(kept, self.warehouse, &mut self.judge, self.person).await
    }
}

fn tell(Progress { table, parts_to_do }: Progress) {
    output::progress(&format!("{table}: {parts_to_do} parts are still to be written anew"));
}
