//! An incremental model that rebuilds what `changed_since` names, beside a full rebuild.
//!
//! What happens touches days of its own, so that nothing is rebuilt by the way. One model heeds every
//! cause, and for each cause another leaves it out: that one must go wrong.

use event::{
    BusinessKey, DeadLetter, IdentityAlias, IdentityFacts, IdentityLink, Millis, Origin,
    StitchedEvent, Waybill,
};
use identity::{LINK, MERGE, PersonId, RULE_COMMAND, UNLINK, UNMERGE};
use local_stack::Stack;
use warehouse::{
    DeadLetterRow, EventRow, InsertAnswer, InsertRequest, Row, RowPosition, Warehouse,
};

use crate::loaded::{dead_letter, row};
use crate::models::{CAUSES, Models};
use crate::resolution::{Dice, load_aliases, load_links};
use crate::{execute, migrated, number, texts};

pub(crate) const DATABASE: &str = "changes";
const DAY: Millis = 86_400_000;
const MINUTE: Millis = 60_000;
/// 2020-09-13: every event is of a day that is long over.
const BEGIN: Millis = 1_599_955_200_000;
/// What may happen, and which cause tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happening {
    Late,
    RedrivenToForward,
    RedrivenToValidate,
    Superseded,
    Linked,
    Unlinked,
    Merged,
    Unmerged,
    CrowdedOut,
    Erased,
    SupersedingErased,
}

impl Happening {
    const ALL: [Self; 11] = [
        Self::Late,
        Self::RedrivenToForward,
        Self::RedrivenToValidate,
        Self::Superseded,
        Self::Linked,
        Self::Unlinked,
        Self::Merged,
        Self::Unmerged,
        Self::CrowdedOut,
        Self::Erased,
        Self::SupersedingErased,
    ];

    const fn cause(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::RedrivenToForward | Self::RedrivenToValidate => "redriven",
            Self::Superseded => "superseded",
            Self::Erased | Self::SupersedingErased => "erased",
            _ => "relinked",
        }
    }

    /// The day that it changes, in days since the story begins.
    fn day(self) -> i64 {
        let place = Self::ALL.iter().position(|it| *it == self).unwrap();
        10 + i64::try_from(place).unwrap()
    }
}

pub(crate) async fn a_model_that_rebuilds_what_changed_equals_a_full_rebuild(stack: &Stack) {
    let warehouse = migrated(stack, DATABASE).await;
    // Erasures and the ageing of rows are mutations.
    for table in ["events", "identity_links", "identity_aliases", "erased_events", "erasures"] {
        execute(stack, DATABASE, &format!("SYSTEM START MERGES {table}")).await;
    }
    begin(stack, &warehouse).await;
    let mut models = Models::build(stack, &warehouse).await;
    nothing_is_to_be_rebuilt_where_nothing_changed(stack, &mut models, &warehouse).await;
    let mut left = Happening::ALL.to_vec();
    let mut dice = Dice(11);
    while !left.is_empty() {
        let happening = left.remove(dice.at(i64::try_from(left.len()).unwrap()));
        happen(stack, &warehouse, &mut models, happening).await;
        models.run(stack, &warehouse).await;
        is_told(stack, &models, happening).await;
        models.judge(stack, happening.cause()).await;
        age(stack).await;
    }
    assert_eq!(models.wrong, CAUSES.map(|_| true), "a cause that nobody needs: {CAUSES:?}");
    a_link_that_was_loaded_just_before_counts_too(stack, &warehouse).await;
}

fn origin(offset: i64) -> Origin {
    Origin { epoch: 0, partition: 3, offset }
}

/// An order of a device on a day.
fn order(offset: i64, day: i64, device: &str, change: impl FnOnce(&mut StitchedEvent)) -> EventRow {
    let mut row = row(offset);
    let at = BEGIN + day * DAY + MINUTE;
    row.waybill = Waybill { origin: origin(offset), appended_at: at };
    let it = &mut row.stitched;
    it.event.timestamp = at;
    it.event.anonymous_id = Some(device.to_owned());
    it.identity = IdentityFacts {
        person_id: PersonId::of_anonymous(device).to_string(),
        basis: "anonymous_id".to_owned(),
        ..IdentityFacts::default()
    };
    it.validation.business_key = None;
    change(it);
    row
}

