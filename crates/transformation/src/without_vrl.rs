//! What stands for a program where VRL was not built in: it cannot be made, so it never runs.

use std::convert::Infallible;

use event::{EnrichmentFacts, Event};

use crate::{Stopped, TransformationProblem, TransformationSettings};

/// No program.
pub(crate) struct Program(Infallible);

impl Program {
    pub(crate) fn compile(
        settings: &TransformationSettings,
        _text: &str,
    ) -> Result<Self, Vec<TransformationProblem>> {
        let problem = "this binary was built without transformations; build it with \
                       `--features transformations`";
        Err(vec![TransformationProblem::new(&settings.name, problem)])
    }

    pub(crate) fn run<S>(
        &self,
        _event: &mut Event<S>,
        _facts: &EnrichmentFacts<S>,
        _overdue: &mut dyn FnMut() -> bool,
    ) -> Result<(), Stopped> {
        match self.0 {}
    }
}
