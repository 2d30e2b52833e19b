//! What is told of one event: names, ids, rules and types, and no value of a property.

use event::{Finding, RawEvent};
use pipeline::{Rejected, Verdict};
use serde::Serialize;
use tracking_plan::{SourceCatalog, clean};

use crate::{
    cli::TailArgs,
    commands::{raw_events::Seen, times::utc_millis},
    outcome::Outcome,
};

/// Longest name or id that a line for a person has, in characters.
const LONGEST_WORD: usize = 100;

/// An event and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) origin: String,
    /// When the broker appended it, UTC.
    appended_at: String,
    source: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    event: Option<String>,
    message_id: Option<String>,
    pub(super) verdict: Outcome,
    /// Why it does not go on, in one word.
    reason: Option<&'static str>,
    /// The same for a person.
    detail: Option<String>,
    plan_version: Option<String>,
    findings: Vec<Finding>,
    /// Oddities that are no findings.
    flags: Vec<String>,
    /// What is taken out of it, or made unreadable.
    removed: Vec<String>,
    /// Whether its bytes are an event at all.
    #[serde(skip)]
    decoded: bool,
}

impl Line {
    /// Judges a record as validate does.
    pub(super) fn of(seen: Seen, catalog: &SourceCatalog) -> Self {
        let Seen { origin, appended_at, event } = seen;
        let line = Self {
            origin: origin.to_string(),
            appended_at: utc_millis(appended_at),
            source: None,
            kind: None,
            event: None,
            message_id: None,
            verdict: Outcome::Pass,
            reason: None,
            detail: None,
            plan_version: None,
            findings: Vec::new(),
            flags: Vec::new(),
            removed: Vec::new(),
            decoded: event.is_ok(),
        };
        match event {
            Ok(event) => {
                let line = line.named(&event);
                match clean(event, appended_at, catalog) {
                    Verdict::Emit(event) => line.emitted(event.validation),
                    Verdict::Discard(discarded) => Self {
                        verdict: Outcome::Discard,
                        reason: Some(discarded.reason.word()),
                        detail: Some(discarded.detail),
                        ..line
                    },
                    Verdict::Reject(rejected) => line.rejected(rejected),
                }
            }
            Err(rejected) => line.rejected(rejected),
        }
    }

    fn named(self, event: &RawEvent) -> Self {
        Self {
            source: event.source.clone(),
            kind: event.kind.clone(),
            event: event.event.clone(),
            message_id: event.message_id.clone(),
            ..self
        }
    }

    fn emitted(self, facts: event::ValidationFacts) -> Self {
        let verdict = if facts.findings.is_empty() { Outcome::Pass } else { Outcome::Flag };
        Self {
            verdict,
            plan_version: facts.plan_version,
            findings: facts.findings,
            flags: facts.flags,
            removed: facts.removed,
            ..self
        }
    }

    fn rejected(self, rejected: Rejected) -> Self {
        Self {
            verdict: Outcome::Reject,
            reason: Some(rejected.reason.word()),
            detail: Some(rejected.detail),
            plan_version: rejected.plan_version,
            findings: rejected.findings,
            ..self
        }
    }

    /// Whether nobody can know if it is what was asked for: its bytes are no event.
    pub(super) const fn is_unknown(&self, wanted: &TailArgs) -> bool {
        !self.decoded && (wanted.source.is_some() || wanted.event.is_some())
    }

    /// Whether it was asked for.
    pub(super) fn is_wanted(&self, wanted: &TailArgs) -> bool {
        let is = |asked: &Option<String>, told: Option<&str>| {
            asked.as_deref().is_none_or(|asked| told.is_some_and(|told| told.trim() == asked))
        };
        is(&wanted.source, self.source.as_deref())
            && is(&wanted.event, self.called())
            && (wanted.verdict.is_empty() || wanted.verdict.contains(&self.verdict))
    }

    /// The name, else the type.
    fn called(&self) -> Option<&str> {
        self.event.as_deref().or(self.kind.as_deref())
    }

    /// One line for a person. What senders chose is shown so that it can move no cursor.
    pub(super) fn told(&self, coloured: bool) -> String {
        let (paint, plain) =
            if coloured { (self.verdict.colour(), "\x1b[0m") } else { Default::default() };
        let why = self.why();
        let parts = [
            self.reason.map(|reason| format!(" {reason}")),
            (!why.is_empty()).then(|| format!(": {why}")),
        ];
        format!(
            "{} {paint}{:<9}{plain} {} {} {} {}{}",
            self.appended_at,
            self.verdict.told(),
            self.origin,
            word(self.source.as_deref()),
            word(self.called()),
            word(self.message_id.as_deref()),
            parts.into_iter().flatten().collect::<String>(),
        )
    }

    fn why(&self) -> String {
        if let Some(detail) = &self.detail {
            return detail.clone();
        }
        let sentence = |finding: &Finding| {
            let later = if finding.outcome == "would-reject" { "would reject: " } else { "" };
            format!("{later}{} {finding}", finding.reason)
        };
        self.findings.iter().map(sentence).collect::<Vec<_>>().join("; ")
    }
}

impl Outcome {
    const fn told(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Flag => "flagged",
            Self::Discard => "discarded",
            Self::Reject => "rejected",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Pass => "\x1b[32m",
            Self::Flag => "\x1b[33m",
            Self::Discard => "\x1b[34m",
            Self::Reject => "\x1b[31m",
        }
    }
}

