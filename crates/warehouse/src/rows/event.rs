//! A row of the table `events`.

use event::{
    Amount, CampaignFacts, ClickId, Derived, EnrichmentFacts, EnrichmentRun, Event, GeoFacts,
    IdentityFacts, Inherited, IpFacts, Millis, MoneyFacts, NetworkFacts, PageFacts, ReferrerFacts,
    RequestFacts, SessionFacts, StitchedEvent, UserAgentFacts, ValidationFacts, Waybill,
};

use super::finding;
use crate::{Column, Row, RowBinary, RowPosition};

/// An event as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The record that it was made of.
    pub position: RowPosition,
    /// The event's number and append time.
    pub waybill: Waybill,
    /// The event with all facts.
    pub stitched: StitchedEvent,
}

impl Row for EventRow {
    const TABLE: &'static str = "events";
    const FORMAT: u16 = 4;
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("origin_epoch", |r, o| o.u16(r.waybill.origin.epoch)),
        Column::new("origin_partition", |r, o| o.i32(r.waybill.origin.partition)),
        Column::new("origin_offset", |r, o| o.i64(r.waybill.origin.offset)),
        Column::new("appended_at", |r, o| o.millis(r.waybill.appended_at)),
        Column::new("position_epoch", |r, o| o.u16(r.position.epoch)),
        Column::new("position_topic", |r, o| o.text(r.position.topic)),
        Column::new("position_partition", |r, o| o.i32(r.position.partition)),
        Column::new("position_offset", |r, o| o.i64(r.position.offset)),
        Column::new("source", |r, o| o.text(&r.event().source)),
        Column::new("source_kind", |r, o| o.text(&r.event().source_kind)),
        Column::new("environment", |r, o| o.text(&r.event().environment)),
        Column::new("type", |r, o| o.text(&r.event().kind)),
        Column::new("event_name", |r, o| o.text(r.event_name())),
        Column::new("message_id", |r, o| o.text(&r.event().message_id)),
        Column::new("anonymous_id", |r, o| o.opt_text(r.event().anonymous_id.as_deref())),
        Column::new("user_id", |r, o| o.opt_text(r.event().user_id.as_deref())),
        Column::new("group_id", |r, o| o.opt_text(r.event().group_id.as_deref())),
        Column::new("previous_id", |r, o| o.opt_text(r.event().previous_id.as_deref())),
        Column::new("name", |r, o| o.opt_text(r.event().name.as_deref())),
        Column::new("category", |r, o| o.opt_text(r.event().category.as_deref())),
        Column::new("channel", |r, o| o.opt_text(r.event().channel.as_deref())),
        Column::new("timestamp", |r, o| o.millis(r.event().timestamp)),
        Column::new("original_timestamp", |r, o| {
            o.nullable(r.event().original_timestamp, RowBinary::millis);
        }),
        Column::new("sent_at", |r, o| o.nullable(r.event().sent_at, RowBinary::millis)),
        Column::new("received_at", |r, o| o.millis(r.event().received_at)),
        Column::new("context", |r, o| o.text(&r.event().context)),
        Column::new("properties", |r, o| o.text(&r.event().properties)),
        Column::new("traits", |r, o| o.text(&r.event().traits)),
        Column::new("integrations", |r, o| o.text(&r.event().integrations)),
        Column::new("extra", |r, o| o.text(&r.event().extra)),
        Column::new("request_ip", |r, o| o.opt_text(r.request(|x| x.ip.as_deref()))),
        Column::new("request_user_agent", |r, o| {
            o.opt_text(r.request(|x| x.user_agent.as_deref()));
        }),
        Column::new("request_origin", |r, o| o.opt_text(r.request(|x| x.origin.as_deref()))),
        Column::new("request_referer", |r, o| o.opt_text(r.request(|x| x.referer.as_deref()))),
        Column::new("request_accept_language", |r, o| {
            o.opt_text(r.request(|x| x.accept_language.as_deref()));
        }),
        Column::new("request_client_hints", |r, o| {
            o.opt_text(r.request(|x| x.client_hints.as_deref()));
        }),
        Column::new("request_supplied", |r, o| {
            o.texts(r.event().request.as_ref().map_or(&[], |request| &request.supplied));
        }),
        Column::new("validation_version", |r, o| o.text(&r.validation().version)),
        Column::new("plan_version", |r, o| o.opt_text(r.validation().plan_version.as_deref())),
        Column::new("device_key", |r, o| o.text(&r.validation().device_key)),
        Column::new("device_key_kind", |r, o| o.text(&r.validation().device_key_kind)),
        Column::new("business_key", |r, o| {
            o.opt_text(r.validation().business_key.as_ref().map(|x| x.key.as_str()));
        }),
        Column::new("time_basis", |r, o| o.text(&r.validation().time_basis)),
        Column::new("clock_offset_ms", |r, o| {
            o.nullable(r.validation().clock_offset_ms, RowBinary::i64);
        }),
        Column::new("validation_flags", |r, o| o.texts(&r.validation().flags)),
        Column::new("findings", |r, o| o.array(&r.validation().findings, finding)),
        Column::new("removed", |r, o| o.texts(&r.validation().removed)),
        Column::new("inheritable", |r, o| o.texts(&r.validation().inheritable)),
        Column::new("consent_granted", |r, o| o.texts(&r.validation().consent_granted)),
        Column::new("consent_denied", |r, o| o.texts(&r.validation().consent_denied)),
        Column::new("enrichments", |r, o| o.array(&*r.enrichment().applied, enrichment_run)),
        Column::new("user_agent", |r, o| {
            o.opt_text(r.agent(|x| Some(&*x.text).filter(|text| !text.is_empty())));
        }),
        Column::new("user_agent_taken_from", |r, o| o.opt_text(r.agent(|x| Some(&x.taken_from)))),
        Column::new("browser", |r, o| o.opt_text(r.agent(|x| x.browser.as_deref()))),
        Column::new("browser_version", |r, o| {
            o.opt_text(r.agent(|x| x.browser_version.as_deref()));
        }),
        Column::new("os", |r, o| o.opt_text(r.agent(|x| x.os.as_deref()))),
        Column::new("os_version", |r, o| o.opt_text(r.agent(|x| x.os_version.as_deref()))),
        Column::new("device_class", |r, o| o.opt_text(r.agent(|x| x.device_class.as_deref()))),
        Column::new("device_brand", |r, o| o.opt_text(r.agent(|x| x.device_brand.as_deref()))),
        Column::new("device_model", |r, o| o.opt_text(r.agent(|x| x.device_model.as_deref()))),
        Column::new("is_bot", |r, o| o.bool(r.enrichment().bot.is_bot)),
        Column::new("bot_indicators", |r, o| o.texts(&r.enrichment().bot.indicators)),
        Column::new("bot_class", |r, o| o.opt_text(r.enrichment().bot.class.as_deref())),
        Column::new("page_url", |r, o| o.opt_text(r.page(|x| Some(&x.url)))),
        Column::new("page_host", |r, o| o.opt_text(r.page(|x| x.host.as_deref()))),
        Column::new("page_path", |r, o| o.opt_text(r.page(|x| x.path.as_deref()))),
        Column::new("page_query", |r, o| o.opt_text(r.page(|x| x.query.as_deref()))),
        Column::new("page_title", |r, o| o.opt_text(r.page(|x| x.title.as_deref()))),
        Column::new("campaign_taken_from", |r, o| o.opt_text(r.campaign(|x| Some(&x.taken_from)))),
        Column::new("campaign_source", |r, o| o.opt_text(r.campaign(|x| x.source.as_deref()))),
        Column::new("campaign_medium", |r, o| o.opt_text(r.campaign(|x| x.medium.as_deref()))),
        Column::new("campaign_name", |r, o| o.opt_text(r.campaign(|x| x.name.as_deref()))),
        Column::new("campaign_term", |r, o| o.opt_text(r.campaign(|x| x.term.as_deref()))),
        Column::new("campaign_content", |r, o| o.opt_text(r.campaign(|x| x.content.as_deref()))),
        Column::new("campaign_id", |r, o| o.opt_text(r.campaign(|x| x.id.as_deref()))),
        Column::new("click_ids", |r, o| o.array(&r.enrichment().click_ids, click_id)),
        Column::new("referrer_url", |r, o| o.opt_text(r.referrer(|x| Some(&x.url)))),
        Column::new("referrer_host", |r, o| o.opt_text(r.referrer(|x| x.host.as_deref()))),
        Column::new("referrer_medium", |r, o| o.opt_text(r.referrer(|x| Some(&x.medium)))),
        Column::new("referrer_source", |r, o| o.opt_text(r.referrer(|x| x.source.as_deref()))),
        Column::new("locale", |r, o| o.opt_text(r.enrichment().locale.as_deref())),
        Column::new("timezone", |r, o| o.opt_text(r.enrichment().timezone.as_deref())),
        Column::new("country", |r, o| o.opt_text(r.geo(|x| x.country.as_deref()))),
        Column::new("region", |r, o| o.opt_text(r.geo(|x| x.region.as_deref()))),
        Column::new("city", |r, o| o.opt_text(r.geo(|x| x.city.as_deref()))),
        Column::new("geo_timezone", |r, o| o.opt_text(r.geo(|x| x.timezone.as_deref()))),
        Column::new("asn", |r, o| o.nullable(r.network().and_then(|x| x.asn), RowBinary::i64)),
        Column::new("network_organisation", |r, o| {
            o.opt_text(r.network().and_then(|x| x.organisation.as_deref()));
        }),
        Column::new("ip", |r, o| o.opt_text(r.ip(|x| x.address.as_deref()))),
        Column::new("ip_taken_from", |r, o| o.opt_text(r.ip(|x| Some(&x.taken_from)))),
        Column::new("ip_kind", |r, o| o.opt_text(r.ip(|x| Some(&x.kind)))),
        Column::new("ip_policy", |r, o| o.opt_text(r.ip(|x| Some(&x.policy)))),
        Column::new("currency", |r, o| o.opt_text(r.money().and_then(|x| x.currency.as_deref()))),
        Column::new("amounts", |r, o| {
            o.array(r.money().map_or(&[][..], |x| &x.amounts), amount);
        }),
        Column::new("enrichment_flags", |r, o| o.texts(&r.enrichment().flags)),
        Column::new("enrichment_derived", |r, o| o.array(&r.enrichment().derived, derived)),
        Column::new("enrichment_removed", |r, o| o.texts(&r.enrichment().removed)),
        Column::new("person_id", |r, o| o.text(&r.identity().person_id)),
        Column::new("person_basis", |r, o| o.text(&r.identity().basis)),
        Column::new("person_user_id", |r, o| o.opt_text(r.identity().user_id.as_deref())),
        Column::new("person_link_origin", |r, o| o.opt_text(r.identity().link_origin.as_deref())),
        Column::new("person_alias_origin", |r, o| o.opt_text(r.identity().alias_origin.as_deref())),
        Column::new("supersedes", |r, o| o.opt_text(r.identity().supersedes.as_deref())),
        Column::new("told_first", |r, o| o.opt_text(r.identity().told_first.as_deref())),
        Column::new("session_id", |r, o| o.opt_text(r.session().map(|x| x.id.as_str()))),
        Column::new("session_basis", |r, o| o.opt_text(r.session().map(|x| x.basis.as_str()))),
        Column::new("session_number", |r, o| {
            o.nullable(r.session().and_then(|x| x.number), RowBinary::i32);
        }),
        Column::new("session_started_at", |r, o| {
            o.nullable(r.session().map(|x| x.started_at), RowBinary::millis);
        }),
        Column::new("inherited", |r, o| o.array(&r.identity().inherited, inherited)),
        Column::new("identity_flags", |r, o| o.texts(&r.identity().flags)),
    ];

    fn times(&self) -> impl IntoIterator<Item = (&'static str, Option<Millis>)> {
        let event = self.event();
        [
            ("appended_at", Some(self.waybill.appended_at)),
            ("timestamp", Some(event.timestamp)),
            ("original_timestamp", event.original_timestamp),
            ("sent_at", event.sent_at),
            ("received_at", Some(event.received_at)),
            ("session_started_at", self.session().map(|session| session.started_at)),
        ]
    }
}

