//! Two versions of a plan: what holds for all events.

use tracking_plan::plan::{
    Denied, NameRule, OnViolation, PlanDocument, Unknown, Unplanned, UnplannedProperties, token,
};

use super::change::{Changes, Class};

/// Compares what a plan says apart from its events and their context.
pub(super) fn compare(old: &PlanDocument, new: &PlanDocument, changes: &mut Changes) {
    if old.plan != new.plan {
        changes.unknown("/plan", "is another plan: sources choose one by its name");
    }
    on_violation([old.on_violation, new.on_violation], "/on_violation", changes);
    unplanned_events(old, new, changes);
    unplanned_properties(
        [old.unplanned_properties, new.unplanned_properties],
        "/unplanned_properties",
        changes,
    );
    naming(old, new, changes);
    consent(old, new, changes);
    privacy(old, new, changes);
}

/// Compares what becomes of events that break a rule.
pub(super) fn on_violation([was, is]: [OnViolation; 2], at: &str, changes: &mut Changes) {
    match (was, is) {
        (OnViolation::Flag, OnViolation::Reject) => {
            changes.breaking(at, "flag → reject: what was only flagged is rejected");
        }
        (OnViolation::Reject, OnViolation::Flag) => changes.safe(at, "reject → flag"),
        _ => {}
    }
}

fn unplanned_events(old: &PlanDocument, new: &PlanDocument, changes: &mut Changes) {
    let word = |what| match what {
        Unplanned::Allow => "allow",
        Unplanned::Flag => "flag",
        Unplanned::Reject => "reject",
    };
    let [was, is] = [old.unplanned_events, new.unplanned_events];
    if was != is {
        let text = format!("{} → {}", word(was), word(is));
        changes.breaking_if(is == Unplanned::Reject, "/unplanned_events", text);
    }
}

/// Compares what becomes of properties that no schema names.
pub(super) fn unplanned_properties(
    [was, is]: [UnplannedProperties; 2],
    at: &str,
    changes: &mut Changes,
) {
    let word = |what| match what {
        UnplannedProperties::Allow => "allow",
        UnplannedProperties::Flag => "flag",
        UnplannedProperties::Strip => "strip",
        UnplannedProperties::Reject => "reject",
    };
    if was == is {
        return;
    }
    let lost = if is == UnplannedProperties::Strip { ": they are taken out now" } else { "" };
    let text = format!("{} → {}{lost}", word(was), word(is));
    changes.breaking_if(is == UnplannedProperties::Reject, at, text);
}

fn naming(old: &PlanDocument, new: &PlanDocument, changes: &mut Changes) {
    let rules = [
        ("/naming/events", &old.naming.events, &new.naming.events),
        ("/naming/properties", &old.naming.properties, &new.naming.properties),
    ];
    for (at, was, is) in rules {
        let mut of_rule = Changes::default();
        name_rule(was, is, at, &mut of_rule);
        changes.take(of_rule, new.on_violation == OnViolation::Reject);
    }
}

fn name_rule(was: &NameRule, is: &NameRule, at: &str, changes: &mut Changes) {
    if was.case != is.case {
        let example = |rule: &NameRule| rule.case.map_or("any", |case| case.example());
        let text = format!("names are written like {:?} → {:?}", example(was), example(is));
        changes.breaking_if(is.case.is_some(), &format!("{at}/case"), text);
    }
    if was.prefix != is.prefix {
        let prefix = |rule: &NameRule| rule.prefix.clone().unwrap_or_default();
        let text = format!("names begin with {:?} → {:?}", prefix(was), prefix(is));
        let breaks = !prefix(was).starts_with(&prefix(is));
        changes.breaking_if(breaks, &format!("{at}/prefix"), text);
    }
    let at = format!("{at}/reserved");
    for name in is.reserved.iter().filter(|name| !was.reserved.contains(name)) {
        changes.breaking(&at, format!("{name:?} is reserved now"));
    }
    for name in was.reserved.iter().filter(|name| !is.reserved.contains(name)) {
        changes.safe(&at, format!("{name:?} is not reserved any more"));
    }
}

/// An event that is discarded for want of consent does not pass any more either.
fn consent(old: &PlanDocument, new: &PlanDocument, changes: &mut Changes) {
    let [was, is] = [&old.consent, &new.consent];
    let discards = is.categories.values().any(|category| category.denied == Denied::Discard);
    if was.path != is.path && !was.categories.is_empty() {
        let class = if discards { Class::Unknown } else { Class::Safe };
        changes.add(class, "/consent/path", "consent is told at another place");
    }
    if was.unknown != is.unknown {
        let denied = is.unknown == Unknown::Denied;
        let text = if denied { "silence is a no now" } else { "silence is no no any more" };
        changes.breaking_if(denied && discards, "/consent/unknown", text);
    }
    for (name, category) in &is.categories {
        let at = format!("/consent/categories/{}", token(name));
        let before = was.categories.get(name);
        if before == Some(category) {
            continue;
        }
        let text = match category.denied {
            Denied::Keep => "nothing follows from a no but the fact",
            Denied::Strip => "without consent parts of an event are taken out",
            Denied::Discard => "without consent events are discarded",
        };
        changes.breaking_if(category.denied == Denied::Discard, &at, text);
    }
    for name in was.categories.keys().filter(|name| !is.categories.contains_key(*name)) {
        let at = format!("/consent/categories/{}", token(name));
        changes.safe(&at, "is no category any more");
    }
}

/// Privacy rules reject nothing; what they do to a value changes what is stored.
fn privacy(old: &PlanDocument, new: &PlanDocument, changes: &mut Changes) {
    for (index, rule) in new.privacy.iter().enumerate() {
        if !old.privacy.contains(rule) {
            let text = format!("{}: {} from now on", rule.path, rule.action.word());
            changes.safe(&format!("/privacy/{index}"), text);
        }
    }
    for rule in &old.privacy {
        if !new.privacy.iter().any(|other| other.path == rule.path) {
            let text = format!("{} is stored as it is sent: no rule removes it", rule.path);
            changes.safe("/privacy", text);
        }
    }
}
