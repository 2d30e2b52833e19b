//! What the ledger may say of any event, whatever topic it is on.

/// Names an event to a person: what dead letters, discards and findings carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints<S = String> {
    /// Source of the event.
    pub source: Option<S>,
    /// Event name, else its type.
    pub event: Option<S>,
    /// The sender's own id of the message.
    pub message_id: Option<S>,
    /// Environment of the source; `raw-events` does not say it.
    pub environment: Option<S>,
}

impl<S> Hints<S> {
    /// The same, each of the texts in another form.
    pub fn map<T>(self, text: impl Fn(S) -> T) -> Hints<T> {
        Hints {
            source: self.source.map(&text),
            event: self.event.map(&text),
            message_id: self.message_id.map(&text),
            environment: self.environment.map(&text),
        }
    }
}

/// An event that can say what it is.
pub trait Described {
    /// Its source, name and message id, as far as they are known.
    fn hints(&self) -> Hints;

    /// Its source alone.
    fn source(&self) -> Option<&str>;
}

/// An event that knows the key of its record.
pub trait Keyed {
    /// The key of the record.
    fn key(&self) -> &str;
}

impl<T: Described> Described for Box<T> {
    fn hints(&self) -> Hints {
        (**self).hints()
    }

    fn source(&self) -> Option<&str> {
        (**self).source()
    }
}

impl<T: Keyed> Keyed for Box<T> {
    fn key(&self) -> &str {
        (**self).key()
    }
}
