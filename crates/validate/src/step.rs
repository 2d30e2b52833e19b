//! The step of validate.

use event::{Finding, Millis, RawEvent, ValidatedEvent};
use pipeline::{Context, Halt, Step, Verdict};
use telemetry::FindingMetrics;
use tracking_plan::{LiveCatalog, clean};

/// Emits what passes the quality gate and rejects the rest; discards what must not be kept. Halts
/// where a newer plan may be in force that this process has not read: nothing passes unchecked.
#[derive(Debug, Clone)]
pub struct ValidateStep {
    catalog: LiveCatalog,
    findings: FindingMetrics,
}

impl ValidateStep {
    /// A step that knows these sources.
    pub fn new(catalog: LiveCatalog) -> Self {
        Self { catalog, findings: FindingMetrics::new() }
    }

    /// Counts what was found, whether the event passes or not.
    fn count(&self, verdict: &Verdict<ValidatedEvent>) {
        for finding in findings(verdict) {
            self.findings.note(finding);
        }
    }
}

impl Step for ValidateStep {
    type In = RawEvent;
    type Out = ValidatedEvent;

    fn apply(&self, event: RawEvent, cx: &Context) -> Result<Verdict<ValidatedEvent>, Halt> {
        let (known_until, appended_at) = (self.catalog.known_until(), cx.waybill.appended_at);
        if appended_at <= known_until {
            let verdict = clean(event, appended_at, &self.catalog.current());
            self.count(&verdict);
            return Ok(verdict);
        }
        Err(Halt::new("plan", unread(appended_at.saturating_sub(known_until))))
    }
}

fn findings(verdict: &Verdict<ValidatedEvent>) -> &[Finding] {
    match verdict {
        Verdict::Emit(event) => &event.validation.findings,
        Verdict::Reject(rejected) => &rejected.findings,
        Verdict::Discard(_) => &[],
    }
}

fn unread(behind: Millis) -> String {
    format!(
        "the plans could not be read for the events that come now ({behind} ms past what is known): \
         the log says what is wrong with them; if it says nothing, the broker's clock is ahead of \
         this machine's"
    )
}

#[cfg(test)]
mod tests {
    use event::{Origin, Waybill};
    use tracking_plan::{Rules, SourceCatalog, plan::PlanSet};

    use super::*;

    const SOURCES: &str = r#"
        ["web/app"]
        kind = "browser"
        write_keys = ["wk_web"]
        plan = "shop"
    "#;
    const IN_FORCE: &str = "
        plan: shop
        version: 1
        unplanned_properties: flag
        events:
          Order Completed:
            properties: {properties: {total: {type: number}}}
    ";
    const TO_COME: &str = "
        plan: shop
        version: 2
        effective_from: 2300-01-01T00:00:00Z
        unplanned_properties: allow
        events:
          Order Completed:
            properties: {required: [currency]}
    ";

    fn step() -> ValidateStep {
        let plans = [("shop.1.yaml", IN_FORCE), ("shop.2.yaml", TO_COME)]
            .map(|(name, text)| (name.to_owned(), text.to_owned()));
        let rules = Rules { plans: PlanSet::read(&plans).unwrap(), ..Rules::default() };
        let sources = SourceCatalog::new(toml::from_str(SOURCES).unwrap()).unwrap();
        ValidateStep::new(LiveCatalog::new(sources.with_rules(rules).unwrap()))
    }

    fn judged(step: &ValidateStep, properties: &str) -> Verdict<ValidatedEvent> {
        let event = RawEvent {
            source: Some("web/app".to_owned()),
            kind: Some("track".to_owned()),
            event: Some("Order Completed".to_owned()),
            message_id: Some("m-1".to_owned()),
            anonymous_id: Some("a-1".to_owned()),
            properties: Some(properties.to_owned()),
            ..RawEvent::default()
        };
        let waybill = Waybill {
            origin: Origin { epoch: 0, partition: 3, offset: 18_446 },
            appended_at: 1_795_428_931_000,
        };
        step.apply(event, &Context { waybill, redriven: false }).unwrap()
    }

    fn counted(reason: &str, outcome: &str) -> String {
        let series =
            format!(r#"waybill_validate_findings_total{{reason="{reason}",outcome="{outcome}"}} "#);
        let text = telemetry::metrics::encode().unwrap();
        text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().to_owned()
    }

    #[test]
    fn findings_count_whether_the_event_passes_or_not() {
        let step = step();
        let passed = judged(&step, r#"{"total":1,"coupon":"x"}"#);
        assert!(matches!(passed, Verdict::Emit(_)), "{passed:?}");
        let rejected = judged(&step, r#"{"total":"x","coupon":"x"}"#);
        assert!(matches!(rejected, Verdict::Reject(_)), "{rejected:?}");
        assert_eq!(counted("unplanned-property", "flag"), "2");
        assert_eq!(counted("missing-property", "would-reject"), "1");
        assert_eq!(counted("invalid-property", "reject"), "1");
    }
}