/// A name or an id as one word: in quotes and escaped where it is not.
fn word(text: Option<&str>) -> String {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return "-".to_owned() };
    let plain = |c: char| c.is_alphanumeric() || (c.is_ascii_graphic() && c != '"');
    let mut short: String = text.chars().take(LONGEST_WORD).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    if text.chars().all(plain) { short } else { format!("{short:?}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use event::Origin;
    use pipeline::RejectReason;
    use tracking_plan::{Rules, SourceConfig, plan::PlanSet};

    use super::*;

    const PLAN: &str = "\
plan: shop
version: 1
consent:
  categories:
    ads: {denied: discard, events: [Ad Seen]}
events:
  Ad Seen: {}
  Order Completed:
    properties:
      required: [order_id]
      properties: {order_id: {type: string}}
";

    fn catalog() -> SourceCatalog {
        let plans = PlanSet::read(&[("shop.yaml".to_owned(), PLAN.to_owned())]).unwrap();
        let config: SourceConfig =
            serde_json::from_str(r#"{"kind": "server", "plan": "shop"}"#).unwrap();
        let configs: BTreeMap<String, SourceConfig> = [("server/shop".to_owned(), config)].into();
        let rules = Rules { plans, ..Rules::default() };
        SourceCatalog::new(configs).unwrap().with_rules(rules).unwrap()
    }

    fn seen(event: Result<RawEvent, Rejected>) -> Line {
        let origin = Origin { epoch: 0, partition: 3, offset: 18_446 };
        Line::of(Seen { origin, appended_at: 1_795_428_930_123, event }, &catalog())
    }

    fn told(name: &str, properties: &str, context: &str) -> Line {
        seen(Ok(RawEvent {
            source: Some("server/shop".to_owned()),
            kind: Some("track".to_owned()),
            event: Some(name.to_owned()),
            message_id: Some("m-1".to_owned()),
            user_id: Some("secret".to_owned()),
            properties: Some(properties.to_owned()),
            context: Some(context.to_owned()),
            ..RawEvent::default()
        }))
    }

    fn each() -> [Line; 5] {
        let denied = r#"{"consent":{"categoryPreferences":{"ads":false}}}"#;
        [
            told("Order Completed", r#"{"order_id":"secret"}"#, "{}"),
            told("Order Completed", r#"{"order_id":"secret","coupon":"secret"}"#, "{}"),
            told("Order Completed", r#"{"order_id":5}"#, "{}"),
            told("Ad Seen", r#"{"x":"secret"}"#, denied),
            seen(Err(Rejected::new(RejectReason::Undecodable, "no frame"))),
        ]
    }

    #[test]
    fn a_line_tells_where_what_and_why() {
        let lines = each().map(|line| line.told(false));
        assert_eq!(
            lines.join("\n"),
            "2026-11-23T10:15:30.123Z pass      0-3-18446 server/shop \"Order Completed\" m-1\n\
             2026-11-23T10:15:30.123Z flagged   0-3-18446 server/shop \"Order Completed\" m-1: \
             unplanned-property /properties/coupon is not in the plan\n\
             2026-11-23T10:15:30.123Z rejected  0-3-18446 server/shop \"Order Completed\" m-1 \
             invalid-property: /properties/order_id is of another type (expected string, found number)\n\
             2026-11-23T10:15:30.123Z discarded 0-3-18446 server/shop \"Ad Seen\" m-1 \
             no-consent: no consent to ads (shop@1)\n\
             2026-11-23T10:15:30.123Z rejected  0-3-18446 - - - undecodable: no frame"
        );
    }

    #[test]
    fn no_value_is_shown_to_people_or_programs() {
        for line in each() {
            assert!(!line.told(true).contains("secret"), "{line:?}");
            assert!(!serde_json::to_string(&line).unwrap().contains("secret"), "{line:?}");
        }
    }

    #[test]
    fn what_was_asked_for_is_told_by_source_name_and_verdict() {
        let [pass, flag, reject, _, unknown] = each();
        let all = TailArgs::default();
        let of = |source: &str| TailArgs { source: Some(source.to_owned()), ..all.clone() };
        let named = |name: &str| TailArgs { event: Some(name.to_owned()), ..all.clone() };
        let bad = TailArgs { verdict: vec![Outcome::Flag, Outcome::Reject], ..all.clone() };
        assert!([&pass, &reject, &unknown].iter().all(|line| line.is_wanted(&all)));
        assert!(pass.is_wanted(&of("server/shop")) && !pass.is_wanted(&of("server/sho")));
        assert!(pass.is_wanted(&named("Order Completed")) && !pass.is_wanted(&named("track")));
        assert!(!pass.is_wanted(&bad) && flag.is_wanted(&bad) && unknown.is_wanted(&bad));
        assert!(!unknown.is_wanted(&of("server/shop")) && unknown.is_unknown(&of("server/shop")));
        assert!(!unknown.is_unknown(&bad) && !pass.is_unknown(&of("web/app")));
    }

    #[test]
    fn what_a_sender_chose_moves_no_cursor() {
        for (text, shown) in [
            ("m-1", "m-1"),
            ("größe", "größe"),
            ("a b", "\"a b\""),
            ("\x1b[2Ja", "\"\\u{1b}[2Ja\""),
            ("a\u{9b}b\u{202e}", "\"a\\u{9b}b\\u{202e}\""),
            ("", "-"),
        ] {
            assert_eq!(word(Some(text)), shown);
        }
        assert_eq!(word(Some(&"x".repeat(101))), format!("{}…", "x".repeat(100)));
    }

    #[test]
    fn colours_are_for_terminals() {
        let [pass, ..] = each();
        assert!(pass.told(true).contains("\x1b[32mpass"), "{}", pass.told(true));
        assert!(!pass.told(false).contains('\x1b'));
    }
}
