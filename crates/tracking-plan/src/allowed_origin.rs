//! Which pages may send with the keys of a source.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};

/// An origin as RFC 6454 writes it, `https://shop.example` or with a port; `*.` before the host
/// stands for every name below it, but not for the host itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin {
    scheme: String,
    below: bool,
    /// Host, with the port where it is not the scheme's own.
    host: String,
}

impl AllowedOrigin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, host) = text.split_once("://")?;
        let (below, host) = host.strip_prefix("*.").map_or((false, host), |host| (true, host));
        let is_host = !host.is_empty()
            && !host.contains(['/', '*', '?', '#', '@'])
            && host.bytes().all(|byte| byte.is_ascii_graphic());
        let lower = |text: &str| text.to_ascii_lowercase();
        (is_host && !scheme.is_empty()).then(|| Self {
            scheme: lower(scheme),
            below,
            host: lower(host),
        })
    }

    /// Whether this header `Origin` is of it.
    pub fn matches(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        let Some(host) =
            origin.strip_prefix(&self.scheme).and_then(|rest| rest.strip_prefix("://"))
        else {
            return false;
        };
        if !self.below {
            return host == self.host;
        }
        host.strip_suffix(&self.host).is_some_and(|name| name.len() > 1 && name.ends_with('.'))
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.below { "*." } else { "" };
        write!(f, "{}://{star}{}", self.scheme, self.host)
    }
}

impl<'de> Deserialize<'de> for AllowedOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(
                "an origin is written as a browser sends it, such as https://shop.example, \
                 http://localhost:3000 or https://*.shop.example",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_matches_itself_and_with_a_star_the_names_below() {
        let table = [
            ("https://shop.example", "https://shop.example", true),
            ("https://shop.example", "HTTPS://Shop.Example", true),
            ("https://shop.example", "http://shop.example", false),
            ("https://shop.example", "https://shop.example:8443", false),
            ("https://shop.example", "https://shop.example.evil.example", false),
            ("https://shop.example", "https://www.shop.example", false),
            ("http://localhost:3000", "http://localhost:3000", true),
            ("https://*.shop.example", "https://www.shop.example", true),
            ("https://*.shop.example", "https://a.b.shop.example", true),
            ("https://*.shop.example", "https://shop.example", false),
            ("https://*.shop.example", "https://.shop.example", false),
            ("https://*.shop.example", "https://evilshop.example", false),
            ("https://shop.example", "null", false),
            ("https://shop.example", "", false),
        ];
        for (pattern, origin, expected) in table {
            let allowed = AllowedOrigin::parse(pattern).unwrap();
            assert_eq!(allowed.matches(origin), expected, "{pattern} and {origin}");
            assert_eq!(allowed.to_string(), pattern);
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in ["", "*", "shop.example", "https://", "https://shop.example/", "https://*.*"] {
            assert_eq!(AllowedOrigin::parse(text), None, "{text}");
        }
    }
}
