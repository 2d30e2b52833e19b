//! Where the events of a sample come from.

use std::{num::TryFromIntError, time::Duration};

use event::{Millis, Origin, RawEvent};
use pipeline::Verdict;
use schema_registry::Registry;
use tokio::runtime::Handle;
use tracking_plan::{Source, SourceCatalog, clean};
use warehouse::{StoredEvent, Warehouse};

use super::{super::Unusable, chosen::Chosen};
use crate::{
    cli::{GatherArgs, Since, Store},
    commands::{
        raw_events::{Next, RawEvents, Seen},
        times::{now, utc_millis},
    },
    config::Config,
    output,
};

const DAY: Duration = Duration::from_hours(24);

/// An event and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands::plan) struct Sampled {
    pub(in crate::commands::plan) origin: Origin,
    pub(in crate::commands::plan) appended_at: Millis,
    pub(in crate::commands::plan) event: RawEvent,
}

/// The source of this id; an error that names those that there are.
pub(in crate::commands::plan) fn known<'a>(
    catalog: &'a SourceCatalog,
    id: &str,
) -> Result<&'a Source, Unusable> {
    catalog.source(id).ok_or_else(|| {
        let known: Vec<&str> = catalog.sources().map(|source| source.id.as_str()).collect();
        let known = if known.is_empty() {
            "the configuration file has none under [sources]".to_owned()
        } else {
            format!("there are: {}", known.join(", "))
        };
        Unusable(format!("there is no source {id:?}; {known}"))
    })
}

/// The events that the arguments ask for, in the order of their numbers. What validate discards (for
/// want of consent, or on the suppression list) is not among them: it is not to be kept.
pub(in crate::commands::plan) async fn gather(
    arguments: &GatherArgs,
    config: Config,
    catalog: SourceCatalog,
) -> anyhow::Result<Vec<Sampled>> {
    let span = DAY.saturating_mul(arguments.days.into());
    match arguments.from {
        Store::Clickhouse => stored(arguments, &config, span, &catalog).await,
        Store::Kafka => {
            let registry = Registry::new(&config.registry, Handle::current())?;
            let arguments = arguments.clone();
            let reading = move || sent(&arguments, &config, &registry, Since::Ago(span), &catalog);
            tokio::task::spawn_blocking(reading).await?
        }
    }
}

fn is_kept(event: &RawEvent, appended_at: Millis, catalog: &SourceCatalog) -> bool {
    !matches!(clean(event.clone(), appended_at, catalog), Verdict::Discard(_))
}

async fn stored(
    arguments: &GatherArgs,
    config: &Config,
    span: Duration,
    catalog: &SourceCatalog,
) -> anyhow::Result<Vec<Sampled>> {
    let warehouse = Warehouse::new(&config.warehouse)?;
    let since = now().saturating_sub(millis(span)?).max(0);
    let rows = warehouse.sample(&arguments.source, since, arguments.events).await?;
    let all = rows.into_iter().map(as_sent);
    Ok(all.filter(|one| is_kept(&one.event, one.appended_at, catalog)).collect())
}

fn millis(span: Duration) -> Result<Millis, TryFromIntError> {
    Millis::try_from(span.as_millis())
}

/// A stored event as its sender told it. The time that it happened at is left to be corrected again.
fn as_sent(stored: StoredEvent) -> Sampled {
    let origin = Origin {
        epoch: stored.origin_epoch,
        partition: stored.origin_partition,
        offset: stored.origin_offset,
    };
    // Only a track event must have a name, and others may have their type's.
    let named = stored.kind == "track" || stored.event_name != stored.kind;
    let event = RawEvent {
        source: Some(stored.source),
        message_id: Some(stored.message_id),
        anonymous_id: stored.anonymous_id,
        user_id: stored.user_id,
        group_id: stored.group_id,
        previous_id: stored.previous_id,
        event: named.then_some(stored.event_name),
        kind: Some(stored.kind),
        name: stored.name,
        category: stored.category,
        channel: stored.channel,
        timestamp: None,
        original_timestamp: stored.original_timestamp.map(utc_millis),
        sent_at: stored.sent_at.map(utc_millis),
        received_at: Some(utc_millis(stored.received_at)),
        batch_latest_timestamp: None,
        context: Some(stored.context),
        properties: Some(stored.properties),
        traits: Some(stored.traits),
        integrations: Some(stored.integrations),
        extra: Some(stored.extra),
        malformed: None,
        request: None,
    };
    Sampled { origin, appended_at: stored.appended_at, event }
}

