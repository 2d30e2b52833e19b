// Events through @segment/analytics-node. It retries by itself: 10 times, 0.5 s to 60 s apart.

import { Analytics } from "@segment/analytics-node";

import { EVENT, Ledger, handOver, properties, say, task, visitor, withPatience } from "./task.mjs";

const ledger = new Ledger();
// Small batches, so that more than one is under way when the test disturbs ingest.
const analytics = new Analytics({ writeKey: task.writeKey, host: task.ingest, flushAt: 4, flushInterval: 250 });
analytics.on("http_response", ({ status }) => ledger.answered(status));
analytics.on("error", ({ code, reason }) => say(`SDK: ${code}: ${reason}`));

/** Calls the SDK, and resolves when the SDK has delivered the message or given it up. */
const told = (call) => new Promise((resume) => call((error, context) => resume({ error, messageId: context?.event.messageId })));

const waiting = [told((done) => analytics.identify(visitor, done))];
await handOver((number) => {
  ledger.handed(number);
  const message = { userId: visitor.userId, event: EVENT, properties: properties(number) };
  const sent = told((done) => analytics.track(message, done));
  waiting.push(sent.then((fate) => settle(number, fate)));
});
await withPatience(Promise.all([analytics.closeAndFlush({ timeout: task.patience }), ...waiting]));
ledger.close("@segment/analytics-node", { retries: "sdk" });

function settle(number, { error, messageId }) {
  if (!error) return ledger.delivered(number, messageId);
  ledger.named(number, messageId);
  ledger.refused(number, error.reason ?? error);
}
