//! Which rows are a person's.

use event::Millis;
use serde::Deserialize;

use super::{ErasedPerson, Place};
use crate::{Warehouse, WarehouseError, question::Query};

/// Events that name the person by an id; and such without a user id that were taken for hers when
/// they passed, or that a device of several people sent while it was hers.
pub(super) const EVENTS: &str = "(has({users:Array(String)}, ifNull(user_id, '')) \
    OR has({devices:Array(String)}, ifNull(anonymous_id, '')) \
    OR has({users:Array(String)}, ifNull(previous_id, '')) \
    OR has({devices:Array(String)}, ifNull(previous_id, '')) \
    OR (ifNull(user_id, '') = '' AND (has({users:Array(String)}, ifNull(person_user_id, '')) \
    OR arrayExists((id, since, upto) -> ifNull(anonymous_id, '') = id \
    AND toUnixTimestamp64Milli(events.timestamp) >= since \
    AND toUnixTimestamp64Milli(events.timestamp) < upto, \
    {shared:Array(String)}, {since:Array(Int64)}, {upto:Array(Int64)}))))";
/// Links of the person's users or devices.
pub(super) const LINKS: &str =
    "(has({users:Array(String)}, user_id) OR has({devices:Array(String)}, anonymous_id))";
/// Merges of the person's ids.
pub(super) const ALIASES: &str = "(has({users:Array(String)}, user_id) \
    OR has({users:Array(String)}, previous_id) OR has({devices:Array(String)}, previous_id))";
/// Rows of a page.
const PAGE: u64 = 500;

/// A dead letter that may be the person's, or a row that could not be decoded: an id of hers stands
/// in it somewhere. Whether it is hers is for the caller to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRow {
    /// Where it comes from.
    pub place: Place,
    /// Topic of the rejected record; empty where it is no dead letter, or one that cannot be decoded.
    pub rejected_topic: String,
    /// Whether its key or a header is one of the ids.
    pub is_keyed: bool,
    /// The rejected value, or the row's record as a whole where that cannot be decoded.
    pub value: Vec<u8>,
}

#[derive(clickhouse::Row, Deserialize)]
struct Found {
    epoch: u16,
    topic: String,
    partition: i32,
    offset: i64,
    rejected_topic: String,
    is_keyed: u8,
    value: String,
}

impl Warehouse {
    /// A statement whose text and parameters stay out of ClickHouse's log of queries.
    pub(super) fn unlogged(&self, sql: &str) -> Query {
        self.statement(sql).with_setting("log_queries", "0").with_setting("final", "0")
    }

    /// A statement about the person's ids.
    pub(super) fn of_erased(&self, sql: &str, person: &ErasedPerson) -> Query {
        let spans = &person.spans;
        let shared: Vec<&str> = spans.iter().map(|span| span.anonymous_id.as_str()).collect();
        let since: Vec<Millis> = spans.iter().map(|it| it.from.unwrap_or(Millis::MIN)).collect();
        let upto: Vec<Millis> = spans.iter().map(|it| it.until.unwrap_or(Millis::MAX)).collect();
        self.unlogged(sql)
            .param("users", &person.users)
            .param("devices", &person.devices)
            .param("shared", shared)
            .param("since", since)
            .param("upto", upto)
    }

    /// How many events of the person there are.
    pub async fn events_of_person(&self, person: &ErasedPerson) -> Result<u64, WarehouseError> {
        let sql = format!("SELECT count() FROM events WHERE {EVENTS}");
        self.number(self.of_erased(&sql, person)).await
    }

    /// Where the rows of `identity_links` and `identity_aliases` come from that name the person.
    pub async fn links_of_person(
        &self,
        person: &ErasedPerson,
    ) -> Result<[Vec<Place>; 2], WarehouseError> {
        let links = self.places("identity_links", LINKS, person).await?;
        let aliases = self.places("identity_aliases", ALIASES, person).await?;
        Ok([links, aliases])
    }

