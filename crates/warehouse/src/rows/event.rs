//! A row of the table `events`.

use std::{cell::RefCell, sync::Arc};

use event::{
    Amount, CampaignFacts, ClickId, Derived, EnrichmentFacts, EnrichmentRun, Event, GeoFacts,
    IdentityFacts, Inherited, IpFacts, Millis, MoneyFacts, NetworkFacts, PageFacts, ReferrerFacts,
    RequestFacts, SessionFacts, StitchedEvent, Text, UserAgentFacts, ValidationFacts, Waybill,
};

use super::finding;
use crate::{Row, RowBinary, RowPosition, rows::columns};

/// An event as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow<S = String> {
    /// The record that it was made of.
    pub position: RowPosition,
    /// The event's number and append time.
    pub waybill: Waybill,
    /// The event with all facts.
    pub stitched: StitchedEvent<S>,
}

impl<S: Text> Row for EventRow<S> {
    const TABLE: &'static str = "events";
    const FORMAT: u16 = 4;
    columns! {
        "origin_epoch" => |r, o| o.u16(r.waybill.origin.epoch),
        "origin_partition" => |r, o| o.i32(r.waybill.origin.partition),
        "origin_offset" => |r, o| o.i64(r.waybill.origin.offset),
        "appended_at" => |r, o| o.millis(r.waybill.appended_at),
        "position_epoch" => |r, o| o.u16(r.position.epoch),
        "position_topic" => |r, o| o.text(r.position.topic),
        "position_partition" => |r, o| o.i32(r.position.partition),
        "position_offset" => |r, o| o.i64(r.position.offset),
        "source" => |r, o| o.text(&r.event().source),
        "source_kind" => |r, o| o.text(&r.event().source_kind),
        "environment" => |r, o| o.text(&r.event().environment),
        "type" => |r, o| o.text(&r.event().kind),
        "event_name" => |r, o| o.text(r.event_name()),
        "message_id" => |r, o| o.text(&r.event().message_id),
        "anonymous_id" => |r, o| o.opt_text(r.event().anonymous_id.as_deref()),
        "user_id" => |r, o| o.opt_text(r.event().user_id.as_deref()),
        "group_id" => |r, o| o.opt_text(r.event().group_id.as_deref()),
        "previous_id" => |r, o| o.opt_text(r.event().previous_id.as_deref()),
        "name" => |r, o| o.opt_text(r.event().name.as_deref()),
        "category" => |r, o| o.opt_text(r.event().category.as_deref()),
        "channel" => |r, o| o.opt_text(r.event().channel.as_deref()),
        "timestamp" => |r, o| o.millis(r.event().timestamp),
        "original_timestamp" => |r, o| {
            o.nullable(r.event().original_timestamp, RowBinary::millis);
        },
        "sent_at" => |r, o| o.nullable(r.event().sent_at, RowBinary::millis),
        "received_at" => |r, o| o.millis(r.event().received_at),
        "context" => |r, o| o.text(&r.event().context),
        "properties" => |r, o| o.text(&r.event().properties),
        "traits" => |r, o| o.text(&r.event().traits),
        "integrations" => |r, o| o.text(&r.event().integrations),
        "extra" => |r, o| o.text(&r.event().extra),
        "request_ip" => |r, o| o.opt_text(r.request(|x| x.ip.as_deref())),
        "request_user_agent" => |r, o| {
            o.opt_text(r.request(|x| x.user_agent.as_deref()));
        },
        "request_origin" => |r, o| o.opt_text(r.request(|x| x.origin.as_deref())),
        "request_referer" => |r, o| o.opt_text(r.request(|x| x.referer.as_deref())),
        "request_accept_language" => |r, o| {
            o.opt_text(r.request(|x| x.accept_language.as_deref()));
        },
        "request_client_hints" => |r, o| {
            o.opt_text(r.request(|x| x.client_hints.as_deref()));
        },
        "request_supplied" => |r, o| {
            o.texts(r.event().request.as_ref().map_or(&[], |request| &request.supplied));
        },
        "validation_version" => |r, o| o.text(&r.validation().version),
        "plan_version" => |r, o| o.opt_text(r.validation().plan_version.as_deref()),
        "device_key" => |r, o| o.text(&r.validation().device_key),
        "device_key_kind" => |r, o| o.text(&r.validation().device_key_kind),
        "business_key" => |r, o| {
            o.opt_text(r.validation().business_key.as_ref().map(|x| &*x.key));
        },
        "time_basis" => |r, o| o.text(&r.validation().time_basis),
        "clock_offset_ms" => |r, o| {
            o.nullable(r.validation().clock_offset_ms, RowBinary::i64);
        },
        "validation_flags" => |r, o| o.texts(&r.validation().flags),
        "findings" => |r, o| o.array(&r.validation().findings, finding),
        "removed" => |r, o| o.texts(&r.validation().removed),
        "inheritable" => |r, o| o.texts(&r.validation().inheritable),
        "consent_granted" => |r, o| o.texts(&r.validation().consent_granted),
        "consent_denied" => |r, o| o.texts(&r.validation().consent_denied),
        "enrichments" => |r, o| enrichment_runs(o, &r.enrichment().applied),
        "user_agent" => |r, o| {
            o.opt_text(r.agent(|x| Some(&*x.text).filter(|text| !text.is_empty())));
        },
        "user_agent_taken_from" => |r, o| o.opt_text(r.agent(|x| Some(&x.taken_from))),
        "browser" => |r, o| o.opt_text(r.agent(|x| x.browser.as_deref())),
        "browser_version" => |r, o| {
            o.opt_text(r.agent(|x| x.browser_version.as_deref()));
        },
        "os" => |r, o| o.opt_text(r.agent(|x| x.os.as_deref())),
        "os_version" => |r, o| o.opt_text(r.agent(|x| x.os_version.as_deref())),
        "device_class" => |r, o| o.opt_text(r.agent(|x| x.device_class.as_deref())),
        "device_brand" => |r, o| o.opt_text(r.agent(|x| x.device_brand.as_deref())),
        "device_model" => |r, o| o.opt_text(r.agent(|x| x.device_model.as_deref())),
        "is_bot" => |r, o| o.bool(r.enrichment().bot.is_bot),
        "bot_indicators" => |r, o| o.texts(&r.enrichment().bot.indicators),
        "bot_class" => |r, o| o.opt_text(r.enrichment().bot.class.as_deref()),
        "page_url" => |r, o| o.opt_text(r.page(|x| Some(&x.url))),
        "page_host" => |r, o| o.opt_text(r.page(|x| x.host.as_deref())),
        "page_path" => |r, o| o.opt_text(r.page(|x| x.path.as_deref())),
        "page_query" => |r, o| o.opt_text(r.page(|x| x.query.as_deref())),
        "page_title" => |r, o| o.opt_text(r.page(|x| x.title.as_deref())),
        "campaign_taken_from" => |r, o| o.opt_text(r.campaign(|x| Some(&x.taken_from))),
        "campaign_source" => |r, o| o.opt_text(r.campaign(|x| x.source.as_deref())),
        "campaign_medium" => |r, o| o.opt_text(r.campaign(|x| x.medium.as_deref())),
        "campaign_name" => |r, o| o.opt_text(r.campaign(|x| x.name.as_deref())),
        "campaign_term" => |r, o| o.opt_text(r.campaign(|x| x.term.as_deref())),
        "campaign_content" => |r, o| o.opt_text(r.campaign(|x| x.content.as_deref())),
        "campaign_id" => |r, o| o.opt_text(r.campaign(|x| x.id.as_deref())),
        "click_ids" => |r, o| o.array(&r.enrichment().click_ids, click_id),
        "referrer_url" => |r, o| o.opt_text(r.referrer(|x| Some(&x.url))),
        "referrer_host" => |r, o| o.opt_text(r.referrer(|x| x.host.as_deref())),
        "referrer_medium" => |r, o| o.opt_text(r.referrer(|x| Some(&x.medium))),
        "referrer_source" => |r, o| o.opt_text(r.referrer(|x| x.source.as_deref())),
        "locale" => |r, o| o.opt_text(r.enrichment().locale.as_deref()),
        "timezone" => |r, o| o.opt_text(r.enrichment().timezone.as_deref()),
        "country" => |r, o| o.opt_text(r.geo(|x| x.country.as_deref())),
        "region" => |r, o| o.opt_text(r.geo(|x| x.region.as_deref())),
        "city" => |r, o| o.opt_text(r.geo(|x| x.city.as_deref())),
        "geo_timezone" => |r, o| o.opt_text(r.geo(|x| x.timezone.as_deref())),
        "asn" => |r, o| o.nullable(r.network().and_then(|x| x.asn), RowBinary::i64),
        "network_organisation" => |r, o| {
            o.opt_text(r.network().and_then(|x| x.organisation.as_deref()));
        },
        "ip" => |r, o| o.opt_text(r.ip(|x| x.address.as_deref())),
        "ip_taken_from" => |r, o| o.opt_text(r.ip(|x| Some(&x.taken_from))),
        "ip_kind" => |r, o| o.opt_text(r.ip(|x| Some(&x.kind))),
        "ip_policy" => |r, o| o.opt_text(r.ip(|x| Some(&x.policy))),
        "currency" => |r, o| o.opt_text(r.money().and_then(|x| x.currency.as_deref())),
        "amounts" => |r, o| {
            o.array(r.money().map_or(&[][..], |x| &x.amounts), amount);
        },
        "enrichment_flags" => |r, o| o.texts(&r.enrichment().flags),
        "enrichment_derived" => |r, o| o.array(&r.enrichment().derived, derived),
        "enrichment_removed" => |r, o| o.texts(&r.enrichment().removed),
        "person_id" => |r, o| o.text(&r.identity().person_id),
        "person_basis" => |r, o| o.text(&r.identity().basis),
        "person_user_id" => |r, o| o.opt_text(r.identity().user_id.as_deref()),
        "person_link_origin" => |r, o| o.opt_text(r.identity().link_origin.as_deref()),
        "person_alias_origin" => |r, o| o.opt_text(r.identity().alias_origin.as_deref()),
        "supersedes" => |r, o| o.opt_text(r.identity().supersedes.as_deref()),
        "told_first" => |r, o| o.opt_text(r.identity().told_first.as_deref()),
        "session_id" => |r, o| o.opt_text(r.session().map(|x| &*x.id)),
        "session_basis" => |r, o| o.opt_text(r.session().map(|x| &*x.basis)),
        "session_number" => |r, o| {
            o.nullable(r.session().and_then(|x| x.number), RowBinary::i32);
        },
        "session_started_at" => |r, o| {
            o.nullable(r.session().map(|x| x.started_at), RowBinary::millis);
        },
        "inherited" => |r, o| o.array(&r.identity().inherited, inherited),
        "identity_flags" => |r, o| o.texts(&r.identity().flags),
    }

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

impl<S: Text> EventRow<S> {
    fn event(&self) -> &Event<S> {
        &self.stitched.event
    }

