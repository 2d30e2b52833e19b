// One person through the SDKs: she looks around in a headless Chromium, signs up, buys something that
// only the server tells of, by her user id alone, and logs in on a second device.
//
//   SERVER_WRITE_KEY  key of the backend's source
//   USER_ID           id that she signs up with
//
// The last line on stdout is JSON: {"run", "devices"}: the anonymous ids that the SDK made up.

import { Analytics } from "@segment/analytics-node";

import { plainUserAgent, startChromium } from "./chromium.mjs";
import { servePage } from "./page-server.mjs";
import { say, task, wanted } from "./task.mjs";

const userId = wanted("USER_ID");
const server = new Analytics({ writeKey: wanted("SERVER_WRITE_KEY"), host: task.ingest });
server.on("error", ({ code, reason }) => say(`SDK: ${code}: ${reason}`));

const { ingest, writeKey, run } = task;
const browser = await startChromium();

/** A visit with an empty profile; resolves to its anonymous id. */
async function visit(plan) {
  const site = await servePage("identity", { ingest, writeKey, run, userId, ...plan });
  const profile = await browser.newContext({ userAgent: plainUserAgent(browser) });
  const page = await profile.newPage();
  page.on("pageerror", (error) => say(`page: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && say(`console: ${message.text()}`));
  await page.goto(`${site}/`);
  const seen = await page.waitForFunction(() => window.anonymousId, undefined, { timeout: task.patience });
  return seen.jsonValue();
}

const first = await visit({ looks: true, event: "Signed Up" });
server.track({ userId, event: "Order Completed", properties: { run, revenue: 12.5, currency: "EUR" } });
await server.closeAndFlush({ timeout: task.patience });
const second = await visit({ looks: false, event: "Logged In" });
await browser.close();
const done = Boolean(first && second);
process.stdout.write(`${JSON.stringify({ run, devices: [first, second] })}\n`, () => process.exit(done ? 0 : 1));
