import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeBrowser, gate, settle } from "./fake-browser";

test("no event leaves before ingest has given the ids", async () => {
  const browser = new FakeBrowser();
  const answer = gate();
  browser.ingest.nextSessions.push(answer.promise);
  const page = browser.page();
  const waybill = page.load();
  waybill.track("early");
  await browser.advance(60_000);
  await page.go();
  assert.equal(browser.ingest.batches.length, 0);
  const next = browser.page().load();
  assert.equal(next.anonymousId(), null);
  await next.ready();
  await browser.advance(0);
  assert.equal(next.anonymousId(), "genuine-1");
  assert.deepEqual(browser.ingest.names, ["early"]);
  assert.equal(browser.ingest.delivered[0]!.anonymousId, "genuine-1");
  assert.equal(browser.ingest.delivered[0]!.context.sessionId, "session-1");
});

test("the session is asked for by a simple request with cookies, and with the id that is known", async () => {
  const browser = new FakeBrowser();
  await browser.page().load().ready();
  await browser.page().load().ready();
  const [first, second] = browser.ingest.sessions;
  assert.equal(first!.path, "events.example/v1/session?writeKey=wk%20web");
  assert.equal(first!.init.method, "POST");
  assert.equal(first!.init.credentials, "include");
  assert.deepEqual(first!.init.headers, { "Content-Type": "text/plain;charset=UTF-8" });
  assert.deepEqual(first!.body, { anonymousId: null });
  assert.deepEqual(second!.body, { anonymousId: "genuine-1", sessionId: "session-1" });
});

test("the id that ingest answers replaces the one that was remembered", async () => {
  const browser = new FakeBrowser();
  await browser.page().load().ready();
  browser.ingest.forgetCookie();
  const waybill = browser.page().load();
  waybill.track("a");
  await browser.advance(2000);
  assert.equal(browser.ingest.delivered[0]!.anonymousId, "genuine-2");
  assert.equal(waybill.anonymousId(), "genuine-2");
});

for (const failure of ["network error" as const, { status: 500 }, { status: 429 }, { status: 200, body: "<html>" }]) {
  test(`a session that fails (${JSON.stringify(failure)}) is asked for again, later each time`, async () => {
    const browser = new FakeBrowser();
    browser.ingest.nextSessions.push(failure, failure);
    browser.page().load().track("kept");
    await browser.advance(999);
    assert.equal(browser.ingest.sessions.length, 1);
    await browser.advance(1);
    assert.equal(browser.ingest.sessions.length, 2);
    await browser.advance(1999);
    assert.equal(browser.ingest.sessions.length, 2);
    await browser.advance(1);
    assert.deepEqual(browser.ingest.names, ["kept"]);
  });
}

test("Retry-After of a session is honoured", async () => {
  const browser = new FakeBrowser();
  browser.ingest.nextSessions.push({ status: 429, retryAfter: "30" });
  browser.page().load().track("kept");
  await browser.advance(29_999);
  assert.equal(browser.ingest.sessions.length, 1);
  await browser.advance(1);
  assert.deepEqual(browser.ingest.names, ["kept"]);
});

test("a session that is refused is told, and its events are kept until ingest agrees", async () => {
  const browser = new FakeBrowser();
  browser.ingest.nextSessions.push({ status: 401, body: '{"code":"unknown_write_key"}' });
  const page = browser.page();
  page.load().track("kept");
  await settle();
  assert.match(page.errors[0]!.error.message, /401.*unknown_write_key/);
  assert.equal(page.warnings.length, 1);
  await browser.advance(60_000);
  assert.deepEqual(browser.ingest.names, ["kept"]);
});

test("from the middle of its life on the session is renewed, and events go on with it", async () => {
  const browser = new FakeBrowser();
  const waybill = browser.page().load();
  await waybill.ready();
  await browser.advance(899_000);
  waybill.track("first half");
  await browser.advance(2000);
  assert.equal(browser.ingest.sessions.length, 1);
  browser.ingest.nextSessions.push("network error");
  waybill.track("second half");
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.names, ["first half", "second half"]);
  assert.equal(browser.ingest.sessions.length, 3);
});

test("after the session's end an event waits for the new one", async () => {
  const browser = new FakeBrowser();
  const waybill = browser.page().load();
  await waybill.ready();
  await browser.advance(browser.ingest.life);
  browser.ingest.forgetCookie();
  const answer = gate();
  browser.ingest.nextSessions.push(answer.promise);
  waybill.track("after");
  await browser.advance(10_000);
  assert.equal(browser.ingest.batches.length, 0);
  answer.open();
  await browser.advance(0);
  assert.equal(browser.ingest.delivered[0]!.context.sessionId, "session-2");
  assert.equal("sessionId" in browser.ingest.sessions[1]!.body, false, "a dead session is not asked for");
});

test("a clock that is days off does not make every event ask for a session", async () => {
  const browser = new FakeBrowser();
  browser.ingest.life = -3 * 86_400_000;
  const waybill = browser.page().load();
  for (const name of ["a", "b", "c"]) {
    waybill.track(name);
    await browser.advance(5000);
  }
  assert.equal(browser.ingest.sessions.length, 1);
  assert.deepEqual(browser.ingest.names, ["a", "b", "c"]);
});

test("reset forgets the user and uses a new id, and what happened before keeps the old one", async () => {
  const browser = new FakeBrowser();
  const waybill = browser.page().load();
  await waybill.ready();
  waybill.identify("u-1", { plan: "gold" });
  waybill.reset();
  assert.equal(waybill.userId(), null);
  assert.equal(waybill.anonymousId(), null);
  waybill.identify({ plan: "none" });
  await browser.advance(2000);
  const [before, after] = browser.ingest.delivered;
  assert.deepEqual(browser.ingest.sessions[1]!.body, { reset: true });
  assert.deepEqual([before!.userId, before!.anonymousId, before!.traits], ["u-1", "genuine-1", { plan: "gold" }]);
  assert.deepEqual([after!.userId, after!.anonymousId, after!.traits], [undefined, "genuine-2", { plan: "none" }]);
});

test("a reset before the first answer parts the events before it from those after it", async () => {
  const browser = new FakeBrowser();
  const waybill = browser.page().load();
  waybill.track("before");
  waybill.reset();
  waybill.track("after");
  await browser.advance(2000);
  const of = Object.fromEntries(browser.ingest.delivered.map((event) => [event.event, event.anonymousId]));
  assert.deepEqual(of, { before: "genuine-1", after: "genuine-2" });
});

test("a reset that was not answered is asked for by the next page, and parts events as before", async () => {
  const browser = new FakeBrowser();
  const page = browser.page();
  const waybill = page.load();
  await waybill.ready();
  browser.ingest.nextSessions.push("network error");
  waybill.reset();
  waybill.track("after");
  await settle();
  page.die();
  const next = browser.page().load();
  next.track("next page");
  await browser.advance(2000);
  const bodies = browser.ingest.sessions.map(({ body }) => body.reset ?? false);
  assert.deepEqual(bodies, [false, true, false, true]);
  assert.deepEqual(browser.ingest.delivered.map(({ anonymousId }) => anonymousId), ["genuine-2", "genuine-2"]);
  await browser.page().load().ready();
  assert.equal(browser.ingest.sessions.length, 5, "and once is enough");
});