    /// The name by which the ledger calls the event.
    fn event_name(&self) -> &str {
        self.event().event.as_deref().unwrap_or(&self.event().kind)
    }

    fn validation(&self) -> &ValidationFacts<S> {
        &self.stitched.validation
    }

    fn enrichment(&self) -> &EnrichmentFacts<S> {
        &self.stitched.enrichment
    }

    fn identity(&self) -> &IdentityFacts<S> {
        &self.stitched.identity
    }

    fn session(&self) -> Option<&SessionFacts<S>> {
        self.identity().session.as_ref()
    }

    fn request<'a>(&'a self, fact: Fact<'a, RequestFacts<S>>) -> Option<&'a str> {
        self.event().request.as_ref().and_then(fact)
    }

    fn agent<'a>(&'a self, fact: Fact<'a, UserAgentFacts<S>>) -> Option<&'a str> {
        self.enrichment().user_agent.as_deref().and_then(fact)
    }

    fn page<'a>(&'a self, fact: Fact<'a, PageFacts<S>>) -> Option<&'a str> {
        self.enrichment().page.as_ref().and_then(fact)
    }

    fn campaign<'a>(&'a self, fact: Fact<'a, CampaignFacts<S>>) -> Option<&'a str> {
        self.enrichment().campaign.as_ref().and_then(fact)
    }

