// @jitsu/js sends each event once and never again. But it lets the application supply `fetch`,
// and this is one that tries again. The body is the SDK's, so every try carries the messageId that
// the SDK minted (which the SDK lets nobody else choose).
//
// Used in Node and in the page: no imports here.

const PATIENCE = 60_000;
// Longer than ingest waits for the broker (10 s): its 503 shall be heard.
const ONE_TRY = 15_000;
const PAUSES = [250, 500, 1_000, 2_000];

/** `note(status or reason)` hears of each try. */
export const stubbornFetch = (note) => async (url, options) => {
  const end = Date.now() + PATIENCE;
  for (let tried = 0; ; tried++) {
    const outcome = await once(url, options);
    note(outcome.response?.status ?? "no answer");
    if (outcome.response && !isPassing(outcome.response.status)) return outcome.response;
    const rest = pauseBefore(tried, outcome.response);
    if (Date.now() + rest > end) {
      if (outcome.response) return outcome.response;
      throw outcome.error;
    }
    await new Promise((resume) => setTimeout(resume, rest));
  }
};

async function once(url, options) {
  try {
    return { response: await fetch(url, { ...options, signal: AbortSignal.timeout(ONE_TRY) }) };
  } catch (error) {
    return { error };
  }
}

const isPassing = (status) => status === 408 || status === 429 || status >= 500;

/** What Retry-After asks for, else longer each time. */
function pauseBefore(tried, response) {
  const asked = Number(response?.headers.get("retry-after"));
  return asked > 0 ? asked * 1_000 : PAUSES[Math.min(tried, PAUSES.length - 1)];
}
