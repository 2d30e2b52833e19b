//! What is known of who is who: candidate links, merges of users, and orders about both, as
//! identity-stitch told them.

use std::collections::BTreeSet;

use event::{IdentityAlias, IdentityLink, Millis, Origin};
use serde::Deserialize;

use crate::{Warehouse, WarehouseError};

/// A row of `identity_links`. Times are milliseconds UTC.
#[derive(Debug, Clone, clickhouse::Row, Deserialize)]
struct LinkRow {
    kind: String,
    anonymous_id: String,
    user_id: String,
    person_id: String,
    rule: String,
    cause_epoch: u16,
    cause_partition: i32,
    cause_offset: i64,
    event_time: Millis,
    appended_at: Millis,
    refused: Option<String>,
    who: Option<String>,
    why: Option<String>,
}

/// A row of `identity_aliases`. Times are milliseconds UTC.
#[derive(Debug, Clone, clickhouse::Row, Deserialize)]
struct AliasRow {
    kind: String,
    previous_id: String,
    user_id: String,
    rule: String,
    cause_epoch: u16,
    cause_partition: i32,
    cause_offset: i64,
    event_time: Millis,
    appended_at: Millis,
    who: Option<String>,
    why: Option<String>,
}

/// The ids of whom links are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinksOf<'a> {
    /// Of these anonymous ids.
    Devices(&'a [String]),
    /// Of these user ids.
    Users(&'a [String]),
}

/// Most links that are read for [`IDS_AT_ONCE`] ids.
const MOST_LINKS: usize = 1_000_000;
/// Ids of one IN list: ClickHouse parses 256 KiB of a query.
const IDS_AT_ONCE: usize = 500;
/// How often merges are followed from one id to the next; chains are short.
const MOST_HOPS: usize = 100;

impl Warehouse {
    /// Candidate links and orders about links, each once, by event time and cause.
    pub async fn links(&self, of: LinksOf<'_>) -> Result<Vec<IdentityLink>, WarehouseError> {
        let (sql, ids) = match of {
            LinksOf::Devices(ids) => (link_sql("anonymous_id IN ?"), ids),
            LinksOf::Users(ids) => (link_sql("user_id IN ?"), ids),
        };
        let mut rows: Vec<LinkRow> = Vec::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            rows.extend(self.rows::<LinkRow>(self.question(&sql).bind(ids)).await?);
        }
        let mut links: Vec<IdentityLink> = rows.into_iter().map(IdentityLink::from).collect();
        links.sort_by_key(|link| (link.event_time, link.cause));
        Ok(links)
    }

    /// Every merge of users, and order about merges, that has to do with these ids directly or
    /// through others; by event time and cause.
    pub async fn aliases(&self, users: &[String]) -> Result<Vec<IdentityAlias>, WarehouseError> {
        const SQL: &str = "SELECT DISTINCT toString(kind) AS kind, previous_id, user_id, \
            toString(rule) AS rule, assumeNotNull(identity_aliases.cause_epoch) AS cause_epoch, \
            assumeNotNull(identity_aliases.cause_partition) AS cause_partition, \
            assumeNotNull(identity_aliases.cause_offset) AS cause_offset, \
            toUnixTimestamp64Milli(identity_aliases.event_time) AS event_time, \
            toUnixTimestamp64Milli(assumeNotNull(identity_aliases.appended_at)) AS appended_at, \
            who, why FROM identity_aliases \
            WHERE raw IS NULL AND (previous_id IN ? OR user_id IN ?)";
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut next: Vec<String> = users.to_vec();
        let mut aliases: Vec<IdentityAlias> = Vec::new();
        for _ in 0..MOST_HOPS {
            next.retain(|id| known.insert(id.clone()));
            if next.is_empty() {
                break;
            }
            let mut found = BTreeSet::new();
            for ids in next.chunks(IDS_AT_ONCE) {
                let rows: Vec<AliasRow> = self.rows(self.question(SQL).bind(ids).bind(ids)).await?;
                for alias in rows.into_iter().map(IdentityAlias::from) {
                    found.insert(alias.previous_id.clone());
                    found.insert(alias.user_id.clone());
                    if !aliases.contains(&alias) {
                        aliases.push(alias);
                    }
                }
            }
            next = found.into_iter().collect();
        }
        aliases.sort_by_key(|alias| (alias.event_time, alias.cause));
        Ok(aliases)
    }

    /// Whether what identity-stitch made of an order about a device and a user is there.
    /// `order` is its position in `identity-commands`.
    pub async fn has_link_order(&self, order: Origin) -> Result<bool, WarehouseError> {
        self.has_order("identity_links", order).await
    }

    /// [`has_link_order`](Self::has_link_order), of an order about two users.
    pub async fn has_alias_order(&self, order: Origin) -> Result<bool, WarehouseError> {
        self.has_order("identity_aliases", order).await
    }

    async fn has_order(&self, table: &str, order: Origin) -> Result<bool, WarehouseError> {
        // The table is one of our own constants.
        let sql = format!(
            "SELECT count() FROM {table} WHERE rule = 'command' \
             AND cause_epoch = ? AND cause_partition = ? AND cause_offset = ?"
        );
        let query = self.question(&sql).bind(order.epoch).bind(order.partition).bind(order.offset);
        let counts: Vec<u64> = self.rows(query).await?;
        Ok(counts.iter().any(|count| *count > 0))
    }
}

fn link_sql(condition: &str) -> String {
    format!(
        "SELECT DISTINCT toString(kind) AS kind, anonymous_id, user_id, person_id, \
         toString(rule) AS rule, assumeNotNull(identity_links.cause_epoch) AS cause_epoch, \
         assumeNotNull(identity_links.cause_partition) AS cause_partition, \
         assumeNotNull(identity_links.cause_offset) AS cause_offset, \
         toUnixTimestamp64Milli(identity_links.event_time) AS event_time, \
         toUnixTimestamp64Milli(assumeNotNull(identity_links.appended_at)) AS appended_at, \
         CAST(identity_links.refused, 'Nullable(String)') AS refused, who, why \
         FROM identity_links WHERE raw IS NULL AND {condition} \
         ORDER BY event_time, cause_epoch, cause_partition, cause_offset LIMIT {MOST_LINKS}"
    )
}

impl From<LinkRow> for IdentityLink {
    fn from(row: LinkRow) -> Self {
        Self {
            kind: row.kind,
            anonymous_id: row.anonymous_id,
            user_id: row.user_id,
            person_id: row.person_id,
            rule: row.rule,
            cause: Origin {
                epoch: row.cause_epoch,
                partition: row.cause_partition,
                offset: row.cause_offset,
            },
            event_time: row.event_time,
            appended_at: row.appended_at,
            refused: row.refused,
            who: row.who,
            why: row.why,
        }
    }
}

impl From<AliasRow> for IdentityAlias {
    fn from(row: AliasRow) -> Self {
        Self {
            kind: row.kind,
            previous_id: row.previous_id,
            user_id: row.user_id,
            rule: row.rule,
            cause: Origin {
                epoch: row.cause_epoch,
                partition: row.cause_partition,
                offset: row.cause_offset,
            },
            event_time: row.event_time,
            appended_at: row.appended_at,
            who: row.who,
            why: row.why,
        }
    }
}
