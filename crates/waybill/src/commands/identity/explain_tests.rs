use event::{IdentityLink, Millis};
use identity::{LINK, MERGE, PersonId, RULE_COMMAND, Told, UNLINK, UNMERGE};

use super::{
    explain::{Asked, explained},
    told::{MINUTE, alias, known, link, ordered},
};

fn at(minute: Millis) -> Told<'static> {
    Told { anonymous_id: Some("anon"), time: minute * MINUTE, ..Told::default() }
}

fn verdicts(links: Vec<IdentityLink>) -> Vec<&'static str> {
    explained(&known(links, Vec::new()), at(100), None)
        .links
        .into_iter()
        .map(|link| link.verdict)
        .collect()
}

#[test]
fn each_cause_tells_whether_it_holds_and_if_not_why() {
    let blocked = IdentityLink {
        refused: Some("blocked-value".to_owned()),
        ..link(0, 0, "test", "identify")
    };
    let again = link(2, 3, "ann", "both-ids");
    let links = vec![
        blocked,
        link(1, 1, "ann", "identify"),
        link(2, 2, "ann", "both-ids"),
        again,
        link(3, 4, "bob", "identify"),
    ];
    let expected = ["blocked-value", "holds", "holds", "said-before", "too-many-users"];
    assert_eq!(verdicts(links), expected);
}

#[test]
fn an_order_holds_until_a_later_one_takes_it_back() {
    let first = link(1, 1, "ann", "identify");
    let unlink = ordered(5, 1, "ann", UNLINK);
    assert_eq!(verdicts(vec![first.clone(), unlink.clone()]), ["unlinked", "holds"]);
    let link = ordered(6, 2, "ann", LINK);
    assert_eq!(verdicts(vec![first, unlink, link]), ["holds", "taken-back", "holds"]);
}

#[test]
fn an_explanation_tells_the_chain_in_order_with_who_and_why() {
    let links = vec![
        link(1, 7, "old", "identify"),
        link(3, 9, "bob", "both-ids"),
        ordered(4, 2, "bob", LINK),
    ];
    let aliases = vec![
        alias(2, 8, MERGE, "alias"),
        alias(5, 3, UNMERGE, RULE_COMMAND),
        alias(6, 4, MERGE, RULE_COMMAND),
    ];
    let known = known(links, aliases);
    let event = Asked {
        origin: "0-3-6".to_owned(),
        source: "web/app".to_owned(),
        event_name: "Product Viewed".to_owned(),
        timestamp: "1970-01-01T00:00:30.000Z".to_owned(),
        user_id: None,
        identity_flags: Vec::new(),
        emitted_person_id: PersonId::of_anonymous("anon").to_string(),
        emitted_basis: "anonymous_id".to_owned(),
        emitted_user_id: None,
    };
    let early = explained(&known, at(0), Some(event));
    assert_eq!(early.person.user_id.as_deref(), Some("new"));
    let late = explained(&known, at(100), None);
    assert_eq!(late.person.user_id.as_deref(), Some("bob"));
    insta::assert_snapshot!(format!("{early}\n---\n{late}"));
    insta::assert_json_snapshot!(early);
}
