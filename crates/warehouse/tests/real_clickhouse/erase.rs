//! One person is erased, and nobody else.

use std::time::Duration;

use event::{DeadLetter, IdentityAlias, IdentityLink, Origin, StitchedEvent};
use identity::{LINK, MERGE, PersonId};
use local_stack::Stack;
use warehouse::{
    DeadLetterRow, DeviceSpan, DiscardRow, ErasedPerson, ErasureRecord, ErasureState, EventRow,
    InsertAnswer, InsertRequest, RowPosition, TableCount, Warehouse,
};

use crate::loaded::{APPENDED_AT, dead_letter, row};
use crate::resolution::{load_aliases, load_links};
use crate::{deliveries, execute, migrated, number, texts};

const DATABASE: &str = "erased";
const PATIENCE: Duration = Duration::from_mins(1);
/// Hers, with all that a pattern or a text could take for something else.
const ANN: &str = r"an'n\%_ \n{x:String}";
const OLD: &str = "old-ann";
const PHONE: &str = r"ph'one\";
const SHOP: &str = "shop";
/// Others', that a pattern of her ids would match.
const OTHERS: [&str; 3] = [r"an'n\%_ \nx{x:String}", "an'n", "an%"];

fn person() -> ErasedPerson {
    let span = |from, until| DeviceSpan {
        anonymous_id: SHOP.to_owned(),
        from: Some(APPENDED_AT + from),
        until: Some(APPENDED_AT + until),
    };
    ErasedPerson {
        users: vec![ANN.to_owned(), OLD.to_owned()],
        devices: vec![PHONE.to_owned()],
        spans: vec![span(10, 20), span(30, 40)],
    }
}

pub(crate) async fn one_person_is_erased_and_nobody_else(stack: &Stack) {
    let warehouse = migrated(stack, DATABASE).await;
    let others = others();
    load(&warehouse, "others", &others).await;
    let untouched = fingerprint(stack).await;
    load(&warehouse, "hers", &hers()).await;
    load_links(&warehouse, 0, &[link(PHONE, ANN, 1), link(SHOP, "v", 2), link(SHOP, OLD, 3)]).await;
    load_aliases(&warehouse, 0, &[merge(OLD, ANN), merge("a", "b")]).await;
    load_rejected(&warehouse).await;
    deliveries::load(&warehouse, "deliveries", [1_100, 1_010].map(deliveries::delivered)).await;
    execute(stack, DATABASE, "SYSTEM START MERGES").await;
    execute(stack, DATABASE, "SYSTEM RELOAD DICTIONARY identity_devices").await;

    let person = person();
    assert_eq!(warehouse.events_of_person(&person).await.unwrap(), 8);
    let [links, aliases] = warehouse.links_of_person(&person).await.unwrap();
    assert_eq!((links.len(), aliases.len()), (2, 1));
    let ids = [ANN.to_owned(), OLD.to_owned(), PHONE.to_owned()];
    let letters = warehouse.letters_naming(&ids, &ids, None).await.unwrap();
    // By its key, and by what its value holds; that value is no text.
    let found: Vec<_> = letters.iter().map(|it| (it.place.offset, it.is_keyed)).collect();
    assert_eq!(found, [(1, true), (2, false)]);
    assert_eq!(letters[1].value, [b"\x00\xff", ANN.as_bytes()].concat());
    let behind = warehouse.letters_naming(&ids, &ids, Some(&letters[0].place)).await.unwrap();
    assert_eq!(behind, letters[1..]);

    let erasure = "1c1b8d0e-6c1e-4e0c-8f0e-0a7a5d9f3b11";
    note(&warehouse, erasure, ErasureState::Begun, &[]).await;
    assert_eq!(warehouse.erasure_state(erasure).await.unwrap(), Some(ErasureState::Begun));
    let mut told = Vec::new();
    let mut tell = |progress| told.push(progress);
    let mut eraser = warehouse.eraser(erasure, PATIENCE, &mut tell);
    let places: Vec<_> = letters.iter().map(|it| it.place.clone()).collect();
    assert_eq!(eraser.rows("dead_letters", &places).await.unwrap(), 2);
    assert_eq!(eraser.events(&person).await.unwrap(), 8);
    assert_eq!(eraser.discards().await.unwrap(), 1);
    assert_eq!(eraser.deliveries().await.unwrap(), 1);
    assert_eq!(eraser.rows("identity_links", &links).await.unwrap(), 2);
    assert_eq!(eraser.rows("identity_aliases", &aliases).await.unwrap(), 1);
    assert_eq!(eraser.events(&person).await.unwrap(), 0, "twice is as once");
    warehouse.forget_persons().await.unwrap();
    let counts = [TableCount { table: "events", rows: 8 }];
    note(&warehouse, erasure, ErasureState::Done, &counts).await;
    assert_eq!(warehouse.erasure_state(erasure).await.unwrap(), Some(ErasureState::Done));
    assert_eq!(warehouse.erasure_state("another").await.unwrap(), None);

    assert_eq!(fingerprint(stack).await, untouched, "others' rows, byte for byte");
    let left = "SELECT count() FROM discarded_events";
    assert_eq!(number(stack, DATABASE, left).await, 1);
    let left = "SELECT toString(assumeNotNull(origin_offset)) FROM deliveries";
    assert_eq!(texts(stack, DATABASE, left).await, ["1010"]);
    let links = "SELECT concat(anonymous_id, ' ', user_id) FROM identity_links";
    assert_eq!(texts(stack, DATABASE, links).await, ["shop v"]);
    let users = "SELECT dictGetOrDefault('identity_users', 'known_user_id', tuple('old-ann'), '')";
    assert_eq!(texts(stack, DATABASE, users).await, [""]);
    // Eight events, a dead letter (the other's number is an event's) and the discard of a repeat.
    let noted =
        "SELECT uniqExact(origin_epoch, origin_partition, origin_offset) FROM erased_events";
    assert_eq!(number(stack, DATABASE, noted).await, 10);
    let days = "SELECT count() FROM erased_events WHERE event_day = '2026-11-18' AND source != ''";
    assert!(number(stack, DATABASE, days).await >= 9);
    let reason = "SELECT reason FROM erasures WHERE state = 'done' AND counts['events'] = 8";
    assert_eq!(texts(stack, DATABASE, reason).await, [r"ticket '7' \n %"]);
    nothing_names_her(stack).await;
}

