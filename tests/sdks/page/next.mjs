// @segment/analytics-next. Only `cdnURL` leads it to ingest: the settings reply tells it the rest.

import { AnalyticsBrowser } from "@segment/analytics-next";

import { visit } from "./visit.mjs";

const { plan } = window;

const DELIVERY = {
  single: undefined,
  // What the SDK does of itself when told to batch: 10 events or 5 s.
  batching: { strategy: "batching" },
  // `keepalive` lets a request that is under way when the page is left go on. What waits in the
  // SDK's buffer goes out on pagehide, with keepalive whatever is set here.
  unload: { strategy: "batching", config: { keepalive: true } },
};

const deliveryStrategy = DELIVERY[plan.delivery];
const analytics = AnalyticsBrowser.load(
  { writeKey: plan.writeKey, cdnURL: plan.ingest },
  deliveryStrategy && { integrations: { "Segment.io": { deliveryStrategy } } },
);
analytics.on("error", ({ code, reason }) => console.error(`SDK: ${code}: ${reason}`));

visit({
  page: () => analytics.page(),
  identify: (userId, traits) => analytics.identify(userId, traits),
  track: (event, properties) => analytics.track(event, properties),
  // The SDK takes a call in asynchronously. Its own trackLink waits as long before it navigates.
  moment: 300,
});