fn sent(
    arguments: &GatherArgs,
    config: &Config,
    registry: &Registry,
    since: Since,
    catalog: &SourceCatalog,
) -> anyhow::Result<Vec<Sampled>> {
    let mut events = RawEvents::open(config, registry, Some(since), true)?;
    let mut chosen = Chosen::new(usize::try_from(arguments.events)?);
    loop {
        match events.next()? {
            Next::End => break,
            Next::Nothing => {}
            Next::Record(seen) => {
                let Seen { origin, appended_at, event } = *seen;
                // Bytes that are no event are of no source.
                let Ok(event) = event else { continue };
                let source = event.source.as_deref().map(str::trim);
                if source == Some(arguments.source.as_str())
                    && is_kept(&event, appended_at, catalog)
                {
                    chosen.offer(Sampled { origin, appended_at, event });
                }
            }
        }
    }
    told(&chosen, arguments.events, events.expired());
    Ok(chosen.finish())
}

fn told(chosen: &Chosen, asked: u32, expired: i64) {
    if usize::try_from(asked).is_ok_and(|asked| chosen.of_each_name() < asked) {
        let kept = chosen.of_each_name();
        output::progress(&format!("{kept} of each name at most: more would take too much memory"));
    }
    if chosen.unnamed() > 0 {
        let unnamed = chosen.unnamed();
        output::progress(&format!("there are too many names: {unnamed} events were left aside"));
    }
    if expired > 0 {
        output::progress(&format!("{expired} events left the log before they were read"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(kind: &str, name: &str) -> StoredEvent {
        StoredEvent {
            origin_epoch: 1,
            origin_partition: 2,
            origin_offset: 3,
            appended_at: 5,
            source: "web/app".to_owned(),
            kind: kind.to_owned(),
            event_name: name.to_owned(),
            message_id: "m".to_owned(),
            anonymous_id: None,
            user_id: Some("u".to_owned()),
            group_id: None,
            previous_id: None,
            name: None,
            category: None,
            channel: None,
            original_timestamp: None,
            sent_at: Some(1_000_000_000_042),
            received_at: 1_000_000_000_043,
            context: "{}".to_owned(),
            properties: "{\"a\":1}".to_owned(),
            traits: "{}".to_owned(),
            integrations: "{}".to_owned(),
            extra: "{}".to_owned(),
        }
    }

    #[test]
    fn a_stored_event_is_told_as_its_sender_would() {
        let sampled = as_sent(stored("track", "Order Completed"));
        assert_eq!(sampled.origin, Origin { epoch: 1, partition: 2, offset: 3 });
        assert_eq!(sampled.event.event.as_deref(), Some("Order Completed"));
        assert_eq!(sampled.event.sent_at.as_deref(), Some("2001-09-09T01:46:40.042Z"));
        assert_eq!((sampled.event.timestamp, sampled.event.original_timestamp), (None, None));
        assert_eq!(sampled.event.properties.as_deref(), Some("{\"a\":1}"));
    }

    #[test]
    fn the_name_of_a_type_is_no_name_but_for_a_track_event() {
        for (kind, name, expected) in [
            ("page", "page", None),
            ("page", "Home", Some("Home")),
            ("track", "track", Some("track")),
        ] {
            assert_eq!(
                as_sent(stored(kind, name)).event.event.as_deref(),
                expected,
                "{kind} {name}"
            );
        }
    }

    #[test]
    fn a_source_that_is_not_there_is_refused_with_those_that_are() {
        let configs = [("web/app", "browser"), ("server/crm", "server")].map(|(id, kind)| {
            let config = format!(r#"{{"kind": "{kind}", "write_keys": ["{id}"]}}"#);
            (id.to_owned(), serde_json::from_str(&config).unwrap())
        });
        let catalog = SourceCatalog::new(configs.into()).unwrap();
        assert_eq!(known(&catalog, "web/app").unwrap().id, "web/app");
        let refused = known(&catalog, "web/ap").unwrap_err().to_string();
        assert_eq!(refused, "there is no source \"web/ap\"; there are: server/crm, web/app");
        let none = known(&SourceCatalog::default(), "x").unwrap_err().to_string();
        assert!(none.ends_with("has none under [sources]"), "{none}");
    }
}
