//! Who is who in SQL, beside the pure function that says what it ought to be.

use std::{fmt::Write as _, time::Duration};

use event::{IdentityAlias, IdentityLink, Millis, Origin};
use identity::{LINK, Limits, MERGE, RULE_COMMAND, Resolution, UNLINK, UNMERGE, resolve};
use local_stack::Stack;
use warehouse::{
    AliasRow, IdentityLimits, InsertAnswer, InsertRequest, LinkRow, Row, RowPosition, Undecodable,
    Warehouse,
};

use crate::{client, execute, loaded::APPENDED_AT, migrated, number, people::merge, texts};

const DATABASE: &str = "resolution";
const SETS: usize = 300;
const FEW: Limits = Limits { users_per_device: 2, devices_per_user: 2 };

pub(crate) async fn sql_knows_the_same_persons_as_the_pure_function(stack: &Stack) {
    let warehouse = migrated(stack, DATABASE).await;
    let limits =
        IdentityLimits { users_per_device: 2, devices_per_user: 2, ..IdentityLimits::default() };
    warehouse.keep_identity_limits(&limits).await.unwrap();
    let mut dice = Dice(7);
    let sets: Vec<Told> = (0..SETS).map(|set| told(set, &mut dice)).collect();
    let links: Vec<_> = sets.iter().flat_map(|set| set.links.clone()).collect();
    let aliases: Vec<_> = sets.iter().flat_map(|set| set.aliases.clone()).collect();
    load_links(&warehouse, 0, &links).await;
    load_aliases(&warehouse, 0, &aliases).await;

    load_garbage(&warehouse).await;

    let expected = resolve(&links, &aliases, FEW);
    for table in ["identity_links", "identity_aliases"] {
        let sql = format!(
            "SELECT count() FROM {table} WHERE raw = unhex('DEAD') AND kind = '' \
             AND cause_offset IS NULL AND appended_at IS NULL AND position_partition = 9"
        );
        assert_eq!(number(stack, DATABASE, &sql).await, 1, "{table}");
    }
    let intervals = told_of_devices(&expected);
    assert!(intervals.iter().any(|it| it.contains("nobody")), "no set reaches a limit");
    assert_eq!(sql_intervals(stack, "identity_intervals").await, intervals);
    let merges = told_of_users(&expected, &aliases);
    assert!(merges.len() > SETS / 2, "{} merges", merges.len());
    assert_eq!(sql_merges(stack, "identity_merges").await, merges);
    as_of_a_moment_only_what_was_appended_by_then_counts(stack, &links, &aliases).await;
    what_is_told_while_a_dictionary_is_made_is_missed_and_made_up_for(stack, &warehouse).await;
}

/// What cannot be decoded stands in the tables and says nothing.
async fn load_garbage(warehouse: &Warehouse) {
    let at = |topic| RowPosition { epoch: 0, topic, partition: 9, offset: 0 };
    let garbage = || Undecodable {
        stage: String::new(),
        reason: String::new(),
        waybill: None,
        timestamp: Some(APPENDED_AT),
        value: vec![0xde, 0xad],
    };
    load(warehouse, &[LinkRow::undecodable(at("identity-links"), garbage())], "garbage-links")
        .await;
    let alias = AliasRow::undecodable(at("identity-aliases"), garbage());
    load(warehouse, &[alias], "garbage-aliases").await;
}

async fn as_of_a_moment_only_what_was_appended_by_then_counts(
    stack: &Stack,
    links: &[IdentityLink],
    aliases: &[IdentityAlias],
) {
    let moment = APPENDED_AT + 20;
    let links: Vec<_> = links.iter().filter(|it| it.appended_at <= moment).cloned().collect();
    let aliases: Vec<_> = aliases.iter().filter(|it| it.appended_at <= moment).cloned().collect();
    let expected = resolve(&links, &aliases, FEW);
    let at = format!("(at = fromUnixTimestamp64Milli({moment}, 'UTC'))");
    let intervals = sql_intervals(stack, &format!("identity_as_of{at}")).await;
    assert_eq!(intervals, told_of_devices(&expected));
    let merges = sql_merges(stack, &format!("identity_merges_as_of{at}")).await;
    assert_eq!(merges, told_of_users(&expected, &aliases));
}

