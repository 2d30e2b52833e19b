//! What a session can hand down: page, referrer, campaign, device and locale of its first events.

use event::{EnrichmentFacts, Inheritable, Inherited, Origin, Text};

/// A longer value is not remembered.
const LONGEST_VALUE: usize = 1_024;

/// Facts that are told, and inherited, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Page,
    Referrer,
    Campaign,
    Locale,
    Timezone,
    Device,
}

/// Every group with the beginnings of the places in `context` that a plan names for it.
const GROUPS: [(Group, &[&str]); 6] = [
    (Group::Referrer, &["/page/referrer", "/referrer"]),
    (Group::Page, &["/page"]),
    (Group::Campaign, &["/campaign"]),
    (Group::Locale, &["/locale"]),
    (Group::Timezone, &["/timezone"]),
    (Group::Device, &["/userAgent", "/device", "/os", "/screen"]),
];

impl Group {
    const fn bit(self) -> i32 {
        1 << self as i32
    }

    fn told_by<S>(self, facts: &EnrichmentFacts<S>) -> bool {
        match self {
            Self::Page => facts.page.is_some(),
            Self::Referrer => facts.referrer.is_some(),
            Self::Campaign => facts.campaign.is_some() || !facts.click_ids.is_empty(),
            Self::Locale => facts.locale.is_some(),
            Self::Timezone => facts.timezone.is_some(),
            Self::Device => facts.user_agent.is_some(),
        }
    }

    /// The group that a place in `context` belongs to.
    fn of(place: &str) -> Option<Self> {
        let within = |start: &&str| {
            place.strip_prefix(*start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let group = GROUPS.iter().find(|(_, starts)| starts.iter().any(within));
        group.map(|(group, _)| *group)
    }
}

/// Whether a session can hand down what stands at this place of `context`, such as `/locale`.
pub fn is_inheritable(place: &str) -> bool {
    Group::of(place).is_some()
}

/// The places of `context` that a session can hand down, with what stands below them.
pub fn inheritable_places() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|(_, starts)| starts.iter().copied())
}

/// The groups that the event tells: a bit for each.
pub(crate) fn told<S>(facts: &EnrichmentFacts<S>) -> i32 {
    let told = GROUPS.iter().filter(|(group, _)| group.told_by(facts));
    told.fold(0, |bits, (group, _)| bits | group.bit())
}

/// The groups that the plan lets the event inherit and it does not tell. The places are pointers
/// from the event's top, such as `/context/locale`.
pub(crate) fn wanted<S: Text>(places: &[S], told: i32) -> i32 {
    let groups = places.iter().filter_map(|place| Group::of(place.strip_prefix("/context")?));
    groups.fold(0, |bits, group| bits | group.bit()) & !told
}

/// The values of these groups that the event tells.
pub(crate) fn values<S: Text>(
    facts: &EnrichmentFacts<S>,
    groups: i32,
    origin: Origin,
) -> Vec<Inheritable> {
    let mut values = Values { origin, values: Vec::new() };
    for (group, _) in GROUPS.iter().filter(|(group, _)| groups & group.bit() != 0) {
        values.group(*group, facts);
    }
    values.values
}

/// What an event that wants these groups inherits.
pub(crate) fn inherited(values: &[Inheritable], groups: i32) -> Vec<Inherited> {
    let wanted = |value: &&Inheritable| group_of_field(&value.field).bit() & groups != 0;
    let inherit = |value: &Inheritable| Inherited {
        field: value.field.clone(),
        value: value.value.clone(),
        origin: value.origin.to_string(),
    };
    values.iter().filter(wanted).map(inherit).collect()
}

fn group_of_field(field: &str) -> Group {
    let starts = |start| field.starts_with(start);
    match field {
        "locale" => Group::Locale,
        "timezone" => Group::Timezone,
        _ if starts("page_") => Group::Page,
        _ if starts("referrer_") => Group::Referrer,
        _ if starts("campaign_") || starts("click_ids.") => Group::Campaign,
        _ => Group::Device,
    }
}

