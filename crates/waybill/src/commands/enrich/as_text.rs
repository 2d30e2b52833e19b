//! The explanation for a person.

use enrichment::{Change, Explained, Explanation};

use super::court::{Stopped, Told};

/// A heading, then an enrichment with its facts after the other, then what becomes of the event.
pub(super) fn of(told: &Told) -> String {
    let event = told.event.as_deref().unwrap_or("(no type)");
    let source = match &told.source {
        Some(id) => format!("the {} source {id}", told.kind),
        None => format!("a {} source without settings", told.kind),
    };
    let mut lines = vec![format!("{}, of {source}", shown(event))];
    lines.extend(told.enrichments.iter().flat_map(enrichment));
    if !told.transformed.is_empty() {
        lines.push("transformations".to_owned());
    }
    lines.extend(told.transformed.iter().map(|(member, value)| {
        change(&Change { place: format!("/{member}"), value: value.clone() })
    }));
    if !told.disabled.is_empty() {
        lines.push(format!("switched off: {}", told.disabled.join(", ")));
    }
    lines.push(match &told.stopped {
        None => "it goes on".to_owned(),
        Some(Stopped { by, verdict, reason, detail }) => {
            format!("{by} lets it go no further: {verdict}, {reason}: {}", shown(detail))
        }
    });
    lines.join("\n")
}

fn enrichment(explained: &Explained) -> Vec<String> {
    let Explained { name, version, facts, changes, nothing } = explained;
    let mut lines = vec![format!("{name} ({version})")];
    lines.extend(facts.iter().map(fact));
    lines.extend(changes.iter().map(change));
    lines.extend(nothing.iter().map(|why| format!("  nothing: {why}")));
    lines
}

fn fact(Explanation { field, value, from }: &Explanation) -> String {
    let from =
        if from.is_empty() { String::new() } else { format!(" <- {}", shown(&from.join(", "))) };
    match value {
        Some(value) => format!("  {} = {}{from}", shown(field), shown(value)),
        None => format!("  {} is taken out", shown(field)),
    }
}

fn change(Change { place, value }: &Change) -> String {
    match value {
        Some(value) => format!("  {} becomes {}", shown(place), shown(value)),
        None => format!("  {} is taken out", shown(place)),
    }
}

/// A sender's text, so that it cannot command the terminal.
fn shown(text: &str) -> String {
    if text.chars().any(char::is_control) {
        text.escape_debug().to_string()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_is_told_and_no_text_commands_the_terminal() {
        let explained = Explained {
            name: "url-parameters".to_owned(),
            version: "1".to_owned(),
            facts: vec![Explanation {
                field: "removed".to_owned(),
                value: Some("\u{1b}[2J".to_owned()),
                from: vec!["/context/page/url".to_owned()],
            }],
            changes: vec![
                Change { place: "/request/ip".to_owned(), value: None },
                Change { place: "/context/page/url".to_owned(), value: Some("\"a\"".to_owned()) },
            ],
            nothing: None,
        };
        assert_eq!(
            enrichment(&explained),
            [
                "url-parameters (1)",
                r"  removed = \u{1b}[2J <- /context/page/url",
                "  /request/ip is taken out",
                r#"  /context/page/url becomes "a""#,
            ]
        );
    }
}
