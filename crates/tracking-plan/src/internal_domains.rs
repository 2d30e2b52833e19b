//! Which domains a source may call its own.

use crate::{ConfigProblem, Source};

/// Adds a problem for each of the source's `internal_domains` that no host can match.
pub(crate) fn check_internal_domains(source: &Source, problems: &mut Vec<ConfigProblem>) {
    for (number, domain) in source.config.internal_domains.iter().enumerate() {
        if let Some(problem) = problem_of(domain) {
            problems.push(ConfigProblem {
                key: format!("sources.{:?}.internal_domains[{number}]", source.id),
                problem: problem.to_owned(),
                remedy: "write the host alone, such as \"shop.example\": it stands for itself and \
                         all hosts below it"
                    .to_owned(),
            });
        }
    }
}

fn problem_of(domain: &str) -> Option<&'static str> {
    let is_label = |label: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.bytes().all(is_part)
    };
    if domain.contains("://") {
        Some("it has a scheme")
    } else if domain.contains('*') {
        Some("it has a wildcard")
    } else if domain.contains(['/', '?', '#']) {
        Some("it has a path")
    } else if domain.contains([':', '@']) {
        Some("it has a port or credentials")
    } else if domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Some("it has upper-case letters, and hosts are compared in lower case")
    } else if !domain.is_ascii() {
        Some("it is not written in ASCII (xn--…), and hosts are compared so")
    } else if !domain.split('.').all(is_label) {
        Some("it is no host")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_that_no_host_can_match_is_told_with_its_key() {
        for (domain, expected) in [
            ("shop.example", None),
            ("a.b-c.shop.example", None),
            ("localhost", None),
            ("xn--bcher-kva.example", None),
            ("192.0.2.7", None),
            ("https://shop.example", Some("it has a scheme")),
            ("*.shop.example", Some("it has a wildcard")),
            ("shop.example/de", Some("it has a path")),
            ("shop.example:8443", Some("it has a port or credentials")),
            ("Shop.example", Some("it has upper-case letters")),
            ("bücher.example", Some("it is not written in ASCII")),
            (".shop.example", Some("it is no host")),
            ("shop.example.", Some("it is no host")),
            ("shop example", Some("it is no host")),
            ("", Some("it is no host")),
        ] {
            let table =
                serde_json::json!({"kind": "server", "internal_domains": ["ok.example", domain]});
            let config = serde_json::from_value(table).unwrap();
            let source = Source { id: "web/app".to_owned(), config };
            let mut problems = Vec::new();
            check_internal_domains(&source, &mut problems);
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(told.len(), usize::from(expected.is_some()), "{domain}: {told:?}");
            for (told, expected) in told.iter().zip(expected) {
                let key = "sources.\"web/app\".internal_domains[1]: ";
                assert!(told.starts_with(&format!("{key}{expected}")), "{told}");
            }
        }
    }
}
