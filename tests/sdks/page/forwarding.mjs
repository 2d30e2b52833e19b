// A page whose backend sends an event about this visit: it hands its backend what the SDK knows.

import { AnalyticsBrowser } from "@segment/analytics-next";

const { plan } = window;
const analytics = AnalyticsBrowser.load({ writeKey: plan.writeKey, cdnURL: plan.ingest });

/** The context of the page call, as the SDK sends it. */
const context = new Promise((resume) => {
  analytics.addSourceMiddleware(({ payload, next }) => {
    resume(payload.obj.context);
    next(payload);
  });
});

async function visit() {
  await analytics.page({ run: plan.run });
  const user = await analytics.user();
  const body = JSON.stringify({ anonymousId: user.anonymousId(), context: await context });
  await fetch("/order", { method: "POST", headers: { "content-type": "application/json" }, body });
  window.over();
}

visit().catch((error) => console.error(error.message));
