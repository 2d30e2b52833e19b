//! URLs of pages, parsed.

use std::sync::{Arc, LazyLock};

use url::Url;

use crate::by_text::ByText;

/// The events of a site come from few pages.
static PARSED: LazyLock<ByText<Option<Arc<Url>>>> = LazyLock::new(ByText::default);

/// The text, where it is an absolute URL.
pub(crate) fn parsed(text: &str) -> Option<Arc<Url>> {
    PARSED.get(text, |text| Url::parse(text.trim()).ok().map(Arc::new))
}
