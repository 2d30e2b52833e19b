//! Brand and model of a device by uap-core's patterns: some hundred regular expressions, so the
//! setting `device_detail` is off unless an operator wants them.

use ua_parser::device::{Builder, Extractor, Parser};

/// The patterns, one a line; where they come from is in `data/uap-core/NOTICE`.
const PATTERNS: &str = include_str!("../../data/uap-core/devices.json");

/// The compiled patterns.
pub(super) struct DeviceDetail(Extractor<'static>);

/// Who made a device and what it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) brand: Option<String>,
    pub(super) model: Option<String>,
}

impl DeviceDetail {
    /// Compiles the patterns. A test does so too, so `None` stands for a broken build.
    pub(super) fn built_in() -> Option<Self> {
        let patterns: Vec<Parser<'static>> = serde_json::from_str(PATTERNS).ok()?;
        let extractor = Builder::new().push_all(patterns).ok()?.build().ok()?;
        Some(Self(extractor))
    }

    pub(super) fn read(&self, text: &str) -> Option<Device> {
        let found = self.0.extract(text)?;
        let brand = found.brand.as_deref().filter(|brand| is_a_maker(brand))?;
        let model = found.model.as_deref().map(str::trim).filter(|model| is_a_model(model));
        Some(Device { brand: Some(brand.to_owned()), model: model.map(str::to_owned) })
    }
}

/// `Generic`, `Generic_Android` and `Spider` stand for devices that nothing is known of.
fn is_a_maker(brand: &str) -> bool {
    !brand.trim().is_empty() && !brand.starts_with("Generic") && brand != "Spider"
}

/// `K` is what Chrome writes in every model's place.
fn is_a_model(model: &str) -> bool {
    !model.is_empty() && model != "K"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brand_and_model_are_read_where_the_text_has_them() {
        let detail = DeviceDetail::built_in().unwrap();
        let cases = [
            (
                "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
                Some(("Samsung", Some("SM-S921B"))),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
                Some(("Apple", Some("iPhone"))),
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A.240505.005; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.86 Mobile Safari/537.36",
                Some(("Google", Some("Pixel 8"))),
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
                None,
            ),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", None),
            ("who knows", None),
            ("", None),
        ];
        let wrong: Vec<String> = cases
            .iter()
            .filter_map(|(text, expected)| {
                let told = detail.read(text).map(|it| (it.brand.unwrap(), it.model));
                let told = told.as_ref().map(|(brand, model)| (brand.as_str(), model.as_deref()));
                (told != *expected).then(|| format!("{text}: {told:?}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
