//! Which dead letters are the person's: their columns do not say it, the bytes that they keep do.

use event::{EnrichedEvent, Event, RawEvent, StitchedEvent, ValidatedEvent};
use pipeline::{Halt, Rejected};
use schema_registry::{Decode as _, RawDecoder, Registry, TopicDecoder};
use topology::{Stage, Topic};
use warehouse::{NamedRow, Place, Warehouse};

use super::person::Person;
use crate::config::Config;

/// Decodes rejected values. Blocking: use it off the runtime's threads.
pub(super) struct Judge {
    raw: RawDecoder,
    validated: TopicDecoder,
    enriched: TopicDecoder,
    stitched: TopicDecoder,
}

/// The ids of a rejected event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ids {
    user: Option<String>,
    previous: Option<String>,
    device: Option<String>,
}

impl Judge {
    pub(super) fn new(config: &Config, registry: &Registry) -> Self {
        Self {
            raw: registry.raw_decoder(config.validate.raw_encodings),
            validated: registry.decoder(Topic::ValidatedEvents),
            enriched: registry.decoder(Topic::EnrichedEvents),
            stitched: registry.decoder(Topic::StitchedEvents),
        }
    }

    /// Whether the row is the person's. What cannot be decoded is hers if an id of hers stands in it
    /// as a text of its own: nobody else's is it for sure.
    fn is_hers(&mut self, row: &NamedRow, person: &Person) -> Result<bool, Halt> {
        if row.is_keyed {
            return Ok(true);
        }
        Ok(match self.ids(row)? {
            Ok(ids) => ids.name(person),
            Err(_) => all_ids(person).any(|id| stands_in(&row.value, id)),
        })
    }

    fn ids(&mut self, row: &NamedRow) -> Result<Result<Ids, Rejected>, Halt> {
        let of = |event: Event| Ids {
            user: event.user_id,
            previous: event.previous_id,
            device: event.anonymous_id,
        };
        let value = &row.value;
        Ok(match Topic::from_name(&row.rejected_topic).and_then(written_by) {
            Some(Topic::ValidatedEvents) => {
                self.validated.decode(value)?.map(|it: ValidatedEvent| of(it.event))
            }
            Some(Topic::EnrichedEvents) => {
                self.enriched.decode(value)?.map(|it: EnrichedEvent| of(it.event))
            }
            Some(Topic::StitchedEvents) => {
                self.stitched.decode(value)?.map(|it: StitchedEvent| of(it.event))
            }
            Some(Topic::RawEvents) => self.raw.decode(value)?.map(|it: RawEvent| Ids {
                user: it.user_id,
                previous: it.previous_id,
                device: it.anonymous_id,
            }),
            _ => Err(Rejected::new(pipeline::RejectReason::Undecodable, "of no topic of events")),
        })
    }
}

/// The topic whose schema the values of an input have.
fn written_by(topic: Topic) -> Option<Topic> {
    Stage::ALL.into_iter().find(|stage| stage.inputs().contains(&topic)).map(Stage::input)
}

impl Ids {
    /// As the suppression list does: a previous id may be either.
    fn name(&self, person: &Person) -> bool {
        let is_in = |ids: &std::collections::BTreeSet<String>, id: &Option<String>| {
            id.as_deref().is_some_and(|id| ids.contains(id.trim()))
        };
        is_in(&person.user_ids, &self.user)
            || is_in(&person.user_ids, &self.previous)
            || is_in(&person.anonymous_ids, &self.previous)
            || is_in(&person.anonymous_ids, &self.device)
    }
}

fn all_ids(person: &Person) -> impl Iterator<Item = &String> {
    person.user_ids.iter().chain(&person.anonymous_ids)
}

/// The ids, and how JSON writes them: one of these stands in all that names the person.
fn texts(person: &Person) -> Vec<String> {
    let mut texts: Vec<String> = all_ids(person).cloned().collect();
    texts.extend(all_ids(person).map(|id| in_json(id)));
    texts.sort();
    texts.dedup();
    texts
}

