//! The parameters of a query, decoded only where somebody asks for one.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A parameter as it stands in a query.
pub(crate) struct Parameter<'a> {
    /// Its name, decoded.
    pub(crate) name: Cow<'a, str>,
    raw: &'a str,
}

impl<'a> Parameter<'a> {
    /// Its value, decoded.
    pub(crate) fn value(&self) -> Cow<'a, str> {
        decoded(self.raw)
    }
}

/// The parameters of a query (without its question mark), as the URL standard reads
/// `application/x-www-form-urlencoded`: <https://url.spec.whatwg.org/#urlencoded-parsing>.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = Parameter<'_>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
        Parameter { name: decoded(name), raw }
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::form_urlencoded;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn a_query_is_read_as_the_url_standard_says(
            query in prop_oneof![any::<String>(), "[a-c=&+%0-9A-F]{0,40}", "(utm_[a-z]{1,3}=[a-z%2C+]{0,8}&?){0,4}"],
        ) {
            let ours: Vec<_> = parameters(&query)
                .map(|it| (it.name.clone().into_owned(), it.value().into_owned()))
                .collect();
            let theirs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
