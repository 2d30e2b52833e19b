//! What a rule found at one place of an event, before it is known what comes of it.

use std::borrow::Cow;

use event::Finding;
use pipeline::RejectReason;
use serde_json::Value;

use super::document::OnViolation;

/// Longest name that is shown in a pointer, in bytes.
const LONGEST_NAME: usize = 64;
/// This many digits may be a telephone number.
const MOST_DIGITS: usize = 5;

/// One thing that a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) reason: RejectReason,
    pub(crate) pointer: Cow<'static, str>,
    pub(crate) problem: Cow<'static, str>,
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<&'static str>,
    pub(crate) on_violation: OnViolation,
}

impl Found {
    /// Something that rejects.
    pub(crate) fn new(
        reason: RejectReason,
        pointer: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (pointer, problem) = (pointer.into(), problem.into());
        let on_violation = OnViolation::Reject;
        Self { reason, pointer, problem, expected: None, actual: None, on_violation }
    }

    /// As it is written on events and dead letters. `outcome` is `reject`, `flag` or `would-reject`.
    pub(crate) fn told(self, outcome: &str, plan: Option<&str>) -> Finding {
        Finding {
            reason: self.reason.word().to_owned(),
            pointer: self.pointer.into_owned(),
            problem: self.problem.into_owned(),
            expected: self.expected,
            actual: self.actual.map(str::to_owned),
            outcome: outcome.to_owned(),
            plan_version: plan.map(str::to_owned),
        }
    }
}

/// The type of a JSON value.
pub(crate) const fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A name that a sender chose, as far as it may be shown: one that may itself be personal, such as an
/// e-mail address that became a property's name, is written `*`.
pub(crate) fn shown_name(name: &str) -> &str {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | ' ' | '~');
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let shown = name.len() <= LONGEST_NAME && digits <= MOST_DIGITS && name.chars().all(plain);
    if shown { name } else { "*" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_may_be_personal_is_not_shown() {
        for (name, shown) in [
            ("order_id", true),
            ("Order Id.v2", true),
            ("a~1b", true),
            ("ada@example.com", false),
            ("00491701234567", false),
            ("Müller", false),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(shown_name(name), if shown { name } else { "*" });
        }
    }
}
