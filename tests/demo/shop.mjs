// A day of a small SaaS shop, sent through the real @segment/analytics-node.
//
// Reads INGEST_URL, WEB_KEY and BILLING_KEY. Prints what it does; the last line is JSON:
// {"acknowledged": events that ingest said 200 to, "refused": requests that it rightly refused}.

import { Analytics } from "@segment/analytics-node";

import { BOTS, DEVICES, PAGES, PLACES, PLANS, WAYS_IN, dice, pick } from "./people.mjs";

const VISITORS = 300;
const DAY = 24 * 60 * 60 * 1000;
const SITE = "https://shop.example";

const roll = dice(20261124);
const now = Date.now();
const said = { acknowledged: 0, failed: 0, refused: 0 };

const settings = { host: process.env.INGEST_URL, flushAt: 15, flushInterval: 200 };
const web = new Analytics({ ...settings, writeKey: process.env.WEB_KEY });
const billing = new Analytics({ ...settings, writeKey: process.env.BILLING_KEY });
for (const sdk of [web, billing]) sdk.on("error", (error) => console.error("SDK:", error.code, error.reason));

// The SDK calls back when the server has taken the event, or when it has given up.
const taken = (error) => (error ? said.failed++ : said.acknowledged++);

class Visit {
  constructor({ anonymousId, userAgent, start, way }) {
    Object.assign(this, { anonymousId, userAgent, way, at: start, landed: false });
    [this.locale, this.timezone] = pick(roll, PLACES);
  }

  /** What analytics.js would put into `context`. */
  context(path) {
    const { campaign } = this.way;
    const utm = campaign && !this.landed
      ? `?utm_source=${campaign.source}&utm_medium=${campaign.medium}&utm_campaign=${campaign.name}`
      : "";
    const page = {
      url: `${SITE}${path}${utm}`,
      path,
      search: utm,
      title: `Shop ${path}`,
      referrer: this.landed ? `${SITE}/` : this.way.referrer,
    };
    this.landed = true;
    const { locale, timezone, userAgent } = this;
    return { page, userAgent, locale, timezone, ...(campaign && { campaign }) };
  }

  message(path, more = {}) {
    this.at += 5_000 + Math.floor(roll() * 90_000);
    const timestamp = new Date(Math.min(this.at, now));
    return { anonymousId: this.anonymousId, timestamp, context: this.context(path), ...more };
  }

  page(path, user) {
    const properties = { path, url: SITE + path };
    web.page(this.message(path, { name: path, properties, ...user }), taken);
  }

  track(event, path, properties, more = {}) {
    const message = this.message(path, { event, properties, ...more });
    web.track(message, taken);
    return message;
  }

  /** The browser did not see the answer: the same message again, with the same id. */
  trackWithRetry(event, path, properties, more) {
    const messageId = `retry-${this.anonymousId}-${event}`;
    const message = this.track(event, path, properties, { ...more, messageId });
    web.track(message, taken);
  }
}

function person(number) {
  const start = now - Math.floor(roll() * DAY * 0.95) - 60_000;
  const anonymousId = `anon-${String(number).padStart(4, "0")}`;
  const visit = new Visit({ anonymousId, start, userAgent: pick(roll, DEVICES), way: pick(roll, WAYS_IN) });
  const views = 1 + Math.floor(roll() * 5);
  for (let view = 0; view < views; view++) visit.page(PAGES[Math.floor(roll() * PAGES.length)]);
  const keen = visit.way.campaign ? 0.4 : 0.25;
  if (roll() < keen) signUp(visit, number);
}

function signUp(visit, number) {
  const userId = `user-${String(number).padStart(4, "0")}`;
  const traits = { email: `${userId}@example.com`, name: `Person ${number}`, createdAt: new Date(visit.at) };
  web.identify(visit.message("/welcome", { userId, traits }), taken);
  const send = number % 4 === 0 ? "trackWithRetry" : "track";
  visit[send]("Signed Up", "/welcome", { method: "email" }, { userId });
  if (roll() < 0.55) order(visit, userId);
  if (roll() < 0.3) logInElsewhere(visit, userId);
}

