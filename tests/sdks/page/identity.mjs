// A page on which somebody may look around, and then says who she is.

import { AnalyticsBrowser } from "@segment/analytics-next";

const { plan } = window;
const { run } = plan;
const analytics = AnalyticsBrowser.load({ writeKey: plan.writeKey, cdnURL: plan.ingest });

async function visit() {
  if (plan.looks) {
    await analytics.page({ run });
    await analytics.track("Product Viewed", { run });
  }
  await analytics.identify(plan.userId, { plan: "team" });
  await analytics.track(plan.event, { run });
  const user = await analytics.user();
  // The sign that the visit is over.
  window.anonymousId = user.anonymousId();
}

visit().catch((error) => console.error(error.message));