struct Values {
    origin: Origin,
    values: Vec<Inheritable>,
}

impl Values {
    fn put(&mut self, field: &str, value: Option<&str>) {
        let Some(value) = value.filter(|it| it.len() <= LONGEST_VALUE) else { return };
        let (field, value) = (field.to_owned(), value.to_owned());
        self.values.push(Inheritable { field, value, origin: self.origin });
    }

    fn put_all<S: Text>(&mut self, fields: &[(&str, &Option<S>)]) {
        for (field, value) in fields {
            self.put(field, value.as_deref());
        }
    }

    fn group<S: Text>(&mut self, group: Group, facts: &EnrichmentFacts<S>) {
        match group {
            Group::Page => self.page(facts),
            Group::Referrer => self.referrer(facts),
            Group::Campaign => self.campaign(facts),
            Group::Locale => self.put("locale", facts.locale.as_deref()),
            Group::Timezone => self.put("timezone", facts.timezone.as_deref()),
            Group::Device => self.device(facts),
        }
    }

    fn page<S: Text>(&mut self, facts: &EnrichmentFacts<S>) {
        let Some(page) = &facts.page else { return };
        self.put("page_url", Some(&page.url));
        self.put_all(&[
            ("page_host", &page.host),
            ("page_path", &page.path),
            ("page_query", &page.query),
            ("page_title", &page.title),
        ]);
    }

    fn referrer<S: Text>(&mut self, facts: &EnrichmentFacts<S>) {
        let Some(referrer) = &facts.referrer else { return };
        self.put("referrer_url", Some(&referrer.url));
        self.put("referrer_medium", Some(&referrer.medium));
        self.put_all(&[("referrer_host", &referrer.host), ("referrer_source", &referrer.source)]);
    }

    fn campaign<S: Text>(&mut self, facts: &EnrichmentFacts<S>) {
        if let Some(campaign) = &facts.campaign {
            self.put_all(&[
                ("campaign_source", &campaign.source),
                ("campaign_medium", &campaign.medium),
                ("campaign_name", &campaign.name),
                ("campaign_term", &campaign.term),
                ("campaign_content", &campaign.content),
                ("campaign_id", &campaign.id),
            ]);
        }
        for click in &facts.click_ids {
            self.put(&format!("click_ids.{}", &*click.name), Some(&click.value));
        }
    }

    fn device<S: Text>(&mut self, facts: &EnrichmentFacts<S>) {
        let Some(agent) = &facts.user_agent else { return };
        self.put_all(&[
            ("browser", &agent.browser),
            ("browser_version", &agent.browser_version),
            ("os", &agent.os),
            ("os_version", &agent.os_version),
            ("device_class", &agent.device_class),
            ("device_brand", &agent.device_brand),
            ("device_model", &agent.device_model),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_facts_of_validate_name_as_inheritable_is_wanted() {
        let wanted = |places: &[&str], told| {
            let places: Vec<String> = places.iter().map(|place| (*place).to_owned()).collect();
            super::wanted(&places, told)
        };
        let [page, locale] = [Group::Page.bit(), Group::Locale.bit()];
        assert_eq!(wanted(&["/context/page/url", "/context/locale"], 0), page | locale);
        assert_eq!(wanted(&["/context/page/url", "/context/locale"], locale), page);
        assert_eq!(wanted(&["/context/sessionId", "/properties/locale"], 0), 0);
    }

    #[test]
    fn every_place_that_is_listed_can_be_handed_down_with_what_is_below_it() {
        for place in inheritable_places() {
            assert!(is_inheritable(place) && is_inheritable(&format!("{place}/x")), "{place}");
        }
        for other in ["/sessionId", "/localex", "locale", "/context/locale", ""] {
            assert!(!is_inheritable(other), "{other}");
        }
    }
}