    fn referrer<'a>(&'a self, fact: Fact<'a, ReferrerFacts<S>>) -> Option<&'a str> {
        self.enrichment().referrer.as_ref().and_then(fact)
    }

    fn geo<'a>(&'a self, fact: Fact<'a, GeoFacts<S>>) -> Option<&'a str> {
        self.enrichment().geo.as_ref().and_then(fact)
    }

    fn ip<'a>(&'a self, fact: Fact<'a, IpFacts<S>>) -> Option<&'a str> {
        self.enrichment().ip.as_ref().and_then(fact)
    }

    fn network(&self) -> Option<&NetworkFacts<S>> {
        self.enrichment().network.as_ref()
    }

    fn money(&self) -> Option<&MoneyFacts<S>> {
        self.enrichment().money.as_ref()
    }
}

/// One text out of a record of facts.
type Fact<'a, T> = fn(&'a T) -> Option<&'a str>;

thread_local! {
    /// The list of enrichments that was written last, and as what: nearly all events share one.
    static LAST_RUNS: RefCell<Option<(Arc<[EnrichmentRun]>, RowBinary)>> = const { RefCell::new(None) };
}

fn enrichment_runs(out: &mut RowBinary, runs: &Arc<[EnrichmentRun]>) {
    LAST_RUNS.with_borrow_mut(|last| match last {
        Some((last, written)) if Arc::ptr_eq(last, runs) => out.append(written),
        _ => {
            let mut written = RowBinary::default();
            written.array(&**runs, enrichment_run);
            out.append(&written);
            *last = Some((Arc::clone(runs), written));
        }
    });
}