async fn what_is_told_while_a_dictionary_is_made_is_missed_and_made_up_for(
    stack: &Stack,
    warehouse: &Warehouse,
) {
    // That of the migrations, but slow.
    let slow = format!(
        "CREATE OR REPLACE DICTIONARY identity_users (user_id String, known_user_id String, cause String) \
         PRIMARY KEY user_id \
         SOURCE(CLICKHOUSE(QUERY 'SELECT user_id, known_user_id, cause FROM {DATABASE}.identity_merges \
         UNION ALL SELECT toString(sleep(3)), toString(0), toString(0)')) \
         LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)"
    );
    execute(stack, DATABASE, &slow).await;
    let late = async {
        // By then it has been read what there is.
        tokio::time::sleep(Duration::from_secs(1)).await;
        load_aliases(warehouse, 10_000, &[merge("late", "on-time")]).await;
    };
    tokio::join!(execute(stack, DATABASE, "SYSTEM RELOAD DICTIONARY identity_users"), late);
    assert!(!is_known(stack, "late").await, "it was not told meanwhile");
    assert_eq!(warehouse.catch_up_persons(0).await.unwrap(), ["identity_users"]);
    assert!(is_known(stack, "late").await);
    assert!(warehouse.catch_up_persons(0).await.unwrap().is_empty());
    one_that_cannot_be_made_does_not_keep_others_from_it(stack, warehouse).await;
}

async fn one_that_cannot_be_made_does_not_keep_others_from_it(
    stack: &Stack,
    warehouse: &Warehouse,
) {
    // It can be made until the next alias is told.
    let broken = format!(
        "CREATE OR REPLACE DICTIONARY identity_devices (anonymous_id String, user_id String) \
         PRIMARY KEY anonymous_id \
         SOURCE(CLICKHOUSE(QUERY 'SELECT toString(throwIf(count() > 0)), toString(0) \
         FROM {DATABASE}.identity_aliases WHERE position_offset = 10001')) \
         LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)"
    );
    let reload = "SYSTEM RELOAD DICTIONARY identity_devices";
    execute(stack, DATABASE, &broken).await;
    execute(stack, DATABASE, reload).await;
    load_aliases(warehouse, 10_001, &[merge("later", "on-time")]).await;
    assert!(client(stack, DATABASE).query_raw(reload).execute().await.is_err());
    // ClickHouse tells whole seconds, and what was begun in this one is left alone.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = warehouse.catch_up_persons(0).await.unwrap_err().to_string();
    assert!(refused.contains("FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"), "{refused}");
    assert!(is_known(stack, "later").await);
}

async fn is_known(stack: &Stack, user: &str) -> bool {
    let known = format!("SELECT toUInt64(dictHas('identity_users', '{user}'))");
    number(stack, DATABASE, &known).await == 1
}

pub(crate) async fn load_links(warehouse: &Warehouse, first: i64, links: &[IdentityLink]) {
    let at = |offset| RowPosition { epoch: 0, topic: "identity-links", partition: 0, offset };
    let rows = (first..).zip(links).map(|(offset, link)| LinkRow::new(at(offset), link.clone()));
    load(warehouse, &rows.collect::<Vec<_>>(), &format!("links-{first}")).await;
}

pub(crate) async fn load_aliases(warehouse: &Warehouse, first: i64, aliases: &[IdentityAlias]) {
    let at = |offset| RowPosition { epoch: 0, topic: "identity-aliases", partition: 0, offset };
    let rows = (first..).zip(aliases).map(|(offset, it)| AliasRow::new(at(offset), it.clone()));
    load(warehouse, &rows.collect::<Vec<_>>(), &format!("aliases-{first}")).await;
}

