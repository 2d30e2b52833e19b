//! What is wrong with one event, gathered so that its sender hears everything at once.

use pipeline::{RejectReason, Rejected};

/// Fields that are absent or have values that they may not have. Holds names and rules only, never
/// values: what it says stands in dead letters and logs.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    missing: Vec<&'static str>,
    invalid: Vec<(&'static str, &'static str)>,
}

impl Findings {
    /// The type requires this field (a path such as `/event`) and it is absent.
    pub(crate) fn missing(&mut self, field: &'static str) {
        self.missing.push(field);
    }

    /// The value of this field breaks this rule, such as `is longer than 100 characters`.
    pub(crate) fn invalid(&mut self, field: &'static str, rule: &'static str) {
        self.invalid.push((field, rule));
    }

    /// Nothing, or the rejection that names every finding.
    pub(crate) fn into_result(self) -> Result<(), Rejected> {
        let reason = match (self.missing.is_empty(), self.invalid.is_empty()) {
            (true, true) => return Ok(()),
            (false, _) => RejectReason::MissingField,
            (true, false) => RejectReason::InvalidField,
        };
        let missing = self.missing.iter().map(|field| format!("{field} is missing"));
        let invalid = self.invalid.iter().map(|(field, rule)| format!("{field} {rule}"));
        let all: Vec<String> = missing.chain(invalid).collect();
        Err(Rejected::new(reason, all.join("; ")))
    }
}