impl EventRow {
    fn event(&self) -> &Event {
        &self.stitched.event
    }

    /// The name by which the ledger calls the event.
    fn event_name(&self) -> &str {
        self.event().event.as_deref().unwrap_or(&self.event().kind)
    }

    fn validation(&self) -> &ValidationFacts {
        &self.stitched.validation
    }

    fn enrichment(&self) -> &EnrichmentFacts {
        &self.stitched.enrichment
    }

    fn identity(&self) -> &IdentityFacts {
        &self.stitched.identity
    }

    fn session(&self) -> Option<&SessionFacts> {
        self.identity().session.as_ref()
    }

    fn request<'a>(&'a self, fact: Fact<'a, RequestFacts>) -> Option<&'a str> {
        self.event().request.as_deref().and_then(fact)
    }

    fn agent<'a>(&'a self, fact: Fact<'a, UserAgentFacts>) -> Option<&'a str> {
        self.enrichment().user_agent.as_deref().and_then(fact)
    }

    fn page<'a>(&'a self, fact: Fact<'a, PageFacts>) -> Option<&'a str> {
        self.enrichment().page.as_ref().and_then(fact)
    }

    fn campaign<'a>(&'a self, fact: Fact<'a, CampaignFacts>) -> Option<&'a str> {
        self.enrichment().campaign.as_ref().and_then(fact)
    }

