//! First-party ids and sessions: what `/v1/session` gives out.

use std::time::{Duration, SystemTime};

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use identity::{Day, FirstPartyConfig, day_of};
use serde::Serialize;
use serde_json::Value;

use crate::{
    config::CookieConfig,
    cookies,
    refusal::Refusal,
    shell::{iso8601, millis},
};

/// A session id is this many random bytes in base64url.
const SESSION_BYTES: usize = 16;

/// An id is replaced this many days before it expires: what a page sends until it asks again must
/// not come too late.
const RENEWED_BEFORE: Day = 1;

/// What a page or a backend asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The write key, where it is in no header.
    pub(crate) write_key: Option<String>,
    /// The first-party id that it knows.
    anonymous_id: Option<String>,
    /// The session that it knows.
    session_id: Option<String>,
    /// Whether to forget both.
    reset: bool,
}

/// An id and a session.
#[expect(clippy::struct_field_names, reason = "as SDKs call it")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    /// A genuine first-party id, to be used as the `anonymousId` of any SDK.
    pub(crate) anonymous_id: String,
    /// The session, to be sent as `context.sessionId`.
    pub(crate) session_id: String,
    /// When the session ends unless it is asked for again, ISO-8601.
    pub(crate) expires_at: String,
}

impl Asked {
    /// From the body of a POST; nothing in it asks for what the cookies say. Members of a wrong type
    /// count as absent: a page's storage may hold anything.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return Err(Refusal::UnreadableBody("the body is no JSON object; it may be empty"));
        };
        let text = |name| members.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            write_key: text("writeKey"),
            anonymous_id: text("anonymousId"),
            session_id: text("sessionId"),
            reset: members.get("reset").and_then(Value::as_bool).unwrap_or(false),
        })
    }
}

/// The id and session that go on, or new ones. What a caller shows is kept only if it is genuine and
/// does not expire just now; a cookie comes before what the body says.
pub(crate) fn session(
    asked: &Asked,
    headers: &HeaderMap,
    keys: &FirstPartyConfig,
    life: Duration,
    now: SystemTime,
    random: impl Fn() -> [u8; 16],
) -> Result<Session, Refusal> {
    let kept = |cookie: Option<String>, told: &Option<String>, is_good: &dyn Fn(&str) -> bool| {
        let candidates = [cookie.as_ref(), told.as_ref()].into_iter().flatten();
        let mut good = candidates.filter(|id| !asked.reset && is_good(id));
        good.next().cloned()
    };
    let today = day_of(millis(now));
    let lasts = |id: &str| keys.verify(id, today.saturating_add(RENEWED_BEFORE)).is_genuine();
    let id = kept(cookies::id(headers), &asked.anonymous_id, &lasts);
    // Another person's session is not this one's.
    let is_known = id.is_some();
    let mint = || {
        let [_, _, random @ ..] = random();
        keys.mint(random, today)
    };
    let anonymous_id = id.or_else(mint).ok_or(Refusal::NoFirstPartyKey)?;
    let session =
        kept(cookies::session(headers), &asked.session_id, &|id| is_known && is_session(id));
    let session_id = session.unwrap_or_else(|| BASE64.encode(random()));
    Ok(Session { anonymous_id, session_id, expires_at: iso8601(now + life) })
}

fn is_session(id: &str) -> bool {
    BASE64.decode(id).is_ok_and(|bytes| bytes.len() == SESSION_BYTES)
}

/// The answer. Cookies are set for a page; a backend hands the ids to its page itself.
pub(crate) fn answer(session: &Session, cookie: Option<&CookieConfig>) -> Response {
    let mut response = Json(session).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(config) = cookie {
        cookies::set(headers, config, &session.anonymous_id, &session.session_id);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn an_id_is_renewed_the_day_before_it_expires_and_its_session_with_it() {
        let keys: FirstPartyConfig = serde_json::from_str(
            r#"{"keys": [{"id": "k1", "secret": "0123456789abcdef0123456789abcdef"}],
                "max_age_days": 30}"#,
        )
        .unwrap();
        let minted: Day = 20_780;
        let id = keys.mint([1; 14], minted).unwrap();
        let known = BASE64.encode([2; SESSION_BYTES]);
        for (age, kept) in [(0, true), (29, true), (30, false), (31, false)] {
            let days = u64::try_from(minted + age).unwrap();
            let now = UNIX_EPOCH + Duration::from_hours(24 * days);
            let asked = Asked {
                anonymous_id: Some(id.clone()),
                session_id: Some(known.clone()),
                ..Asked::default()
            };
            let life = Duration::from_mins(30);
            let given = session(&asked, &HeaderMap::new(), &keys, life, now, || [3; 16]).unwrap();
            assert_eq!(given.anonymous_id == id, kept, "{age}");
            assert_eq!(given.session_id == known, kept, "{age}");
            assert!(keys.verify(&given.anonymous_id, minted + age).is_genuine(), "{age}");
        }
    }
}
