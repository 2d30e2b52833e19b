// One visit in a headless Chromium, told twice: the page sends a page view through its SDK, and its
// backend sends the order through a server's SDK with the context that the page handed it.
//
//   SERVER_WRITE_KEY  key of the backend's source
//   CLIENT_ADDRESS    address that the proxy before ingest and the backend says the browser has
//
// The last line on stdout is JSON: {"run"}.

import { Analytics } from "@segment/analytics-node";

import { plainUserAgent, startChromium } from "./chromium.mjs";
import { serveEdge } from "./edge.mjs";
import { servePage } from "./page-server.mjs";
import { say, task, wanted, withPatience } from "./task.mjs";

const CAMPAIGN = "utm_source=newsletter&utm_medium=email&utm_campaign=autumn-sale&utm_id=77&gclid=forwarded&token=secret";
const address = wanted("CLIENT_ADDRESS");

const server = new Analytics({ writeKey: wanted("SERVER_WRITE_KEY"), host: task.ingest });
server.on("error", ({ code, reason }) => say(`SDK: ${code}: ${reason}`));

/** What a backend does: the page's context goes on, with the address that its proxy tells it. */
function order({ anonymousId, context }) {
  const { library, ...ofThePage } = context;
  server.track({
    anonymousId,
    event: "Order Completed",
    properties: { run: task.run, revenue: "1234.50", currency: "eur" },
    context: { ...ofThePage, ip: address },
  });
}

const { writeKey, run } = task;
const ingest = await serveEdge(task.ingest, address);
const site = await servePage("forwarding", { ingest, writeKey, run }, { "/order": order });
const browser = await startChromium();
const visit = await browser.newContext({
  userAgent: plainUserAgent(browser),
  locale: "de-DE",
  timezoneId: "Europe/Berlin",
});
const page = await visit.newPage();
page.on("pageerror", (error) => say(`page: ${error.message}`));
page.on("console", (message) => message.type() === "error" && say(`console: ${message.text()}`));
const over = new Promise((resume) => void page.exposeFunction("over", () => resume(true)));
await page.goto(`${site}/?${CAMPAIGN}`, { referer: "https://www.google.com/" });
const done = await withPatience(over);
await server.closeAndFlush({ timeout: task.patience });
await browser.close();
process.stdout.write(`${JSON.stringify({ run })}\n`, () => process.exit(done ? 0 : 1));