    fn referrer<'a>(&'a self, fact: Fact<'a, ReferrerFacts>) -> Option<&'a str> {
        self.enrichment().referrer.as_ref().and_then(fact)
    }

    fn geo<'a>(&'a self, fact: Fact<'a, GeoFacts>) -> Option<&'a str> {
        self.enrichment().geo.as_ref().and_then(fact)
    }

    fn ip<'a>(&'a self, fact: Fact<'a, IpFacts>) -> Option<&'a str> {
        self.enrichment().ip.as_ref().and_then(fact)
    }

    fn network(&self) -> Option<&NetworkFacts> {
        self.enrichment().network.as_ref()
    }

    fn money(&self) -> Option<&MoneyFacts> {
        self.enrichment().money.as_ref()
    }
}

/// One text out of a record of facts.
type Fact<'a, T> = fn(&'a T) -> Option<&'a str>;

fn enrichment_run(out: &mut RowBinary, run: &EnrichmentRun) {
    out.text(&run.name);
    out.text(&run.version);
}

fn click_id(out: &mut RowBinary, id: &ClickId) {
    out.text(&id.name);
    out.text(&id.value);
    out.text(&id.network);
}

fn amount(out: &mut RowBinary, amount: &Amount) {
    out.text(&amount.property);
    out.nullable(billionths(&amount.value), RowBinary::i128);
}

