//! URLs of pages, parsed.

use std::{cell::RefCell, sync::Arc};

use url::Url;

/// A longer text is not remembered.
const LONGEST: usize = 2_048;

thread_local! {
    /// The text that was parsed last, and what came of it: a visitor's events of one page often come
    /// one after the other.
    static LAST: RefCell<(String, Option<Arc<Url>>)> = const { RefCell::new((String::new(), None)) };
}

/// The text, where it is an absolute URL.
pub(crate) fn parsed(text: &str) -> Option<Arc<Url>> {
    LAST.with_borrow_mut(|(last, url)| {
        if last == text {
            return url.clone();
        }
        let read = Url::parse(text.trim()).ok().map(Arc::new);
        if text.len() <= LONGEST {
            text.clone_into(last);
            url.clone_from(&read);
        }
        read
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_parsed_before_the_url_is_that_of_the_text() {
        let long = format!("https://shop.example/{}", "x".repeat(LONGEST));
        let texts = ["", "https://a.example/1", "https://a.example/2", "/path", &long];
        for before in texts {
            for text in texts {
                parsed(before);
                let expected = Url::parse(text).ok();
                assert_eq!(parsed(text).as_deref(), expected.as_ref(), "{text} after {before}");
                assert_eq!(parsed(text).as_deref(), expected.as_ref(), "{text} again");
            }
        }
    }
}
