//! What is wrong with a transformation.

/// Something in a transformation that cannot stand. Told when programs are loaded, so it may hold the
/// program's text; no event has been seen yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transformation {name:?}: {problem}")]
pub struct TransformationProblem {
    /// Name of the transformation.
    pub name: String,
    /// What is wrong, where, and how to mend it.
    pub problem: String,
}

impl TransformationProblem {
    pub(crate) fn new(name: &str, problem: impl Into<String>) -> Self {
        Self { name: name.to_owned(), problem: problem.into() }
    }
}
