//! Events and programs for tests.

use event::{EnrichmentFacts, EnrichmentRun, Event};
use transformation::{Stopped, TransformationSettings, Transformations};

/// An `Order Completed` of `web/shop` with these properties.
pub fn order(properties: &str) -> Event {
    Event {
        source: "web/shop".to_owned(),
        source_kind: "browser".to_owned(),
        environment: "production".to_owned(),
        kind: "track".to_owned(),
        message_id: "m-1".to_owned(),
        anonymous_id: Some("a-1".to_owned()),
        user_id: None,
        group_id: None,
        previous_id: None,
        event: Some("Order Completed".to_owned()),
        name: None,
        category: None,
        channel: None,
        timestamp: 1_795_428_930_000,
        original_timestamp: None,
        sent_at: None,
        received_at: 1_795_428_931_000,
        context: r#"{"page":{"url":"https://shop.example/cart"}}"#.to_owned(),
        properties: properties.to_owned(),
        traits: "{}".to_owned(),
        integrations: "{}".to_owned(),
        extra: "{}".to_owned(),
        request: None,
    }
}

/// Facts as enrich leaves them.
pub fn facts() -> EnrichmentFacts {
    let page = EnrichmentRun { name: "page".to_owned(), version: "1".to_owned() };
    EnrichmentFacts {
        applied: [page].into(),
        locale: Some("de-DE".to_owned()),
        ..EnrichmentFacts::default()
    }
}

/// Settings as a file would have them.
pub fn named(name: &str) -> TransformationSettings {
    toml::from_str(&format!("name = {name:?}")).unwrap()
}

/// What is wrong with a program, or the list with it alone.
pub fn compile(program: &str) -> Result<Transformations, Vec<String>> {
    Transformations::compile(&[(named("mine"), program.to_owned())])
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// What became of an event.
pub fn run(program: &str, event: &mut Event) -> Result<(), Stopped> {
    let all = compile(program).unwrap_or_else(|problems| panic!("{program}: {problems:?}"));
    all.apply(event, &mut facts(), &mut |_| false)
}

/// How a run that failed tells of it.
pub fn failure(program: &str, properties: &str) -> String {
    match run(program, &mut order(properties)) {
        Err(Stopped::Failed { detail }) => detail,
        other => panic!("{program}: {other:?}"),
    }
}