fn of_user(user: &str) -> impl FnOnce(&mut StitchedEvent) {
    move |it| {
        it.event.anonymous_id = None;
        it.event.user_id = Some(user.to_owned());
    }
}

fn of_server(supersedes: i64) -> impl FnOnce(&mut StitchedEvent) {
    move |it| {
        "api".clone_into(&mut it.event.source);
        it.validation.business_key = Some(key());
        it.identity.supersedes = Some(origin(supersedes).to_string());
    }
}

fn key() -> BusinessKey {
    BusinessKey {
        key: "order-1".to_owned(),
        rank: 0,
        window_days: 7,
        on_repeat: "discard".to_owned(),
    }
}

fn link(device: &str, user: &str, minute: i64, kind: &str) -> IdentityLink {
    IdentityLink {
        kind: kind.to_owned(),
        anonymous_id: device.to_owned(),
        user_id: user.to_owned(),
        person_id: PersonId::of_user(user).to_string(),
        rule: if kind == UNLINK { RULE_COMMAND } else { "identify" }.to_owned(),
        cause: origin(minute),
        event_time: BEGIN + minute * MINUTE,
        appended_at: BEGIN,
        refused: None,
        who: None,
        why: None,
    }
}

fn merge(previous: &str, user: &str, kind: &str) -> IdentityAlias {
    IdentityAlias {
        kind: kind.to_owned(),
        previous_id: previous.to_owned(),
        user_id: user.to_owned(),
        rule: if kind == UNMERGE { RULE_COMMAND } else { "alias" }.to_owned(),
        cause: origin(1),
        event_time: BEGIN,
        appended_at: BEGIN,
        who: None,
        why: None,
    }
}

