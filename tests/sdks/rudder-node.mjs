// Events through @rudderstack/rudder-sdk-node. By default it tries again 3 times only, within
// 1.5 s: an application that must ride out more sets `retryCount`, as here.
//
// It is given no timeout on purpose: the SDK does not retry a request that timed out.

import { gunzipSync } from "node:zlib";

import RudderAnalytics from "@rudderstack/rudder-sdk-node";

import { EVENT, Ledger, handOver, properties, say, task, visitor, withPatience } from "./task.mjs";

const ledger = new Ledger();
const analytics = new RudderAnalytics(task.writeKey, {
  dataPlaneUrl: task.ingest,
  flushAt: 4,
  flushInterval: 250,
  logLevel: "error",
  retryCount: 40,
  axiosRetryConfig: { retryDelay: (attempt) => Math.min(100 * 2 ** attempt, 2_000), onRetry },
  // Without it the SDK throws, and nobody could catch that: the process would end.
  errorHandler: (error) => say(`SDK gave up: ${error.message}`),
});

/** Calls the SDK, and resolves when the SDK has delivered the message or given it up. */
const told = (call) => new Promise((resume) => call((error, request) => resume({ error, request })));

const waiting = [told((done) => analytics.identify(visitor, done))];
await handOver((number) => {
  ledger.handed(number);
  const message = { userId: visitor.userId, event: EVENT, properties: properties(number) };
  const sent = told((done) => analytics.track(message, done));
  waiting.push(sent.then((fate) => settle(number, fate)));
});
await withPatience(Promise.all(waiting));
ledger.close("@rudderstack/rudder-sdk-node", { retries: "sdk" });

function settle(number, { error, request }) {
  ledger.named(number, messageIdOf(number, request));
  if (error) return ledger.refused(number, error.message);
  ledger.delivered(number);
}

/** The SDK keeps the id that it minted to itself, but hands out the request: gzipped JSON. */
function messageIdOf(number, request) {
  const { batch } = JSON.parse(gunzipSync(request));
  return batch.find((message) => message.properties?.number === number)?.messageId;
}

function onRetry(attempt, error) {
  ledger.answered(error.response?.status ?? error.code);
}
