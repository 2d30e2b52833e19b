// Events through the SDKs for browsers, in a headless Chromium. MODE is one of MODES below.
//
// No SDK for browsers tells the page which events it delivered. So this looks at the requests: an
// event is delivered when ingest answered a request that has it with less than 400.
//
// The unload modes leave the page right after the last event. What the SDK then sends (by fetch
// with keepalive) has no page left that could see the answer, and DevTools do not see it either:
// such events are `unconfirmed`. If ingest answers 503 to that last request, they are lost: no SDK
// could know. LINGER_MS is how long the browser stays open for them (3000); make it longer than
// ingest may take to answer.
//
// In waybill-return the page that follows has the SDK too, as on a real site, and tracks nothing.
// What the SDK kept when the first page was left it sends from there: so nothing is unconfirmed.

import { messagesOf } from "./bodies.mjs";
import { plainUserAgent, startChromium } from "./chromium.mjs";
import { noteWhatLeaves, readWhatLeft } from "./page/leaving.mjs";
import { servePage } from "./page-server.mjs";
import { EVENT, Ledger, noteProgress, pause, say, task, visitor, wholeNumber, withPatience } from "./task.mjs";

const MODES = {
  "next-single": { page: "next", sdk: "@segment/analytics-next", retries: "sdk", delivery: "single" },
  "next-batching": { page: "next", sdk: "@segment/analytics-next", retries: "sdk", delivery: "batching" },
  "next-unload": { page: "next", sdk: "@segment/analytics-next", retries: "sdk-until-left", delivery: "unload", leave: true },
  jitsu: { page: "jitsu", sdk: "@jitsu/js", retries: "application" },
  waybill: { page: "waybill", sdk: "waybill", retries: "sdk" },
  "waybill-unload": { page: "waybill", sdk: "waybill", retries: "sdk-until-left", leave: true },
  "waybill-return": { page: "waybill", sdk: "waybill", retries: "sdk", leave: true, returns: true },
};

const LINGER = wholeNumber("LINGER_MS", 3_000);
const CAMPAIGN = "utm_source=newsletter&utm_medium=email&utm_campaign=autumn-sale&utm_content=header&gclid=check";

const mode = MODES[process.env.MODE];
if (!mode) {
  say(`MODE must be one of: ${Object.keys(MODES).join(", ")}`);
  process.exit(64);
}

const ledger = new Ledger();
const { ingest, writeKey, events, run } = task;
const plan = { ingest, writeKey, events, run, event: EVENT, pause: task.pause, ...visitor, delivery: mode.delivery, leave: mode.leave, returns: mode.returns };

const site = await servePage(mode.page, plan);
const browser = await startChromium();
const context = await browser.newContext({ userAgent: plainUserAgent(browser) });
context.on("request", noteRequest);
context.on("response", noteAnswer);
context.on("requestfailed", noteFailure);
if (mode.leave) await context.addInitScript(noteWhatLeaves);
const page = await context.newPage();
page.on("console", noteConsole);
page.on("pageerror", (error) => ledger.trouble("page", error.message));
await page.exposeFunction("handed", (number) => {
  ledger.handed(number);
  noteProgress(number);
});
const over = new Promise((resume) => void page.exposeFunction("over", resume));
await page.goto(`${site}/?${CAMPAIGN}`, { referer: "https://search.example/" });
const visit = mode.leave ? seeOff() : withPatience(over.then(untilDelivered));
await visit.catch((error) => ledger.trouble("page", error.message));
await browser.close();
ledger.close(mode.sdk, { mode: process.env.MODE, retries: mode.retries });

async function untilDelivered() {
  while (!ledger.complete) await pause(50);
}

async function seeOff() {
  await page.waitForURL(`${site}/bye`, { timeout: task.patience });
  for (const body of await page.evaluate(readWhatLeft)) {
    for (const { number, messageId } of ours(Buffer.from(body))) ledger.named(number, messageId);
  }
  if (mode.returns) return withPatience(untilDelivered());
  await pause(LINGER);
  ledger.acceptUnconfirmed();
}

function noteRequest(request) {
  for (const { number, messageId } of carried(request)) ledger.named(number, messageId);
}

function noteAnswer(response) {
  if (!response.url().startsWith(ingest)) return;
  ledger.answered(response.status());
  if (response.status() >= 400) return;
  for (const { number, messageId } of carried(response.request())) ledger.delivered(number, messageId);
}

function noteFailure(request) {
  if (!request.url().startsWith(ingest)) return;
  const reason = request.failure()?.errorText;
  // This is all that Chromium tells of a refusal by CORS; the console has the reason.
  if (reason === "net::ERR_FAILED") ledger.trouble("request", `${request.method()} ${request.url()}: ${reason}`);
  else ledger.answered(reason);
}

function noteConsole(message) {
  // The browser's own line on a status of 400 or more: it is among the answers already.
  if (message.type() !== "error" || message.text().startsWith("Failed to load resource")) return;
  ledger.trouble("console", message.text());
}

/** The events of this run that a request brings to ingest. */
function carried(request) {
  const body = request.method() === "POST" && request.url().startsWith(ingest) && request.postDataBuffer();
  return body ? ours(body) : [];
}

function ours(body) {
  return messagesOf(body)
    .filter(({ properties }) => properties?.run === run && properties.number)
    .map(({ messageId, properties }) => ({ messageId, number: properties.number }));
}
