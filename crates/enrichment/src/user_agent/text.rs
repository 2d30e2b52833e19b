//! What the text of a user agent says, by itself.

use woothee::parser::{Parser, WootheeResult};

use super::{browsers, class::DeviceClass, detail::DeviceDetail, systems, systems::System};

/// What one text says. Everything is as written, but that names are always spelled alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TextReading {
    pub(super) browser: Option<String>,
    pub(super) browser_version: Option<String>,
    pub(super) os: Option<String>,
    pub(super) os_version: Option<String>,
    pub(super) class: Option<DeviceClass>,
    pub(super) brand: Option<String>,
    pub(super) model: Option<String>,
}

/// Reads texts: with marks of our own, with woothee for what they do not know, and with uap-core
/// for brand and model where that is asked for.
#[derive(Default)]
pub(super) struct TextReader {
    woothee: Parser,
    detail: Option<DeviceDetail>,
}

impl TextReader {
    pub(super) fn with(detail: Option<DeviceDetail>) -> Self {
        Self { detail, ..Self::default() }
    }

    /// Whether it reads brand and model.
    pub(super) const fn has_detail(&self) -> bool {
        self.detail.is_some()
    }

    pub(super) fn read(&self, text: &str) -> TextReading {
        let known = self.woothee.parse(text).unwrap_or_default();
        let system = systems::by_mark(text).unwrap_or_else(|| of_woothee(&known));
        let (browser, browser_version) = browser(text, &known);
        let mut reading = TextReading {
            browser,
            browser_version,
            os: system.name.map(str::to_owned),
            os_version: system.version,
            class: if known.category == "crawler" {
                Some(DeviceClass::Crawler)
            } else {
                system.class
            },
            ..TextReading::default()
        };
        if let Some(device) = self.detail.as_ref().and_then(|detail| detail.read(text)) {
            (reading.brand, reading.model) = (device.brand, device.model);
        }
        reading
    }
}

fn browser(text: &str, known: &WootheeResult<'_>) -> (Option<String>, Option<String>) {
    if let Some(browser) = browsers::by_mark(text) {
        return (Some(browser.name.to_owned()), browser.version);
    }
    let version = Some(known.version).filter(|version| is_version(version));
    // Everybody calls himself Safari, but only Safari has a version of that.
    let is_named = version.is_some() || known.name != "Safari";
    let name = browsers::as_we_say(known.name).filter(|_| is_named);
    (name.map(str::to_owned), version.filter(|_| name.is_some()).map(str::to_owned))
}

/// What woothee says of systems that no rule of ours knows.
fn of_woothee<'a>(known: &WootheeResult<'a>) -> System<'a> {
    let name = Some(known.os).filter(|name| !matches!(*name, "" | "UNKNOWN"));
    let version = Some(&known.os_version).filter(|version| name.is_some() && is_version(version));
    System {
        name,
        version: version.map(|version| version.clone().into_owned()),
        class: DeviceClass::of_category(known.category),
    }
}

fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}
