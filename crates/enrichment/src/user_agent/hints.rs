//! Client hints: what a browser says of itself beside the text. As headers that ingest saw, and as
//! `context.userAgentData`, which the page's SDK read (WICG, User-Agent Client Hints).

use serde::Deserialize;

use super::{class::DeviceClass, structured};
use crate::members::Members;

/// What client hints say, in our words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClientHints {
    pub(super) browser: Option<HintedBrowser>,
    pub(super) mobile: Option<bool>,
    pub(super) os: Option<String>,
    pub(super) os_version: Option<String>,
    pub(super) model: Option<String>,
    pub(super) form: Option<DeviceClass>,
    /// Something was there that is not written as a hint is.
    pub(super) malformed: bool,
}

/// The browser among the brands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HintedBrowser {
    pub(super) name: String,
    pub(super) version: Option<String>,
    /// Whether that is all of the version, or its first number only.
    pub(super) is_full: bool,
}

/// What no hints say.
pub(super) const NO_HINTS: ClientHints = ClientHints {
    browser: None,
    mobile: None,
    os: None,
    os_version: None,
    model: None,
    form: None,
    malformed: false,
};

impl ClientHints {
    /// Of `context.userAgentData` (JSON text of an object).
    pub(super) fn of_user_agent_data(json: &str) -> Self {
        let members = Members::read(json);
        let named = |name| members.parsed::<Vec<Brand>>(name).unwrap_or_default();
        let (full, short) = (named("fullVersionList"), named("brands"));
        let version = members.text("uaFullVersion");
        let forms = members.parsed::<Vec<String>>("formFactors").unwrap_or_default();
        let hints = Self {
            browser: browser(&full, true).or_else(|| browser(&short, false)),
            mobile: members.parsed("mobile"),
            model: members.text("model"),
            form: forms.iter().find_map(|form| DeviceClass::of_form_factor(form)),
            ..Self::default()
        };
        hints
            .with_full_version(version)
            .with_system(members.text("platform"), members.text("platformVersion"))
    }

    /// Of headers (JSON text of an object, by lower-case name).
    pub(super) fn of_headers(json: &str) -> Self {
        let mut fields = Fields { members: Members::read(json), malformed: false };
        let full = fields.read("sec-ch-ua-full-version-list", brands).unwrap_or_default();
        let short = fields.read("sec-ch-ua", brands).unwrap_or_default();
        let version = fields.read("sec-ch-ua-full-version", structured::text);
        let forms = fields.read("sec-ch-ua-form-factors", structured::list).unwrap_or_default();
        let system = fields.read("sec-ch-ua-platform", structured::text);
        let system_version = fields.read("sec-ch-ua-platform-version", structured::text);
        let hints = Self {
            browser: browser(&full, true).or_else(|| browser(&short, false)),
            mobile: fields.read("sec-ch-ua-mobile", structured::boolean),
            model: fields
                .read("sec-ch-ua-model", structured::text)
                .filter(|it| !it.trim().is_empty()),
            form: forms.iter().find_map(|(form, _)| DeviceClass::of_form_factor(form)),
            malformed: fields.malformed,
            ..Self::default()
        };
        hints.with_full_version(version).with_system(system, system_version)
    }

    /// These, and those where these say nothing.
    pub(super) fn or(self, other: &Self) -> Self {
        let is_full = self.browser.as_ref().is_some_and(|browser| browser.is_full);
        let better = other.browser.clone().filter(|browser| browser.is_full && !is_full);
        let (os, os_version) = match (self.os, self.os_version) {
            (os, None) if os.is_none() || os == other.os => {
                (other.os.clone(), other.os_version.clone())
            }
            told => told,
        };
        Self {
            browser: better.or(self.browser).or_else(|| other.browser.clone()),
            mobile: self.mobile.or(other.mobile),
            os,
            os_version,
            model: self.model.or_else(|| other.model.clone()),
            form: self.form.or(other.form),
            malformed: self.malformed || other.malformed,
        }
    }

    /// Whether anything is known from them.
    pub(super) fn say_something(&self) -> bool {
        self.browser.is_some() || self.os.is_some() || self.model.is_some()
    }