async fn note(warehouse: &Warehouse, erasure: &str, state: ErasureState, counts: &[TableCount]) {
    let reason = r"ticket '7' \n %";
    let record = ErasureRecord { erasure, state, id_kind: "user", reason, counts };
    warehouse.record_erasure(&record).await.unwrap();
}

/// Neither a table of ours nor what ClickHouse keeps of mutations and queries.
async fn nothing_names_her(stack: &Stack) {
    let columns = texts(
        stack,
        DATABASE,
        "SELECT concat(table, ' ', name) FROM system.columns WHERE database = currentDatabase() \
         AND type LIKE '%String%' AND table IN (SELECT name FROM system.tables \
         WHERE database = currentDatabase() AND engine LIKE '%MergeTree')",
    )
    .await;
    assert!(columns.len() > 80, "{}", columns.len());
    for column in columns {
        let (table, name) = column.split_once(' ').unwrap();
        let sql = format!(
            "SELECT count() FROM {table} WHERE position(toString(`{name}`), 'old-ann') > 0"
        );
        assert_eq!(number(stack, DATABASE, &sql).await, 0, "{column}");
    }
    let mutations = "SELECT count() FROM system.mutations WHERE command LIKE '%old-ann%'";
    assert_eq!(number(stack, DATABASE, mutations).await, 0);
}

async fn fingerprint(stack: &Stack) -> Vec<String> {
    let others = "SELECT toString(tuple(*)) FROM events WHERE origin_offset < 1100 \
                  ORDER BY origin_offset";
    texts(stack, DATABASE, others).await
}

fn event(offset: i64, user: Option<&str>, device: Option<&str>) -> EventRow {
    changed(offset, user, device, |_| {})
}

fn changed(
    offset: i64,
    user: Option<&str>,
    device: Option<&str>,
    change: impl FnOnce(&mut StitchedEvent),
) -> EventRow {
    let mut row = row(offset);
    let it = &mut row.stitched;
    it.event.user_id = user.map(str::to_owned);
    it.event.anonymous_id = device.map(str::to_owned);
    it.event.timestamp = APPENDED_AT;
    it.identity = event::IdentityFacts {
        person_id: PersonId::of_anonymous("x").to_string(),
        basis: "anonymous_id".to_owned(),
        ..event::IdentityFacts::default()
    };
    change(it);
    row
}

