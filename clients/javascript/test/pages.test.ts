import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeBrowser, FakeStorage, gate, settle } from "./fake-browser";

const waybillKeys = (storage: FakeStorage, part: string) => Object.keys(storage).filter((key) => key.includes(part));

for (const hasLocks of [true, false]) {
  const how = hasLocks ? "by Web Locks" : "by heartbeat";

  test(`the queue survives a page load (${how})`, async () => {
    const browser = Object.assign(new FakeBrowser(), { hasLocks });
    const page = browser.page();
    const waybill = page.load();
    await waybill.ready();
    browser.ingest.nextBatches.push("network error", "network error");
    waybill.track("a");
    waybill.track("b");
    await page.go();
    assert.equal(browser.ingest.delivered.length, 0);
    browser.page().load();
    await browser.advance(2000);
    assert.deepEqual(browser.ingest.names, ["a", "b"]);
    assert.deepEqual(waybillKeys(browser.localStorage, "queue:"), [], "delivered events are not kept");
  });

  test(`the queue of a page that is alive is left alone (${how})`, async () => {
    const browser = Object.assign(new FakeBrowser(), { hasLocks });
    const first = browser.page();
    const waybill = first.load();
    await waybill.ready();
    browser.ingest.nextBatches.push({ status: 503, retryAfter: "200" });
    waybill.track("of the first");
    await browser.advance(2000);
    const second = browser.page().load();
    second.track("of the second");
    await browser.advance(100_000);
    assert.deepEqual(browser.ingest.names, ["of the second"]);
    assert.equal(browser.locks.waiting, 0, "nor waited for");
    await browser.advance(100_000);
    assert.deepEqual(browser.ingest.names, ["of the second", "of the first"]);
  });

  test(`the queue of a page that was killed is adopted, once (${how})`, async () => {
    const browser = Object.assign(new FakeBrowser(), { hasLocks });
    const page = browser.page();
    const waybill = page.load();
    await waybill.ready();
    waybill.track("orphan");
    page.die();
    await browser.advance(hasLocks ? 0 : 90_000);
    browser.page().load();
    browser.page().load();
    await browser.advance(2000);
    assert.deepEqual(browser.ingest.names, ["orphan"]);
  });

  test(`a page that comes back from the browser's cache goes on (${how})`, async () => {
    const browser = Object.assign(new FakeBrowser(), { hasLocks });
    const tab = new FakeStorage();
    const page = browser.page(tab);
    const waybill = page.load();
    await waybill.ready();
    browser.ingest.nextBatches.push("network error");
    waybill.track("before");
    page.fire("pagehide");
    const other = browser.page(tab);
    const otherWaybill = other.load();
    otherWaybill.track("on the other page");
    await otherWaybill.flush();
    await other.go();
    page.fire("pageshow", { persisted: true });
    waybill.track("back");
    await browser.advance(5000);
    assert.deepEqual([...browser.ingest.names].sort(), ["back", "before", "on the other page"]);
    const of = Object.fromEntries(browser.ingest.delivered.map(({ event, context }) => [event, context.waybill]));
    const after = { stream: of["on the other page"]!.stream, seq: 0 };
    assert.deepEqual(of.back, { stream: of.before!.stream, seq: 1, after });
    assert.deepEqual(waybillKeys(browser.localStorage, "queue:"), []);
  });
}

test("an event is in the storage before the call returns", () => {
  const browser = new FakeBrowser();
  browser.page().load().track("a");
  const [key] = waybillKeys(browser.localStorage, "queue:");
  assert.match(String(browser.localStorage[key!]), /"event":"a"/);
});

test("events are numbered from 0 within a page load, and the next page load in the tab tells the last", async () => {
  const browser = new FakeBrowser();
  const tab = new FakeStorage();
  const page = browser.page(tab);
  const waybill = page.load();
  waybill.track("a");
  waybill.page();
  waybill.identify("u");
  await browser.advance(2000);
  await page.go();
  await browser.page(tab).go();
  const next = browser.page(tab).load();
  next.track("b");
  next.track("c");
  await browser.advance(2000);
  const numbers = browser.ingest.delivered.map(({ context }) => context.waybill);
  const stream = numbers[0]!.stream;
  const second = numbers[3]!.stream;
  assert.notEqual(stream, second);
  assert.deepEqual(numbers, [
    { stream, seq: 0 },
    { stream, seq: 1 },
    { stream, seq: 2 },
    { stream: second, seq: 0, after: { stream, seq: 2 } },
    { stream: second, seq: 1 },
  ]);
});

test("the numbers show a lost tail", async () => {
  const browser = new FakeBrowser();
  const tab = new FakeStorage();
  const page = browser.page(tab);
  const waybill = page.load();
  await waybill.ready();
  waybill.track("delivered");
  await waybill.flush();
  waybill.track("lost");
  for (const key of waybillKeys(browser.localStorage, "queue:")) browser.localStorage.removeItem(key);
  page.die();
  browser.page(tab).load().track("next");
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.names, ["delivered", "next"]);
  assert.equal(browser.ingest.delivered[1]!.context.waybill.after!.seq, 1);
});