async fn load<R: Row>(warehouse: &Warehouse, rows: &[R], token: &str) {
    let insert = InsertRequest::new(rows, token.to_owned(), format!("{token}-1"));
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

/// What was there before the model ran for the first time.
async fn begin(stack: &Stack, warehouse: &Warehouse) {
    let limits = "INSERT INTO identity_settings VALUES (1, 10, 2, 30, 30, '2020-01-01 00:00:00')";
    execute(stack, DATABASE, limits).await;
    let day = Happening::day;
    let rows = vec![
        order(1, day(Happening::Late), "passer-by", |_| ()),
        order(2, day(Happening::Superseded), "buyer", |_| ()),
        order(3, day(Happening::Linked), "linked", |_| ()),
        order(4, day(Happening::Unlinked), "unlinked", |_| ()),
        order(5, day(Happening::Merged), "-", of_user("old-ann")),
        order(6, day(Happening::Merged), "phone of old-ann", |_| ()),
        order(7, day(Happening::Unmerged), "-", of_user("old-bob")),
        order(8, day(Happening::CrowdedOut), "crowd-2", |_| ()),
        order(9, day(Happening::Erased), "gone", |_| ()),
        order(10, day(Happening::SupersedingErased), "buyer", |it| {
            it.validation.business_key = Some(key());
        }),
        order(11, 40, "-", of_server(10)),
        order(12, 41, "bystander", |_| ()),
    ];
    load(warehouse, &rows, "begin").await;
    let died = |offset| DeadLetter { origin: Some(origin(offset)), ..dead_letter() };
    let at =
        |offset| RowPosition { epoch: 0, topic: "dead-letters.validate", partition: 1, offset };
    let letters = [21, 22].map(|offset| DeadLetterRow::new(at(offset), died(offset)));
    load(warehouse, &letters, "died").await;
    let links = [
        link("unlinked", "somebody", 1, LINK),
        link("phone of old-ann", "old-ann", 2, LINK),
        link("crowd-1", "crowd", 10, LINK),
        link("crowd-2", "crowd", 20, LINK),
    ];
    load_links(warehouse, 0, &links).await;
    load_aliases(warehouse, 0, &[merge("old-bob", "bob", MERGE)]).await;
    age(stack).await;
}

async fn happen(stack: &Stack, warehouse: &Warehouse, models: &mut Models, happening: Happening) {
    let day = happening.day();
    match happening {
        Happening::Late => load(warehouse, &[order(20, day, "passer-by", |_| ())], "late").await,
        Happening::RedrivenToForward => {
            let mut row = order(21, day, "redriven", |_| ());
            row.position.topic = "redrive.forward-clickhouse";
            load(warehouse, &[row], "to forward").await;
        }
        Happening::RedrivenToValidate => {
            load(warehouse, &[order(22, day, "redriven", |_| ())], "to validate").await;
        }
        Happening::Superseded => {
            load(warehouse, &[order(23, 42, "-", of_server(2))], "superseding").await;
        }
        Happening::Linked => {
            load_links(warehouse, 100, &[link("linked", "ann", 5, LINK)]).await;
        }
        Happening::Unlinked => {
            load_links(warehouse, 200, &[link("unlinked", "somebody", 9, UNLINK)]).await;
        }
        Happening::Merged => load_aliases(warehouse, 300, &[merge("old-ann", "ann", MERGE)]).await,
        Happening::Unmerged => {
            load_aliases(warehouse, 400, &[merge("old-bob", "bob", UNMERGE)]).await;
        }
        // It is the user's first device by event time, so the last one is one too many.
        Happening::CrowdedOut => {
            load_links(warehouse, 500, &[link("crowd-0", "crowd", 5, LINK)]).await;
        }
        Happening::Erased => erase(stack, warehouse, models, 9).await,
        Happening::SupersedingErased => erase(stack, warehouse, models, 11).await,
    }
}

/// The model runs, and the day passes, between the note and the deletion.
async fn erase(stack: &Stack, warehouse: &Warehouse, models: &mut Models, offset: i64) {
    let tell = async |state: &str| {
        let sql = format!(
            "INSERT INTO erasures VALUES ('{offset}', '{state}', now64(3), 'user', 'asked', map())"
        );
        execute(stack, DATABASE, &sql).await;
    };
    tell("begun").await;
    let note = format!(
        "INSERT INTO erased_events SELECT origin_epoch, origin_partition, origin_offset, appended_at, \
         source, event_name, toDate(timestamp), '{offset}', now64(3) FROM events \
         WHERE origin_offset = {offset}"
    );
    execute(stack, DATABASE, &note).await;
    models.run(stack, warehouse).await;
    age(stack).await;
    let delete = format!(
        "ALTER TABLE events DELETE WHERE origin_offset = {offset} SETTINGS mutations_sync = 2"
    );
    execute(stack, DATABASE, &delete).await;
    tell("done").await;
}

/// Everything that happened up to now happened a day ago.
async fn age(stack: &Stack) {
    for (table, column) in [
        ("events", "loaded_at"),
        ("identity_links", "loaded_at"),
        ("identity_aliases", "loaded_at"),
        ("erased_events", "erased_at"),
        ("erasures", "told_at"),
    ] {
        let sql = format!(
            "ALTER TABLE {table} UPDATE {column} = {column} - toIntervalDay(1) WHERE true \
             SETTINGS mutations_sync = 2"
        );
        execute(stack, DATABASE, &sql).await;
    }
}

/// The cause is told, and nothing of whom nothing happened to.
async fn is_told(stack: &Stack, models: &Models, happening: Happening) {
    let changed = format!(
        "SELECT concatWithSeparator(' ', dateDiff('day', toDate('2020-09-13'), event_day), source, cause, rows > 0, changed_at > '2026-01-01') \
         FROM changed_{}",
        models.runs
    );
    let changed = texts(stack, DATABASE, &changed).await;
    let expected = format!("{} web/app {} 1 1", happening.day(), happening.cause());
    assert!(changed.contains(&expected), "{happening:?}: {changed:?}");
    assert!(!changed.iter().any(|it| it.starts_with("41 ")), "a bystander: {changed:?}");
}

async fn nothing_is_to_be_rebuilt_where_nothing_changed(
    stack: &Stack,
    models: &mut Models,
    warehouse: &Warehouse,
) {
    models.run(stack, warehouse).await;
    let changed = format!("SELECT count() FROM changed_{}", models.runs);
    assert_eq!(number(stack, DATABASE, &changed).await, 0);
}

/// A row may be seen later than the time that it bears, and a link takes effect later.
async fn a_link_that_was_loaded_just_before_counts_too(stack: &Stack, warehouse: &Warehouse) {
    load_links(warehouse, 600, &[link("bystander", "eve", 1, LINK)]).await;
    for (minutes, expected) in [(9, 1), (11, 0)] {
        let sql = format!(
            "SELECT count() FROM changed_since(since = now64(3) + toIntervalMinute({minutes})) \
             WHERE cause = 'relinked'"
        );
        assert_eq!(number(stack, DATABASE, &sql).await, expected, "{minutes} minutes later");
    }
}
