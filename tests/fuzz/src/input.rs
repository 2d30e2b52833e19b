//! What the fuzzer's bytes mean.

use crate::{
    answer::{Answer, send},
    judge::judge,
    log::{BAD_WAYS, Way},
    packing::{PACKINGS, Packing},
    request::{CALLERS, Caller, KINDS, request},
    routes::{ROUTES, Route},
};

/// Bytes before the body.
const HEAD: usize = 4;

/// A request and a log. The first four bytes choose the route, how the body is packed, who sends
/// it and what the log does; each beyond the end of its list begins at the front again.
pub struct Input<'a> {
    pub(crate) route: &'static Route,
    pub(crate) packing: Packing,
    pub(crate) kind: &'static str,
    pub(crate) caller: Caller,
    pub(crate) way: Way,
    pub(crate) body: &'a [u8],
}

impl<'a> Input<'a> {
    /// `None` for fewer than four bytes.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let (&[route, packing, caller, way], body) = bytes.split_first_chunk::<HEAD>()?;
        let packing = usize::from(packing);
        Some(Self {
            route: ROUTES.get(usize::from(route) % ROUTES.len().max(1))?,
            packing: PACKINGS[packing % PACKINGS.len()],
            kind: KINDS[packing / PACKINGS.len() % KINDS.len()],
            caller: CALLERS[usize::from(caller) % CALLERS.len()],
            // Mostly it takes them: only then is there something to look at.
            way: BAD_WAYS.get(usize::from(way)).copied().unwrap_or_default(),
            body,
        })
    }

    /// Sends it to ingest.
    pub fn send(&self) -> anyhow::Result<Answer> {
        send(request(self)?, self.way)
    }
}

/// Whether ingest keeps its promises with these bytes; an error tells which one it does not.
pub fn check(bytes: &[u8]) -> anyhow::Result<()> {
    let Some(input) = Input::of(bytes) else { return Ok(()) };
    judge(&input, &input.send()?)
}

/// The four bytes for a choice by its places in the lists.
pub(crate) fn head(route: usize, packing: usize, caller: usize, way: Way) -> [u8; HEAD] {
    let place = |place: usize| u8::try_from(place).unwrap_or_default();
    let way = BAD_WAYS.iter().position(|bad| *bad == way).map_or(u8::MAX, place);
    [place(route), place(packing), place(caller), way]
}