async fn load<R: Row>(warehouse: &Warehouse, rows: &[R], token: &str) {
    let insert = InsertRequest::new(rows, token.to_owned(), format!("{token}-1"));
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

/// What was told of a few devices and users that no other set knows.
struct Told {
    links: Vec<IdentityLink>,
    aliases: Vec<IdentityAlias>,
}

fn told(set: usize, dice: &mut Dice) -> Told {
    let (mut links, mut aliases) = (Vec::new(), Vec::new());
    for _ in 0..dice.below(14) {
        links.push(link(set, dice));
    }
    for _ in 0..dice.below(6) {
        aliases.extend(alias(set, dice));
    }
    Told { links, aliases }
}

/// Few minutes, so that candidates fall into one and onto one instant; orders have causes of their
/// own, as positions of another topic do.
fn link(set: usize, dice: &mut Dice) -> IdentityLink {
    let ordered = dice.below(5) == 0;
    let kind = if ordered && dice.below(2) == 0 { UNLINK } else { LINK };
    IdentityLink {
        kind: kind.to_owned(),
        anonymous_id: format!("{set}-d{}", dice.below(4)),
        user_id: format!("{set}-u{}", dice.below(4)),
        person_id: String::new(),
        rule: if ordered { RULE_COMMAND } else { ["identify", "alias"][dice.at(2)] }.to_owned(),
        cause: cause(dice),
        event_time: time(dice),
        appended_at: APPENDED_AT + dice.below(40),
        refused: (!ordered && dice.below(8) == 0)
            .then(|| ["blocked-value", "too-many-users"][dice.at(2)].to_owned()),
        who: None,
        why: None,
    }
}

fn alias(set: usize, dice: &mut Dice) -> Option<IdentityAlias> {
    let (previous, user) = (dice.below(5), dice.below(5));
    let ordered = dice.below(4) == 0;
    let kind = if ordered && dice.below(2) == 0 { UNMERGE } else { MERGE };
    (previous != user).then(|| IdentityAlias {
        kind: kind.to_owned(),
        previous_id: format!("{set}-u{previous}"),
        user_id: format!("{set}-u{user}"),
        rule: if ordered { RULE_COMMAND } else { "alias" }.to_owned(),
        cause: cause(dice),
        event_time: time(dice),
        appended_at: APPENDED_AT + dice.below(40),
        who: None,
        why: None,
    })
}

/// Hardly ever the same twice.
fn cause(dice: &mut Dice) -> Origin {
    let partition = i32::try_from(dice.below(3)).unwrap();
    Origin { epoch: 0, partition, offset: dice.below(1_000_000_000) }
}

fn time(dice: &mut Dice) -> Millis {
    APPENDED_AT + dice.below(8) * 20_000
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, most: i64) -> i64 {
        // Knuth's constants (MMIX).
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % most
    }

    pub(crate) fn at(&mut self, most: i64) -> usize {
        usize::try_from(self.below(most)).unwrap()
    }
}

/// Each change of whom a device belongs to: `device from user`, from the first on.
fn told_of_devices(resolution: &Resolution) -> Vec<String> {
    let mut lines = Vec::new();
    for (device, known) in &resolution.devices {
        let mut last = None;
        for interval in &known.intervals {
            let user = interval.user_id.as_deref().unwrap_or("nobody");
            if last.replace(user) == Some(user) {
                continue;
            }
            let mut line = format!("{device} ");
            match interval.from {
                Some(from) => write!(line, "{from} {user}").unwrap(),
                None => write!(line, "ever {user}").unwrap(),
            }
            lines.push(line);
        }
    }
    lines.sort();
    lines
}

async fn sql_intervals(stack: &Stack, view: &str) -> Vec<String> {
    // Where a first link is told at the instant of the second, its interval reaches back from there.
    let sql = format!(
        "SELECT line FROM
        (
            SELECT
                concat(anonymous_id, ' ', ifNull(toString(toUnixTimestamp64Milli(valid_from)), 'ever'), ' ', ifNull(user_id, 'nobody')) AS line,
                ifNull(user_id, 'nobody') AS whose,
                lagInFrame(toNullable(whose)) OVER (PARTITION BY anonymous_id ORDER BY ifNull(toUnixTimestamp64Milli(valid_from), -1) ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS before
            FROM {view}
        )
        WHERE before IS NULL OR before != whose
        ORDER BY line"
    );
    texts(stack, DATABASE, &sql).await
}

fn told_of_users(resolution: &Resolution, aliases: &[IdentityAlias]) -> Vec<String> {
    let ids = aliases.iter().flat_map(|it| [&it.previous_id, &it.user_id]);
    let ids: std::collections::BTreeSet<&String> = ids.collect();
    let known = ids.into_iter().filter_map(|id| Some((id, resolution.aliases.resolve(id)?)));
    let mut lines: Vec<_> =
        known.map(|(id, known)| format!("{id} {} {}", known.user_id, known.cause)).collect();
    lines.sort();
    lines
}

async fn sql_merges(stack: &Stack, view: &str) -> Vec<String> {
    let line = "concat(user_id, ' ', known_user_id, ' ', cause)";
    texts(stack, DATABASE, &format!("SELECT {line} AS line FROM {view} ORDER BY line")).await
}
