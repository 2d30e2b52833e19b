//! The first-party cookies: one for the id, one for the session.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite, time::Duration};

use crate::config::CookieConfig;

/// Holds the first-party id.
const ID: &str = "waybill_id";
/// Holds the id of the session that goes on.
const SESSION: &str = "waybill_session";

/// The first-party id that the request carries.
pub(crate) fn id(headers: &HeaderMap) -> Option<String> {
    value(headers, ID)
}

/// The session that the request carries.
pub(crate) fn session(headers: &HeaderMap) -> Option<String> {
    value(headers, SESSION)
}

fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

/// Sets both: the id for as long as configured, the session until it ends.
pub(crate) fn set(headers: &mut HeaderMap, config: &CookieConfig, id: &str, session: &str) {
    let lives = [
        (ID, id, Duration::days(config.days.into())),
        (SESSION, session, Duration::minutes(config.session_minutes.into())),
    ];
    for (name, value, life) in lives {
        let mut cookie = Cookie::build((name, value))
            .path("/")
            .max_age(life)
            .secure(true)
            .same_site(SameSite::Lax)
            .http_only(config.http_only);
        if let Some(domain) = &config.domain {
            cookie = cookie.domain(domain.as_str());
        }
        if let Ok(value) = HeaderValue::try_from(cookie.to_string()) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}
