//! `waybill plan test`: what validate would say of the events in a file.

use event::Finding;

use super::{
    files,
    replay::{self, Court, Judged, Setting},
};
use crate::{
    Exit,
    cli::{Deny, TestPlanArgs},
    commands::times::{now, utc},
    config::Config,
    outcome::Outcome,
    output,
};

/// Judges each event; tells those that do not pass cleanly.
pub(super) fn run(arguments: &TestPlanArgs, config: &Config) -> anyhow::Result<Exit> {
    let file = (arguments.plan.display().to_string(), files::text(&arguments.plan)?);
    let plans = replay::plan(file)?;
    let setting = Setting {
        kind: arguments.kind,
        at: arguments.at.unwrap_or_else(|| replay::moment(&plans, now())),
        key: config.privacy.hash_key.clone(),
    };
    let id = plans.versions().map(|plan| plan.id().to_owned()).next().unwrap_or_default();
    if setting.key.is_none() && plans.versions().any(tracking_plan::plan::Plan::hashes) {
        output::progress("no [privacy] hash_key is set: hashes are made with a stand-in key");
    }
    let judged = Court::new(plans, &setting)?.judge_file(&arguments.events)?;
    if arguments.json {
        for one in &judged {
            output::text(&serde_json::to_string(one)?);
        }
    } else {
        output::text(&described(&judged, &id, &setting));
    }
    Ok(if denied(&judged, &arguments.deny) { Exit::Failed } else { Exit::Done })
}

fn denied(judged: &[Judged], deny: &[Deny]) -> bool {
    judged.iter().any(|one| match one.verdict {
        Outcome::Pass => false,
        Outcome::Flag => deny.contains(&Deny::Flags),
        Outcome::Discard => deny.contains(&Deny::Discards),
        Outcome::Reject => true,
    })
}

fn described(judged: &[Judged], id: &str, setting: &Setting) -> String {
    let mut lines: Vec<String> =
        judged.iter().filter(|one| one.verdict != Outcome::Pass).flat_map(told).collect();
    let (kind, at) = (setting.kind, utc(setting.at));
    let counted = replay::counted(judged);
    lines.push(format!("{} events by {id}, as a {kind} source's at {at}: {counted}", judged.len()));
    lines.join("\n")
}

/// One line for the event and one for each finding.
fn told(one: &Judged) -> Vec<String> {
    // What senders chose is shown so that it can move no cursor.
    let event = one.event.as_deref().unwrap_or("(no name)").escape_debug();
    let reason = one.reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    let mut lines = vec![format!("line {}: {event}: {}{reason}", one.line, one.verdict.word())];
    for finding in &one.findings {
        let Finding { outcome, reason, .. } = finding;
        lines.push(format!("  {outcome}: {reason} {finding}"));
    }
    if one.findings.is_empty() {
        lines.extend(one.detail.iter().map(|detail| format!("  {detail}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracking_plan::SourceKind;

    const PLAN: &str = "\
plan: shop
version: 1
effective_from: 2026-12-01T00:00:00Z
unplanned_events: flag
context:
  server: {required: [/page/url]}
consent:
  categories:
    ads: {denied: discard}
privacy:
  - {path: /properties/email, do: hash}
events:
  Order Completed:
    properties:
      required: [order_id]
      properties: {order_id: {type: string}, email: {type: string}}
";

    fn judged(kind: SourceKind, events: &str) -> Vec<Judged> {
        let plans = replay::plan(("shop.yaml".to_owned(), PLAN.to_owned())).unwrap();
        let at = replay::moment(&plans, 0);
        Court::new(plans, &Setting { kind, at, key: None }).unwrap().judge(events)
    }

    const EVENTS: &str = r#"
{"type":"track","event":"Order Completed","userId":"u","properties":{"order_id":"o","email":"a@b.example"},"context":{"page":{"url":"u"}}}
{"type":"track","event":"Order Completed","userId":"u","properties":{"order_id":5}}
{"type":"track","event":"Other","userId":"u","context":{"page":{"url":"u"}}}
{"type":"track","event":"Other","userId":"u","context":{"consent":{"categoryPreferences":{"ads":false}}}}
{"type"
"#;

    #[test]
    fn events_get_the_verdicts_that_validate_would_give() {
        let judged = judged(SourceKind::Server, EVENTS);
        let setting = Setting { kind: SourceKind::Server, at: 1_796_083_200_000, key: None };
        assert_eq!(
            described(&judged, "shop@1", &setting),
            "line 3: Order Completed: rejected missing-context\n  \
             reject: missing-context /context/page/url is missing: the plan requires it of a server source\n  \
             reject: invalid-property /properties/order_id is of another type (expected string, found number)\n\
             line 4: Other: flagged\n  \
             flag: unplanned-event /event is the name of no event in the plan\n\
             line 5: Other: discarded no-consent\n  \
             no consent to ads (shop@1)\n\
             line 6: (no name): rejected unreadable\n  \
             the line is not JSON: Eof at column 7\n\
             5 events by shop@1, as a server source's at 2026-12-01T00:00:00Z: 1 passes, 1 flagged, 1 discarded, 2 rejected"
        );
        assert_eq!(judged[0].removed, ["hash /properties/email"]);
    }

    #[test]
    fn context_is_required_of_the_kind_that_the_plan_names() {
        let verdicts =
            |kind| judged(kind, EVENTS).iter().map(|one| one.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(SourceKind::Browser)[1], Outcome::Reject);
        let event = r#"{"type":"track","event":"Order Completed","userId":"u","properties":{"order_id":"o"}}"#;
        assert_eq!(judged(SourceKind::Browser, event)[0].verdict, Outcome::Pass);
        assert_eq!(judged(SourceKind::Server, event)[0].verdict, Outcome::Reject);
    }

    #[test]
    fn rejections_always_fail_and_the_rest_only_where_it_is_denied() {
        let judged = judged(SourceKind::Server, EVENTS);
        let only = |outcome| {
            let of = judged.iter().filter(|one| one.verdict == outcome);
            of.cloned().collect::<Vec<Judged>>()
        };
        assert!(denied(&judged, &[]));
        for (outcome, deny) in [(Outcome::Flag, Deny::Flags), (Outcome::Discard, Deny::Discards)] {
            assert!(!denied(&only(outcome), &[]));
            assert!(denied(&only(outcome), &[deny]));
        }
        assert!(!denied(&only(Outcome::Pass), &[Deny::Flags, Deny::Discards]));
    }
}
