//! Signs of a program.

use std::borrow::Cow;

/// A sign: a closed list, the words of `BotFacts.indicators`, which tell them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The text is on a list of bots: isbot's, or ours.
    UserAgentList,
    /// woothee takes the text for a crawler's.
    Crawler,
    /// A browser without a window, by text or client hints.
    Headless,
    /// A browser that a program drives: it says so itself, or the tool's name is in the text.
    Automation,
    /// The text is that of an HTTP library; of a browser's source only.
    HttpLibrary,
    /// The address belongs to a data centre; not of a server's source.
    Datacenter,
    /// The text is that of a program for uptime or performance checks.
    Monitoring,
    /// The text is that of a program that fetches a page to show a preview of a link.
    Preview,
}

impl Sign {
    const ALL: [Self; 8] = [
        Self::UserAgentList,
        Self::Crawler,
        Self::Headless,
        Self::Automation,
        Self::HttpLibrary,
        Self::Datacenter,
        Self::Monitoring,
        Self::Preview,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::UserAgentList => "user-agent-list",
            Self::Crawler => "crawler",
            Self::Headless => "headless",
            Self::Automation => "automation",
            Self::HttpLibrary => "http-library",
            Self::Datacenter => "datacenter",
            Self::Monitoring => "monitoring",
            Self::Preview => "preview",
        }
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sign| sign.word() == word)
    }
}

/// The signs that are present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signs(u8);

impl Signs {
    pub(super) fn add(&mut self, sign: Sign) {
        self.0 |= 1 << sign as u8;
    }

    pub(super) fn add_if(&mut self, sign: Sign, is_present: bool) {
        if is_present {
            self.add(sign);
        }
    }

    pub(super) const fn has(self, sign: Sign) -> bool {
        self.0 & (1 << sign as u8) != 0
    }

    /// Whether they tell of an HTTP library and nothing more.
    pub(super) fn are_of_a_library(self) -> bool {
        let mut others = self;
        others.0 &= !(1 << Sign::HttpLibrary as u8 | 1 << Sign::UserAgentList as u8);
        self.has(Sign::HttpLibrary) && others == Self::default()
    }

    pub(super) fn words<'d>(self) -> Vec<Cow<'d, str>> {
        let present = Sign::ALL.into_iter().filter(|sign| self.has(*sign));
        present.map(|sign| sign.word().into()).collect()
    }

    /// What it probably is. A program that is known by name is what it is known for, whatever else
    /// it shows; of monitoring and preview the first, since checks also fetch previews.
    pub(super) fn class(self) -> Option<&'static str> {
        match () {
            () if self.has(Sign::Monitoring) => Some("monitoring"),
            () if self.has(Sign::Preview) => Some("preview"),
            () if self.0 != 0 => Some("bot"),
            () => None,
        }
    }
}