function order(visit, userId) {
  const { plan, revenue } = pick(roll, PLANS);
  visit.track("Checkout Started", "/checkout", { plan, value: revenue }, { userId });
  const orderId = `order-${userId}`;
  const properties = { order_id: orderId, plan, revenue, currency: "USD" };
  const message = { userId, event: "Order Completed", messageId: `billing-${orderId}`, properties, timestamp: new Date(Math.min(visit.at + 2_000, now)) };
  billing.track(message, taken);
  // The billing service was restarted before it noted that it had told.
  if (roll() < 0.15) billing.track(message, taken);
  billing.group({ userId, groupId: `account-${userId}`, traits: { plan } }, taken);
}

function logInElsewhere(visit, userId) {
  const other = new Visit({
    anonymousId: `${visit.anonymousId}-phone`,
    userAgent: DEVICES[2][1],
    start: visit.at + 60_000,
    way: { referrer: "" },
  });
  other.page("/");
  web.identify(other.message("/login", { userId, traits: { plan: "starter" } }), taken);
  other.track("Logged In", "/login", {}, { userId });
  other.page("/app", { userId });
}

function bot(number) {
  const start = now - Math.floor(roll() * DAY * 0.9);
  const visit = new Visit({ anonymousId: `crawler-${number}`, start, userAgent: pick(roll, BOTS), way: { referrer: "" } });
  for (const path of PAGES) visit.page(path);
}

/** What no SDK would send: raw requests, as home-made clients make them. */
async function homeMade() {
  const nonsense = [
    { type: "purchase", messageId: "bad-1", userId: "user-1" },
    { type: "purchase", messageId: "bad-2", userId: "user-2" },
    { messageId: "bad-3", userId: "user-3", event: "No Type" },
    { type: "track", messageId: "bad-4", userId: "user-4" },
    { type: "track", messageId: "bad-5", event: "Nobody Did This" },
    { type: "page", messageId: "bad-6" },
    { type: "track", messageId: "bad-7", event: 7, userId: "user-7" },
    { type: "track", messageId: "bad-8", event: "Odd", userId: "user-8", properties: ["a", "list"] },
    { type: "track", messageId: "bad-9", event: "Late", userId: "user-9", timestamp: "yesterday, about noon" },
    "not even an object",
  ];
  const answer = await request(process.env.WEB_KEY, JSON.stringify({ batch: nonsense }));
  if (answer === 200) said.acknowledged += nonsense.length;
  else said.failed += nonsense.length;
  for (const [key, body, expected] of [
    [process.env.WEB_KEY, '{"batch":[{"type":"track"', 400],
    ["wk_guessed", '{"batch":[{"type":"track"}]}', 401],
  ]) {
    const status = await request(key, body);
    if (status === expected) said.refused++;
    else console.error(`expected ${expected}, got ${status}`);
  }
}

async function request(key, body) {
  const authorization = "Basic " + Buffer.from(`${key}:`).toString("base64");
  const response = await fetch(`${process.env.INGEST_URL}/v1/batch`, { method: "POST", headers: { authorization }, body });
  return response.status;
}

for (let number = 1; number <= VISITORS; number++) {
  if (number % 15 === 0) bot(number);
  else person(number);
  // Let the SDKs flush: visitors do not all come in the same millisecond.
  if (number % 5 === 0) await new Promise((resume) => setTimeout(resume, 25));
  if (number % 60 === 0) console.log(`${number} of ${VISITORS} visitors, ${said.acknowledged} events acknowledged`);
}
await homeMade();
await Promise.all([web.closeAndFlush({ timeout: 60_000 }), billing.closeAndFlush({ timeout: 60_000 })]);
console.log(JSON.stringify(said));
