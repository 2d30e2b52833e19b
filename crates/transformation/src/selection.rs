//! Which events a transformation sees.

use event::{Event, Text};

/// Sources and names, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    sources: Vec<SourcePattern>,
    events: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum SourcePattern {
    Exactly(String),
    Beginning(String),
}

impl Selection {
    /// The selection, or why a pattern cannot stand.
    pub(crate) fn new(sources: &[String], events: &[String]) -> Result<Self, String> {
        if sources.is_empty() {
            return Err(
                "sources: there are none, so it sees nothing; leave the key out for all".to_owned()
            );
        }
        let sources = sources.iter().map(|it| SourcePattern::new(it)).collect::<Result<_, _>>()?;
        Ok(Self { sources, events: events.to_vec() })
    }

    pub(crate) fn takes<S: Text>(&self, event: &Event<S>) -> bool {
        self.sources.iter().any(|pattern| pattern.fits(&event.source)) && self.names(event)
    }

    fn names<S: Text>(&self, event: &Event<S>) -> bool {
        let name: &str = event.event.as_ref().unwrap_or(&event.kind);
        self.events.is_empty() || self.events.iter().any(|it| it == name)
    }
}

impl SourcePattern {
    fn new(text: &str) -> Result<Self, String> {
        match text.split_once('*') {
            None => Ok(Self::Exactly(text.to_owned())),
            Some((beginning, "")) => Ok(Self::Beginning(beginning.to_owned())),
            Some(_) => Err(format!("sources: {text:?}: `*` may only stand at the end")),
        }
    }

    fn fits(&self, source: &str) -> bool {
        match self {
            Self::Exactly(id) => source == id,
            Self::Beginning(beginning) => source.starts_with(beginning),
        }
    }
}
