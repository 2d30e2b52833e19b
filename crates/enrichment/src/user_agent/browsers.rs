//! Browsers by marks of our own, where woothee knows no name or gives another browser's.

/// A browser that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Browser {
    pub(super) name: &'static str,
    pub(super) version: Option<String>,
}

/// Mark, what stands before the version, name. The first whose mark is in the text wins, so apps
/// that show pages stand before browsers, and browsers before the engines they are made of.
const MARKS: [(&str, &str, &str); 44] = [
    ("MessengerForiOS", "FBAV/", "Messenger"),
    ("FB_IAB/Orca-Android", "FBAV/", "Messenger"),
    ("FBAV/", "FBAV/", "Facebook"),
    ("Instagram ", "Instagram ", "Instagram"),
    ("MicroMessenger/", "MicroMessenger/", "WeChat"),
    ("musical_ly_", "musical_ly_", "TikTok"),
    ("trill_", "trill_", "TikTok"),
    ("Snapchat/", "Snapchat/", "Snapchat"),
    ("LinkedInApp", "LinkedInApp]/", "LinkedIn"),
    ("[Pinterest/", "Pinterest/", "Pinterest"),
    ("Twitter for ", "Twitter for iPhone/", "X"),
    (" Line/", " Line/", "LINE"),
    ("KAKAOTALK", "KAKAOTALK ", "KakaoTalk"),
    ("GSA/", "GSA/", "Google app"),
    ("DuckDuckGo/", "DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "Ddg/", "DuckDuckGo"),
    ("EdgiOS/", "EdgiOS/", "Edge"),
    ("EdgA/", "EdgA/", "Edge"),
    ("Edg/", "Edg/", "Edge"),
    ("Edge/", "Edge/", "Edge"),
    ("OPR/", "OPR/", "Opera"),
    ("OPiOS/", "OPiOS/", "Opera"),
    ("OPT/", "OPT/", "Opera"),
    ("OPX/", "OPX/", "Opera"),
    ("SamsungBrowser/", "SamsungBrowser/", "Samsung Internet"),
    ("YaBrowser/", "YaBrowser/", "Yandex Browser"),
    ("Vivaldi/", "Vivaldi/", "Vivaldi"),
    ("UCBrowser/", "UCBrowser/", "UC Browser"),
    ("MiuiBrowser/", "MiuiBrowser/", "Mi Browser"),
    ("HuaweiBrowser/", "HuaweiBrowser/", "Huawei Browser"),
    ("MQQBrowser/", "MQQBrowser/", "QQ Browser"),
    ("QQBrowser/", "QQBrowser/", "QQ Browser"),
    ("SogouMobileBrowser/", "SogouMobileBrowser/", "Sogou Browser"),
    ("coc_coc_browser/", "coc_coc_browser/", "Coc Coc"),
    ("Whale/", "Whale/", "Whale"),
    ("Silk/", "Silk/", "Silk"),
    ("OculusBrowser/", "OculusBrowser/", "Meta Quest Browser"),
    ("Focus/", "Focus/", "Firefox"),
    ("FxiOS/", "FxiOS/", "Firefox"),
    ("CriOS/", "CriOS/", "Chrome"),
    ("Brave/", "Brave/", "Brave"),
    ("; wv)", "Chrome/", "Android WebView"),
    ("HeadlessChrome/", "HeadlessChrome/", "Chrome"),
    ("Chromium/", "Chromium/", "Chromium"),
];

/// The browser whose mark is in the text.
pub(super) fn by_mark(text: &str) -> Option<Browser> {
    let (_, before, name) = MARKS.iter().find(|(mark, ..)| text.contains(mark))?;
    Some(Browser { name, version: version_after(text, before) })
}

/// Names of woothee that are another browser's mark, or no browser's; the rest stay.
pub(super) fn as_we_say(name: &str) -> Option<&str> {
    match name {
        "SamsungBrowser" => Some("Samsung Internet"),
        "Webview" => Some("iOS WebView"),
        "facebook" => Some("facebookexternalhit"),
        "twitter" => Some("Twitterbot"),
        "ahref AhrefsBot" => Some("AhrefsBot"),
        "HTTP Library" | "misc crawler" | "Windows RSSReader" | "RSSReader" | "" | "UNKNOWN" => {
            None
        }
        name => Some(name),
    }
}

/// `130.0.1` of `Name/130.0.1 (…`; versions of apps may have underscores.
pub(super) fn version_after(text: &str, before: &str) -> Option<String> {
    let rest = &text[text.find(before)? + before.len()..];
    let end =
        rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(rest.len());
    let version = rest[..end].trim_matches(['.', '_']).replace('_', ".");
    (!version.is_empty()).then_some(version)
}