/// The text between the quotation marks.
fn in_json(id: &str) -> String {
    let quoted = serde_json::Value::from(id).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Whether the id stands there as Avro writes a text, its length in front, or as JSON does, within
/// quotation marks.
fn stands_in(value: &[u8], id: &str) -> bool {
    let avro = [length(id.len()), id.as_bytes().to_vec()].concat();
    let json = format!("\"{}\"", in_json(id)).into_bytes();
    [avro, json].iter().any(|text| value.windows(text.len()).any(|it| it == text.as_slice()))
}

/// A length as Avro writes it: zigzag, seven bits a byte, the least first.
fn length(bytes: usize) -> Vec<u8> {
    let mut rest = bytes as u64 * 2;
    let mut written = Vec::new();
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or_default();
        rest >>= 7;
        if rest == 0 {
            written.push(low);
            return written;
        }
        written.push(low | 0x80);
    }
}

/// A table that keeps what could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    DeadLetters,
    /// Of another side table: only what could not be decoded.
    Raw(&'static str),
}

impl Kept {
    async fn page(
        self,
        warehouse: &Warehouse,
        person: &Person,
        after: Option<&Place>,
    ) -> Result<Vec<NamedRow>, warehouse::WarehouseError> {
        let texts = texts(person);
        let keys: Vec<String> = all_ids(person).cloned().collect();
        match self {
            Self::DeadLetters => warehouse.letters_naming(&keys, &texts, after).await,
            Self::Raw(table) => warehouse.raw_naming(table, &texts, after).await,
        }
    }
}

/// Where the person's rows of the table come from.
pub(super) async fn hers(
    kept: Kept,
    warehouse: &Warehouse,
    judge: &mut Option<Judge>,
    person: &Person,
) -> anyhow::Result<Vec<Place>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = kept.page(warehouse, person, after.as_ref()).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.place.clone());
        let (mut asked, person) = (judge.take(), person.clone());
        let judged = tokio::task::spawn_blocking(move || {
            let mut hers = Vec::new();
            if let Some(judge) = &mut asked {
                for row in page {
                    if judge.is_hers(&row, &person)? {
                        hers.push(row.place);
                    }
                }
            }
            Ok::<_, Halt>((asked, hers))
        });
        let (back, hers) = judged.await?.map_err(|halt| {
            anyhow::anyhow!("whose the dead letters are is not known: {}", halt.detail)
        })?;
        *judge = back;
        found.extend(hers);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn person() -> Person {
        Person {
            user_ids: BTreeSet::from(["42".to_owned(), "a\"n\\n".to_owned()]),
            anonymous_ids: BTreeSet::from(["phone".to_owned()]),
            ..Person::default()
        }
    }

    #[test]
    fn an_event_is_hers_by_any_of_its_ids_and_not_by_one_of_another_kind() {
        let some = |id: &str| Some(id.to_owned());
        let none = Ids::default();
        assert!(Ids { user: some(" 42 "), ..none.clone() }.name(&person()));
        assert!(Ids { previous: some("phone"), ..none.clone() }.name(&person()));
        assert!(Ids { device: some("phone"), user: some("x"), ..none.clone() }.name(&person()));
        assert!(!Ids { device: some("42"), user: some("phone"), ..none.clone() }.name(&person()));
        assert!(!none.name(&person()));
    }

    #[test]
    fn an_id_stands_in_bytes_as_a_text_of_its_own_or_not_at_all() {
        assert!(stands_in(b"\x00\x0442\x00", "42"));
        assert!(stands_in(br#"{"userId":"42"}"#, "42"));
        assert!(stands_in(br#"{"userId":"a\"n\\n"}"#, "a\"n\\n"));
        for other in [&b"\x00\x06421\x00"[..], br#"{"n":42}"#, br#"{"n":"142"}"#, b""] {
            assert!(!stands_in(other, "42"), "{other:?}");
        }
        let long = "x".repeat(100);
        let avro = [vec![0xc8, 0x01], long.clone().into_bytes()].concat();
        assert!(stands_in(&avro, &long));
    }

    #[test]
    fn a_dead_letter_is_read_by_the_schema_of_its_stage() {
        for stage in Stage::ALL {
            assert_eq!(written_by(stage.redrive()), Some(stage.input()));
        }
        assert_eq!(written_by(Topic::DiscardedEvents), None);
    }
}