/// Events of a device of several people at a time; milliseconds.
fn shop(offset: i64, at: i64, user: Option<&str>) -> EventRow {
    changed(offset, user, Some(SHOP), |it| it.event.timestamp = APPENDED_AT + at)
}

fn others() -> Vec<EventRow> {
    let mut rows: Vec<EventRow> =
        (0..).zip(OTHERS).map(|(offset, id)| event(offset, Some(id), Some(id))).collect();
    rows.extend([
        event(10, None, None),
        event(11, Some(PHONE), Some(ANN)),
        shop(12, 9, None),
        shop(13, 20, None),
        shop(14, 15, Some("v")),
    ]);
    rows
}

fn hers() -> Vec<EventRow> {
    vec![
        event(100, Some(ANN), None),
        event(101, Some(OLD), Some("unknown")),
        event(102, None, Some(PHONE)),
        event(103, Some("demo"), Some(PHONE)),
        shop(104, 10, None),
        shop(105, 39, None),
        changed(106, Some("v"), None, |it| it.event.previous_id = Some(OLD.to_owned())),
        changed(107, None, Some("unlinked"), |it| it.identity.user_id = Some(ANN.to_owned())),
    ]
}

async fn load(warehouse: &Warehouse, token: &str, rows: &[EventRow]) {
    let insert = InsertRequest::new(rows, token.to_owned(), format!("{token}-1"));
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

async fn load_rejected(warehouse: &Warehouse) {
    let at = |topic, offset| RowPosition { epoch: 0, topic, partition: 1, offset };
    let letter = |offset, change: &dyn Fn(&mut DeadLetter)| {
        let mut letter = dead_letter();
        letter.origin = Some(Origin { epoch: 0, partition: 3, offset: 2_000 + offset });
        change(&mut letter);
        DeadLetterRow::new(at("dead-letters.validate", offset), letter)
    };
    let hers = [b"\x00\xff", ANN.as_bytes()].concat();
    let letters = [
        letter(1, &|it| it.key = Some(PHONE.as_bytes().to_vec())),
        letter(2, &|it| {
            it.value = Some(hers.clone());
            it.origin = Some(Origin { epoch: 0, partition: 3, offset: 1_100 });
        }),
        letter(3, &|it| it.value = Some(OTHERS[0].as_bytes().to_vec())),
    ];
    let insert = InsertRequest::new(&letters, "letters".to_owned(), "letters-1".to_owned());
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
    let discard = |offset: i64, first: i64| {
        let discard = event::DiscardedEvent {
            stage: "identity-stitch".to_owned(),
            reason: "repeat".to_owned(),
            detail: String::new(),
            origin: Origin { epoch: 0, partition: 3, offset: 3_000 + offset },
            appended_at: APPENDED_AT,
            first: Some(Origin { epoch: 0, partition: 3, offset: first }),
            discarded_at: APPENDED_AT,
            source: Some("web/app".to_owned()),
            event: None,
            message_id: None,
            environment: None,
        };
        DiscardRow::new(at("discarded-events", offset), discard)
    };
    let discards = [discard(1, 1_100), discard(2, 1_000)];
    let insert = InsertRequest::new(&discards, "discards".to_owned(), "discards-1".to_owned());
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

fn link(device: &str, user: &str, offset: i64) -> IdentityLink {
    IdentityLink {
        kind: LINK.to_owned(),
        anonymous_id: device.to_owned(),
        user_id: user.to_owned(),
        person_id: PersonId::of_user(user).to_string(),
        rule: "identify".to_owned(),
        cause: Origin { epoch: 0, partition: 3, offset },
        event_time: APPENDED_AT,
        appended_at: APPENDED_AT,
        refused: None,
        who: None,
        why: None,
    }
}

fn merge(previous: &str, user: &str) -> IdentityAlias {
    IdentityAlias {
        kind: MERGE.to_owned(),
        previous_id: previous.to_owned(),
        user_id: user.to_owned(),
        rule: "alias".to_owned(),
        cause: Origin { epoch: 0, partition: 3, offset: 9 },
        event_time: APPENDED_AT,
        appended_at: APPENDED_AT,
        who: None,
        why: None,
    }
}