    /// The class: by form factor, else phone where `mobile`, and else by the system.
    pub(super) fn class(&self) -> Option<DeviceClass> {
        let by_mobile = || match (self.mobile?, self.os.as_deref()?) {
            (true, _) => Some(DeviceClass::Phone),
            (false, "Android") => Some(DeviceClass::Tablet),
            (false, "Windows" | "macOS" | "Chrome OS" | "Linux") => Some(DeviceClass::Desktop),
            (false, _) => None,
        };
        self.form.or_else(by_mobile)
    }

    /// The older hint of the full version, which is that of the browser itself.
    fn with_full_version(mut self, version: Option<String>) -> Self {
        let browser = self.browser.as_mut().filter(|browser| !browser.is_full);
        if let (Some(browser), Some(version)) = (browser, version.filter(|it| is_version(it))) {
            (browser.version, browser.is_full) = (Some(version), true);
        }
        self
    }

    fn with_system(mut self, platform: Option<String>, version: Option<String>) -> Self {
        let Some(platform) = platform.filter(|it| !matches!(it.trim(), "" | "Unknown")) else {
            return self;
        };
        let os = super::system_name(&platform);
        self.os_version = version.and_then(|version| system_version(&os, version.trim()));
        self.os = Some(os);
        self
    }
}

/// Header fields by name, and whether any was malformed.
struct Fields<'a> {
    members: Members<'a>,
    malformed: bool,
}

impl Fields<'_> {
    fn read<T>(&mut self, name: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
        let value = parse(&self.members.text(name)?);
        self.malformed |= value.is_none();
        value
    }
}

/// One of the brands of a browser.
#[derive(Debug, Deserialize)]
struct Brand {
    brand: String,
    #[serde(default)]
    version: String,
}

fn brands(field: &str) -> Option<Vec<Brand>> {
    let members = structured::list(field)?;
    let brand = |(brand, version): (String, Option<String>)| Brand {
        brand,
        version: version.unwrap_or_default(),
    };
    Some(members.into_iter().map(brand).collect())
}

/// The brand that is the browser's own. Browsers shuffle the list and add a made-up one to it.
fn browser(brands: &[Brand], is_full: bool) -> Option<HintedBrowser> {
    let named = brands.iter().filter_map(|it| Some((browser_name(&it.brand)?, it)));
    // One that is built on Chrome may name that too.
    let (name, brand) = named.max_by_key(|(name, _)| *name != "Chrome")?;
    let version = Some(brand.version.clone()).filter(|version| is_version(version));
    Some(HintedBrowser { name: name.to_owned(), is_full: is_full && version.is_some(), version })
}

/// Our name of a brand; `None` for engines, which say less than the text, and for made-up ones.
fn browser_name(brand: &str) -> Option<&str> {
    match brand.trim() {
        "" | "Chromium" | "Android WebView" | "Microsoft Edge WebView2" | "Yowser" => None,
        "Google Chrome" | "HeadlessChrome" => Some("Chrome"),
        "Microsoft Edge" => Some("Edge"),
        "Opera GX" | "OperaMobile" => Some("Opera"),
        "YaBrowser" | "Yandex" => Some("Yandex Browser"),
        "OculusBrowser" => Some("Meta Quest Browser"),
        brand => (!is_made_up(brand) && brand.len() <= 64).then_some(brand),
    }
}

/// `Not)A;Brand`, ` Not A;Brand`, `Not?A_Brand`: the words with any signs between them (GREASE, section
/// "create arbitrary brand" of the specification).
fn is_made_up(brand: &str) -> bool {
    let letters: String = brand.chars().filter(char::is_ascii_alphabetic).collect();
    letters.eq_ignore_ascii_case("NotABrand")
}

fn is_version(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// A system's version from the platform version. Windows tells that of an interface: 13 and above is
/// Windows 11, 1 to 10 is Windows 10, 0 something older (Microsoft, "Detect Windows 11 using
/// User-Agent Client Hints"). Linux tells its kernel's, which is no version of the system.
fn system_version(os: &str, version: &str) -> Option<String> {
    let version = Some(version).filter(|version| is_version(version))?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    match (os, major) {
        ("Windows", 13..) => Some("11".to_owned()),
        ("Windows", 1..) => Some("10".to_owned()),
        ("Windows", 0) | ("Linux", _) => None,
        ("Chrome OS", _) => Some(version.to_owned()),
        _ => Some(without_zeros(version).to_owned()),
    }
}

/// `14` of `14.0.0`, as texts write it.
fn without_zeros(mut version: &str) -> &str {
    while let Some(shorter) = version.strip_suffix(".0") {
        version = shorter;
    }
    version
}