fn enrichment_run(out: &mut RowBinary, run: &EnrichmentRun) {
    out.text(&run.name);
    out.text(&run.version);
}

fn click_id(out: &mut RowBinary, id: &ClickId<impl Text>) {
    out.text(&id.name);
    out.text(&id.value);
    out.text(&id.network);
}

fn amount(out: &mut RowBinary, amount: &Amount<impl Text>) {
    out.text(&amount.property);
    out.nullable(billionths(&amount.value), RowBinary::i128);
}

fn derived(out: &mut RowBinary, derived: &Derived<impl Text>) {
    out.text(&derived.field);
    out.text(&derived.value);
}

fn inherited(out: &mut RowBinary, inherited: &Inherited<impl Text>) {
    out.text(&inherited.field);
    out.text(&inherited.value);
    out.text(&inherited.origin);
}

/// A plain decimal as `Decimal(38, 9)` has it: in units of 10^-9. `None` where it has more digits than
/// that; enrich leaves such amounts out.
fn billionths(decimal: &str) -> Option<i128> {
    let (negative, digits) = match decimal.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, decimal),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || fraction.len() > 9 {
        return None;
    }
    let zeros = std::iter::repeat_n(b'0', 9 - fraction.len());
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).chain(zeros) {
        if !digit.is_ascii_digit() || value >= 10_i128.pow(37) {
            return None;
        }
        value = value * 10 + i128::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_list_was_written_before_the_one_of_the_event_is_written() {
        let run = |name: &str| EnrichmentRun { name: name.to_owned(), version: "1".to_owned() };
        let lists: [Arc<[EnrichmentRun]>; 4] =
            [Arc::default(), [run("ip")].into(), [run("geo"), run("ip")].into(), Arc::default()];
        for before in &lists {
            for runs in &lists {
                enrichment_runs(&mut RowBinary::default(), before);
                let (mut out, mut expected) = (RowBinary::default(), RowBinary::default());
                enrichment_runs(&mut out, runs);
                expected.array(&**runs, enrichment_run);
                assert_eq!(out, expected, "{runs:?} after {before:?}");
            }
        }
    }

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
