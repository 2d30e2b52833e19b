//! Kinds of devices.

/// What kind of device it is: a closed list, the words of `UserAgentFacts.device_class`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceClass {
    Desktop,
    Phone,
    Tablet,
    Tv,
    Console,
    /// On the body: watches, headsets.
    Wearable,
    /// No device of a person: woothee knows the text as a crawler's.
    Crawler,
}

impl DeviceClass {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Tv => "tv",
            Self::Console => "console",
            Self::Wearable => "wearable",
            Self::Crawler => "crawler",
        }
    }

    /// The class that woothee's category stands for.
    pub(super) fn of_category(category: &str) -> Option<Self> {
        Some(match category {
            "pc" => Self::Desktop,
            "smartphone" | "mobilephone" => Self::Phone,
            "crawler" => Self::Crawler,
            _ => return None,
        })
    }

    /// The class that a sender's `context.device.type` says; SDKs also put the system there, which
    /// says nothing of the kind.
    pub(super) fn of_type(kind: &str) -> Option<Self> {
        Some(match kind.to_ascii_lowercase().as_str() {
            "desktop" | "pc" | "laptop" => Self::Desktop,
            "phone" | "smartphone" | "mobile" | "handset" => Self::Phone,
            "tablet" | "pad" => Self::Tablet,
            "tv" | "smarttv" | "smart-tv" | "television" => Self::Tv,
            "console" => Self::Console,
            "watch" | "wearable" => Self::Wearable,
            _ => return None,
        })
    }

    /// The class of an Apple model such as `iPad13,1`. Other makers' names follow no rule.
    pub(super) fn of_model(model: &str) -> Option<Self> {
        let classes = [
            ("iPhone", Self::Phone),
            ("iPod", Self::Phone),
            ("iPad", Self::Tablet),
            ("AppleTV", Self::Tv),
            ("Watch", Self::Wearable),
            ("Mac", Self::Desktop),
        ];
        classes.into_iter().find(|(start, _)| model.starts_with(start)).map(|(_, class)| class)
    }

    /// The class of a form factor of client hints.
    pub(super) fn of_form_factor(word: &str) -> Option<Self> {
        Some(match word {
            "Desktop" => Self::Desktop,
            "Mobile" => Self::Phone,
            "Tablet" => Self::Tablet,
            "Watch" | "XR" => Self::Wearable,
            _ => return None,
        })
    }
}
