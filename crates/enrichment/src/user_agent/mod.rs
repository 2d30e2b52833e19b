//! The end user's browser, system and device.
//!
//! Each field is what the first of these says that says anything:
//!
//! 1. the sender: `context.os` and `context.device`, as SDKs of apps fill them in;
//! 2. client hints as the page's SDK read them (`context.userAgentData`), then those that ingest saw;
//! 3. the user agent text: `context.userAgent`, else the header that ingest saw.
//!
//! What ingest saw counts only where the request is the end user's own (never of a server's source),
//! and its hints only where its text is the text that is read: else they are another program's.
//! Hints name a browser only where the text names Chrome or none, since apps that show pages are
//! named by the text alone; and a class only of what the text takes for a desktop, phone or tablet.
//!
//! Where the sender's own word wins over another, that other is told in `derived`. Hints that differ
//! from the text are not: the text is frozen by design (all Windows is 10, all macOS is 10.15.7).

mod browsers;
mod class;
mod detail;
mod hints;
mod settings;
mod stated;
mod structured;
mod systems;
mod text;

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use event::{Event, UserAgentFacts};

pub(crate) use class::DeviceClass;
use detail::DeviceDetail;
use hints::{ClientHints, NO_HINTS};
pub use settings::UserAgentSettings;
pub use stated::{DeviceView, SystemView};
use text::TextReader;
pub(crate) use text::TextReading;

use crate::{
    ContextView, Enrichment, Facts, Subject,
    agent_text::{AgentText, AgentTexts, SharedAgent},
    by_text::ByText,
    context_view::of_the_end_user,
};

/// How much of a text is read, in bytes. Longer ones are flagged `user-agent-too-long`.
const READ_BYTES: usize = 1024;

/// Reads the user agent text, client hints and what the sender says of the device.
#[derive(Default)]
pub(crate) struct UserAgent {
    reader: TextReader,
    texts: Arc<AgentTexts>,
    hints_sent: ByText<Arc<ClientHints>>,
    hints_seen: ByText<Arc<ClientHints>>,
}

impl Enrichment for UserAgent {
    fn name(&self) -> &'static str {
        "user-agent"
    }

    fn version(&self) -> &'static str {
        if self.reader.has_detail() {
            "1 woothee-0.13.0 uap-core-0.18.0"
        } else {
            "1 woothee-0.13.0"
        }
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "/context/userAgent",
            "/request/user_agent",
            "/context/userAgentData",
            "/request/client_hints",
            "/context/device",
            "/context/os",
        ]
    }

    fn apply<'d>(&'d self, subject: &Subject<'_, 'd>, facts: &mut Facts<'d>) {
        let Subject { event, context, .. } = *subject;
        let text = end_users_text(event, context);
        let hints = self.hints(event, context, text.as_ref().map(|(text, _)| &**text));
        let says_something = hints.as_ref().is_some_and(|hints| hints.say_something());
        if text.is_none() && !says_something && !context.says_something_of_the_device() {
            return;
        }
        let (text, taken_from) = text.unwrap_or((Cow::Borrowed(""), "device"));
        if text.len() > READ_BYTES {
            facts.flags.push("user-agent-too-long".into());
        }
        if hints.as_ref().is_some_and(|hints| hints.malformed) {
            facts.flags.push("invalid-client-hints".into());
        }
        let known = self.texts.get(start(&text), |_| Arc::default());
        let read = || known.reading.get_or_init(|| self.reader.read(start(&text)));
        let tells_more = hints.is_some() || context.says_anything_of_the_device();
        let shared = known.facts_taken_from(taken_from).filter(|_| !tells_more);
        if let Some(shared) = shared.filter(|_| text.len() <= READ_BYTES) {
            let of_text = || {
                let (text, taken_from) = (text.clone().into_owned().into(), taken_from.into());
                UserAgentFacts { text, taken_from, ..worked_out(read(), &NO_HINTS) }.into()
            };
            facts.user_agent = Some(Arc::clone(shared.get_or_init(of_text)));
            return;
        }
        let mut agent = worked_out(read(), hints.as_deref().unwrap_or(&NO_HINTS));
        (agent.text, agent.taken_from) = (text, taken_from.into());
        stated::settle(context, &mut agent, &mut facts.derived);
        facts.user_agent = Some(agent.into());
    }
}

impl AgentText {
    /// The facts of the text alone.
    fn facts_taken_from(&self, taken_from: &str) -> Option<&OnceLock<SharedAgent>> {
        let [context, request] = &self.facts;
        match taken_from {
            "context" => Some(context),
            "request" => Some(request),
            _ => None,
        }
    }
}

