// Events through @jitsu/js, server to server. The SDK has no retries: see stubborn-fetch.mjs.

import { jitsuAnalytics } from "@jitsu/js";

import { stubbornFetch } from "./stubborn-fetch.mjs";
import { EVENT, Ledger, handOver, properties, say, task, visitor, withPatience } from "./task.mjs";

const ledger = new Ledger();
const send = stubbornFetch((status) => ledger.answered(status));
const analytics = jitsuAnalytics({
  host: task.ingest,
  writeKey: task.writeKey,
  s2s: true,
  fetch: sendAndNote,
  errorPolicy: (message) => say(`SDK: ${message}`),
});

await analytics.identify(visitor.userId, visitor.traits);
const waiting = [];
await handOver((number) => {
  ledger.handed(number);
  waiting.push(analytics.track(EVENT, properties(number)));
});
await withPatience(Promise.all(waiting));
ledger.close("@jitsu/js", { retries: "application" });

/** The SDK tells neither the id that it minted nor whether it delivered: so look at what it does. */
async function sendAndNote(url, options) {
  const message = JSON.parse(options.body);
  const number = message.properties?.number;
  if (number) ledger.named(number, message.messageId);
  const response = await send(url, options);
  if (number && response.ok) ledger.delivered(number);
  if (number && !response.ok) ledger.refused(number, `ingest answered ${response.status}`);
  return response;
}
