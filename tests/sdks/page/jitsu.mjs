// @jitsu/js in the browser. It has no retries: see stubborn-fetch.mjs.

import { jitsuAnalytics } from "@jitsu/js";

import { stubbornFetch } from "../stubborn-fetch.mjs";
import { visit } from "./visit.mjs";

const { plan } = window;

const analytics = jitsuAnalytics({
  host: plan.ingest,
  writeKey: plan.writeKey,
  fetch: stubbornFetch(() => {}),
  errorPolicy: (message) => console.error(`SDK: ${message}`),
});

visit({
  page: () => analytics.page(),
  identify: (userId, traits) => analytics.identify(userId, traits),
  track: (event, properties) => analytics.track(event, properties),
});
