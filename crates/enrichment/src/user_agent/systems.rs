//! Systems and kinds of devices by marks of our own: woothee names versions, not systems, of
//! Windows, has no tablets, and knows few televisions.

use super::{browsers::version_after, class::DeviceClass};

/// What a text tells of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct System<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) version: Option<String>,
    pub(super) class: Option<DeviceClass>,
}

/// Marks of televisions and of what is plugged into them.
const TELEVISIONS: [&str; 15] = [
    "SMART-TV",
    "SmartTV",
    "Smart TV",
    "SmartHub",
    "AppleTV",
    "Apple TV",
    "Android TV",
    "GoogleTV",
    "CrKey/",
    "BRAVIA",
    "HbbTV",
    "Web0S",
    "NetCast",
    "Roku/",
    "; AFT",
];

/// Marks of what is worn on the head, in either mode of its browser.
const HEADSETS: [&str; 2] = ["; Quest", "OculusBrowser/"];

/// A rule: the marks of which one must be there, and what is read then.
type Rule = (&'static [&'static str], fn(&str) -> System<'static>);

/// The first that fits wins: who pretends to be another stands before it.
const RULES: [Rule; 17] = [
    (&["Windows Phone"], |text| {
        let version = version_after(text, "Windows Phone OS ");
        let version = version.or_else(|| version_after(text, "Windows Phone "));
        system("Windows Phone", version, Some(DeviceClass::Phone))
    }),
    (&["Xbox"], |text| system("Windows", windows(text), Some(DeviceClass::Console))),
    (&["PlayStation", "PLAYSTATION"], |_| system("PlayStation", None, Some(DeviceClass::Console))),
    (&["Nintendo"], |_| system("Nintendo", None, Some(DeviceClass::Console))),
    (&["Web0S", "NetCast"], |_| system("webOS", None, Some(DeviceClass::Tv))),
    (&["Tizen"], tizen),
    (&["Roku/"], |text| system("Roku OS", version_after(text, "Roku/DVP-"), Some(DeviceClass::Tv))),
    (&["AppleTV", "Apple TV"], |text| {
        system(
            "tvOS",
            apple_mobile(text).or_else(|| version_after(text, "tvOS ")),
            Some(DeviceClass::Tv),
        )
    }),
    (&["watchOS", "Watch OS"], |text| {
        let version = version_after(text, "watchOS/").or_else(|| version_after(text, "watchOS "));
        system("watchOS", version, Some(DeviceClass::Wearable))
    }),
    (&["iPad"], |text| system("iPadOS", apple_mobile(text), Some(DeviceClass::Tablet))),
    (&["iPhone", "iPod"], |text| system("iOS", apple_mobile(text), Some(DeviceClass::Phone))),
    (&["KAIOS/"], |text| system("KaiOS", version_after(text, "KAIOS/"), Some(DeviceClass::Phone))),
    (&["Android", "HarmonyOS", "OpenHarmony"], android),
    (&["CrOS "], |text| system("Chrome OS", chrome_os(text), Some(DeviceClass::Desktop))),
    (&["Windows NT", "Windows; U", "Windows 98"], |text| {
        system("Windows", windows(text), Some(DeviceClass::Desktop))
    }),
    // Apps of Apple's systems, phones and desktops alike, say no more of theirs.
    (&["Darwin/"], |_| System::default()),
    (&["Macintosh", "Mac OS X"], |text| {
        system("macOS", version_after(text, "Mac OS X "), Some(DeviceClass::Desktop))
    }),
];

/// What the text tells of system and device; `None` where no rule fits.
pub(super) fn by_mark(text: &str) -> Option<System<'static>> {
    let names = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    let rule = RULES.iter().find(|(marks, _)| names(marks));
    let system = rule.map(|(_, read)| read(text)).or_else(|| unix(text));
    let class = match () {
        () if names(&TELEVISIONS) => Some(DeviceClass::Tv),
        () if names(&HEADSETS) => Some(DeviceClass::Wearable),
        () => return system,
    };
    Some(System { class, ..system.unwrap_or_default() })
}

const fn system(
    name: &'static str,
    version: Option<String>,
    class: Option<DeviceClass>,
) -> System<'static> {
    System { name: Some(name), version, class }
}

/// `18.1` of `CPU iPhone OS 18_1 like Mac OS X`, `CPU OS 17_6 like …` and `iOS 18.1`.
fn apple_mobile(text: &str) -> Option<String> {
    [" OS ", "iOS ", "iPadOS ", "iOS/"].iter().find_map(|before| version_after(text, before))
}

/// `14541.0.0` of `CrOS x86_64 14541.0.0`.
fn chrome_os(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("CrOS ")?;
    version_after(rest.split_once(' ')?.1, "")
}

/// Windows by the version of its kernel. Windows 11 also calls itself NT 10.0: only client hints tell.
fn windows(text: &str) -> Option<String> {
    let kernel = version_after(text, "Windows NT ")?;
    let names = [
        ("10.0", "10"),
        ("6.3", "8.1"),
        ("6.2", "8"),
        ("6.1", "7"),
        ("6.0", "Vista"),
        ("5.2", "XP"),
        ("5.1", "XP"),
        ("5.0", "2000"),
    ];
    names.into_iter().find(|(version, _)| *version == kernel).map(|(_, name)| name.to_owned())
}

/// Phones say `Mobile`, tablets do not. That holds for browsers only: what apps send through the
/// system's own HTTP client (`Dalvik`) says it never.
fn android(text: &str) -> System<'static> {
    let is_browser = text.starts_with("Mozilla/");
    let class = match () {
        () if text.contains("Tablet") => Some(DeviceClass::Tablet),
        () if text.contains("Mobile") || text.contains("(Phone;") => Some(DeviceClass::Phone),
        () => is_browser.then_some(DeviceClass::Tablet),
    };
    if text.contains("Harmony") {
        let version = version_after(text, "Harmony ").or_else(|| version_after(text, "HarmonyOS "));
        return system("HarmonyOS", version, class);
    }
    system("Android", version_after(text, "Android "), class)
}

/// Samsung's system of televisions, watches and some phones.
fn tizen(text: &str) -> System<'static> {
    let class = match () {
        () if text.contains("TV") => DeviceClass::Tv,
        () if text.contains("SM-R") => DeviceClass::Wearable,
        () => DeviceClass::Phone,
    };
    system("Tizen", version_after(text, "Tizen "), Some(class))
}

/// Desktops that name a free Unix. A bare `Linux` may be anything: crawlers like to say it.
fn unix(text: &str) -> Option<System<'static>> {
    let name = ["FreeBSD", "OpenBSD", "Linux"].into_iter().find(|name| text.contains(name))?;
    Some(system(name, None, text.contains("X11").then_some(DeviceClass::Desktop)))
}