test("a duplicated tab has a stream of its own", async () => {
  const browser = new FakeBrowser();
  const tab = new FakeStorage();
  browser.page(tab).load().track("a");
  const copy = Object.assign(new FakeStorage(), tab);
  browser.page(tab).load().track("b");
  browser.page(copy).load().track("c");
  await browser.advance(2000);
  const of = Object.fromEntries(browser.ingest.delivered.map(({ event, context }) => [event, context.waybill]));
  assert.notEqual(of.b!.stream, of.c!.stream);
  assert.deepEqual(of.b!.after, of.c!.after);
});

test("a full queue drops its oldest events, tells onError, and the next event tells how many", async () => {
  const browser = new FakeBrowser();
  browser.ingest.nextSessions.push({ status: 503, retryAfter: "100" });
  const page = browser.page();
  const waybill = page.load({ maxQueueEvents: 3 });
  for (const name of ["a", "b", "c", "d", "e"]) waybill.track(name);
  await browser.advance(100_000);
  assert.deepEqual(browser.ingest.names, ["c", "d", "e"]);
  assert.deepEqual(page.errors.map(({ events }) => events[0]!.event), ["a", "b"]);
  assert.equal(browser.ingest.delivered[2]!.context.waybill.dropped, 1, "e tells of a");
  waybill.track("f");
  waybill.track("g");
  await browser.advance(2000);
  const [f, g] = browser.ingest.delivered.slice(3);
  assert.equal(f!.context.waybill.dropped, 1, "f tells of b");
  assert.equal(g!.context.waybill.dropped, undefined);
});

test("what a dropped event told of dropped ones is told again", async () => {
  const browser = new FakeBrowser();
  browser.ingest.nextSessions.push({ status: 503, retryAfter: "100" });
  const waybill = browser.page().load({ maxQueueEvents: 1 });
  for (let number = 0; number < 10; number++) waybill.track(`e${number}`);
  await browser.advance(100_000);
  waybill.track("last");
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.names, ["e9", "last"]);
  const told = browser.ingest.delivered.map(({ context }) => context.waybill.dropped ?? 0);
  assert.equal(told[0]! + told[1]!, 9);
});

test("the queue is bounded in bytes too, and the next page tells what was dropped", async () => {
  const browser = new FakeBrowser();
  browser.ingest.nextSessions.push({ status: 503, retryAfter: "100" });
  const page = browser.page();
  const waybill = page.load({ maxQueueBytes: 30_000 });
  for (const name of ["a", "b", "c"]) waybill.track(name, { text: "x".repeat(13_000) });
  page.die();
  browser.page().load().track("next");
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.names, ["b", "c", "next"]);
  assert.equal(browser.ingest.delivered[2]!.context.waybill.dropped, 1);
});

test("what is on its way is not dropped", async () => {
  const browser = new FakeBrowser();
  const waybill = browser.page().load({ maxQueueEvents: 2 });
  await waybill.ready();
  const answer = gate();
  browser.ingest.nextBatches.push(answer.promise);
  waybill.track("on its way");
  await browser.advance(2000);
  for (const name of ["a", "b"]) waybill.track(name);
  answer.open();
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.names, ["on its way", "b"]);
});

test("with storage blocked everything works as long as the page lives", async () => {
  const browser = Object.assign(new FakeBrowser(), { isStorageBlocked: true });
  const page = browser.page();
  const waybill = page.load();
  browser.ingest.nextBatches.push("network error");
  waybill.identify("u-1");
  waybill.track("a");
  await browser.advance(10_000);
  assert.equal(waybill.userId(), "u-1");
  assert.equal(waybill.anonymousId(), "genuine-1");
  assert.deepEqual(browser.ingest.delivered.map(({ type }) => type), ["identify", "track"]);
  assert.equal(page.errors.length, 0);
});

test("with storage full everything works as long as the page lives", async () => {
  const browser = new FakeBrowser();
  browser.localStorage.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const waybill = browser.page().load();
  waybill.track("a");
  await browser.advance(2000);
  waybill.track("b");
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.names, ["a", "b"]);
});

test("what somebody else put under our names does no harm", async () => {
  const browser = new FakeBrowser();
  for (const name of ["session", "user", "queue:s:0", "queue:s:1", "queue:x", "dropped", "reset"]) {
    browser.localStorage.setItem(`waybill:wk web:${name}`, name === "queue:s:1" ? "=null" : "]nonsense");
  }
  const waybill = browser.page().load();
  waybill.track("a");
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.names, ["a"]);
  assert.deepEqual(waybillKeys(browser.localStorage, "queue:s"), []);
});

test("two write keys on one site do not meet", async () => {
  const browser = new FakeBrowser();
  const page = browser.page();
  const [one, two] = [page.load({ writeKey: "one" }), page.load({ writeKey: "two" })];
  one.identify("u-1");
  two.track("a");
  await settle();
  assert.equal(two.userId(), null);
});