fn derived(out: &mut RowBinary, derived: &Derived) {
    out.text(&derived.field);
    out.text(&derived.value);
}

fn inherited(out: &mut RowBinary, inherited: &Inherited) {
    out.text(&inherited.field);
    out.text(&inherited.value);
    out.text(&inherited.origin);
}

/// A plain decimal as `Decimal(38, 9)` has it: in units of 10^-9. `None` where it has more digits than
/// that; enrich leaves such amounts out.
fn billionths(decimal: &str) -> Option<i128> {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    if whole.is_empty()
        || fraction.len() > 9
        || !fraction.bytes().all(|digit| digit.is_ascii_digit())
    {
        return None;
    }
    let value: i128 = format!("{whole}{fraction:0<9}").parse().ok()?;
    (value.unsigned_abs() < 10_u128.pow(38)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_counted_in_billionths() {
        for (decimal, expected) in [
            ("12.5", Some(12_500_000_000)),
            ("-0.01", Some(-10_000_000)),
            ("0", Some(0)),
            ("7", Some(7_000_000_000)),
            ("0.123456789", Some(123_456_789)),
            ("0.1234567891", None),
            ("1e3", None),
            ("1.+5", None),
            ("", None),
            ("99999999999999999999999999999.999999999", Some(10_i128.pow(38) - 1)),
            ("100000000000000000000000000000", None),
        ] {
            assert_eq!(billionths(decimal), expected, "{decimal}");
        }
    }
}
