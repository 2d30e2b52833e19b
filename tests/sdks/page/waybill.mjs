// Waybill's own client, as it is built in this repository.

import * as client from "../../../clients/javascript/dist/waybill.js";

import { visit } from "./visit.mjs";

const { plan } = window;

// A module, a CommonJS module, or a script that sets a global: whichever the build is.
const { load } = [client, client.default, window.waybill].find((one) => one?.load) ?? {};
const waybill = load({ writeKey: plan.writeKey, url: plan.ingest });

visit({
  page: () => waybill.page(),
  identify: (userId, traits) => waybill.identify(userId, traits),
  track: (event, properties) => waybill.track(event, properties),
  flush: () => waybill.flush(),
});