    async fn places(
        &self,
        table: &str,
        condition: &str,
        person: &ErasedPerson,
    ) -> Result<Vec<Place>, WarehouseError> {
        let sql = format!("SELECT {PLACE} FROM {table} WHERE {condition}");
        self.rows(self.of_erased(&sql, person)).await
    }

    /// The dead letters in which one of these texts stands, behind `after`, in the order of their
    /// places; at most 500 of them. `keys` are the ids as such.
    pub async fn letters_naming(
        &self,
        keys: &[String],
        texts: &[String],
        after: Option<&Place>,
    ) -> Result<Vec<NamedRow>, WarehouseError> {
        let sql = format!(
            "SELECT {PLACE}, toString(rejected_topic) AS rejected_topic, \
             has({{keys:Array(String)}}, ifNull(key, '')) \
             OR hasAny({{keys:Array(String)}}, \
             arrayMap(it -> ifNull(it, ''), headers.value)) AS is_keyed, \
             hex(ifNull(value, ifNull(raw, ''))) AS value FROM dead_letters \
             WHERE (is_keyed OR arrayExists(it -> position(ifNull(dead_letters.value, \
             ifNull(raw, '')), it) > 0, {{texts:Array(String)}}))"
        );
        self.named(&sql, keys, texts, after).await
    }

    /// The rows of a side table that could not be decoded and in which one of these texts stands;
    /// paged as [`letters_naming`](Self::letters_naming) is. `table` is one of our own.
    pub async fn raw_naming(
        &self,
        table: &'static str,
        texts: &[String],
        after: Option<&Place>,
    ) -> Result<Vec<NamedRow>, WarehouseError> {
        let sql = format!(
            "SELECT {PLACE}, '' AS rejected_topic, toUInt8(0) AS is_keyed, \
             hex(ifNull(raw, '')) AS value FROM {table} \
             WHERE raw IS NOT NULL AND arrayExists(it -> position(ifNull(raw, ''), it) > 0, \
             {{texts:Array(String)}})"
        );
        self.named(&sql, &[], texts, after).await
    }

    async fn named(
        &self,
        sql: &str,
        keys: &[String],
        texts: &[String],
        after: Option<&Place>,
    ) -> Result<Vec<NamedRow>, WarehouseError> {
        let behind = "(epoch, topic, partition, offset) > ({epoch:UInt16}, {topic:String}, \
                      {partition:Int32}, {offset:Int64})";
        let order = format!(
            "ORDER BY epoch, topic, partition, offset LIMIT 1 BY epoch, topic, partition, offset LIMIT {PAGE}"
        );
        let sql = match after {
            Some(_) => format!("{sql} AND {behind} {order}"),
            None => format!("{sql} {order}"),
        };
        let mut query = self.unlogged(&sql).param("keys", keys).param("texts", texts);
        if let Some(after) = after {
            query = query
                .param("epoch", after.epoch)
                .param("topic", &after.topic)
                .param("partition", after.partition)
                .param("offset", after.offset);
        }
        let found: Vec<Found> = self.rows(query).await?;
        Ok(found.into_iter().map(NamedRow::from).collect())
    }

    pub(super) async fn number(&self, query: Query) -> Result<u64, WarehouseError> {
        let rows: Vec<u64> = self.rows(query).await?;
        let none = || WarehouseError::Unreadable("a count without a row".to_owned());
        rows.first().copied().ok_or_else(none)
    }
}

/// The columns of a [`Place`].
const PLACE: &str = "position_epoch AS epoch, toString(position_topic) AS topic, \
    position_partition AS partition, position_offset AS offset";

impl From<Found> for NamedRow {
    fn from(found: Found) -> Self {
        let Found { epoch, topic, partition, offset, rejected_topic, is_keyed, value } = found;
        let place = Place { epoch, topic, partition, offset };
        Self { place, rejected_topic, is_keyed: is_keyed != 0, value: unhex(&value) }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).filter_map(byte).collect()
}