impl UserAgent {
    pub(crate) fn new(settings: UserAgentSettings, texts: Arc<AgentTexts>) -> Self {
        let detail = settings.device_detail.then(DeviceDetail::built_in).flatten();
        Self { reader: TextReader::with(detail), texts, ..Self::default() }
    }

    /// The hints that are the end user's.
    fn hints(
        &self,
        event: &Event<&str>,
        context: &ContextView<'_>,
        text: Option<&str>,
    ) -> Option<Arc<ClientHints>> {
        let read_sent = |json: &str| Arc::new(ClientHints::of_user_agent_data(json));
        let read_seen = |json: &str| Arc::new(ClientHints::of_headers(json));
        let sent = context.user_agent_data;
        let sent = sent.map(|json| self.hints_sent.get(json, read_sent));
        let seen = of_the_end_user(event)
            .filter(|request| request.user_agent == text)
            .and_then(|request| request.client_hints);
        let seen = seen.map(|json| self.hints_seen.get(json, read_seen));
        match (sent, seen) {
            (Some(sent), Some(seen)) => Some(Arc::new(ClientHints::clone(&sent).or(&seen))),
            (sent, seen) => sent.or(seen),
        }
    }
}

/// What the sender says comes first: behind a proxy or an SDK the header is another program's.
pub(crate) fn end_users_text<'d>(
    event: &Event<&'d str>,
    context: &ContextView<'d>,
) -> Option<(Cow<'d, str>, &'static str)> {
    let sent = context.user_agent.clone().map(|text| (text, "context"));
    let seen = || of_the_end_user(event)?.user_agent.map(|text| (text.into(), "request"));
    sent.or_else(seen).filter(|(text, _)| !text.trim().is_empty())
}

/// As much of a text as is read.
pub(crate) fn start(text: &str) -> &str {
    &text[..text.floor_char_boundary(READ_BYTES)]
}

/// Text and hints together; the sender's own word is not among them yet.
fn worked_out<'d>(text: &TextReading, hints: &ClientHints) -> UserAgentFacts<Cow<'d, str>> {
    let (browser, browser_version) = browser(text, hints);
    let (os, os_version) = system(text, hints);
    let class = match text.class {
        None | Some(DeviceClass::Desktop | DeviceClass::Phone | DeviceClass::Tablet) => {
            hints.class().or(text.class)
        }
        class => class,
    };
    let model = hints.model.as_ref().or(text.model.as_ref());
    UserAgentFacts {
        browser: browser.map(Cow::Owned),
        browser_version: browser_version.map(Cow::Owned),
        os: os.map(Cow::Owned),
        os_version: os_version.map(Cow::Owned),
        device_class: class.map(|class| class.word().into()),
        device_brand: text.brand.clone().map(Cow::Owned),
        device_model: model.cloned().map(Cow::Owned),
        ..UserAgentFacts::default()
    }
}

fn browser(text: &TextReading, hints: &ClientHints) -> (Option<String>, Option<String>) {
    let of_text = || (text.browser.clone(), text.browser_version.clone());
    let Some(hinted) = &hints.browser else { return of_text() };
    let of_hints = || (Some(hinted.name.clone()), hinted.version.clone());
    match text.browser.as_deref() {
        Some(name) if name == hinted.name && !hinted.is_full => of_text(),
        Some(name) if name == hinted.name => of_hints(),
        None | Some("Chrome" | "Chromium") => of_hints(),
        Some(_) => of_text(),
    }
}

/// `Linux` and `Android` are what hints say of systems that are made of them.
fn system(text: &TextReading, hints: &ClientHints) -> (Option<String>, Option<String>) {
    let told = |of: &Option<String>| of.clone();
    match (&text.os, &hints.os) {
        (os, None) => (told(os), told(&text.os_version)),
        (Some(os), Some(hinted)) if os == hinted => {
            (told(&text.os), hints.os_version.clone().or_else(|| told(&text.os_version)))
        }
        (Some(os), Some(hinted)) if hinted == "Linux" || os == "HarmonyOS" => {
            (Some(os.clone()), told(&text.os_version))
        }
        (_, hinted) => (told(hinted), told(&hints.os_version)),
    }
}

/// A system's name spelled as we spell it, where it is one that we know; else as it is.
fn system_name(name: &str) -> String {
    let name = name.trim();
    let known = match name.to_ascii_lowercase().as_str() {
        "ios" | "iphone os" => "iOS",
        "ipados" => "iPadOS",
        "android" => "Android",
        "macos" | "mac os x" | "mac os" | "osx" | "os x" => "macOS",
        "windows" => "Windows",
        "chrome os" | "chromium os" | "chromeos" => "Chrome OS",
        "linux" => "Linux",
        "tvos" => "tvOS",
        "watchos" => "watchOS",
        _ => name,
    };
    known.to_owned()
}
