import assert from "node:assert/strict";
import { test } from "node:test";

import type { Client } from "../src/client";
import { FakeBrowser, gate, settle } from "./fake-browser";

async function ready(browser: FakeBrowser, options = {}) {
  const page = browser.page();
  const waybill = page.load(options);
  await waybill.ready();
  return { page, waybill };
}

function trackMany(waybill: Client, count: number, properties = {}): void {
  for (let number = 0; number < count; number++) waybill.track(`e${number}`, properties);
}

test("events leave after two seconds, in one simple request", async () => {
  const browser = new FakeBrowser();
  const { waybill } = await ready(browser);
  waybill.track("a");
  waybill.track("b");
  await browser.advance(1999);
  assert.equal(browser.ingest.batches.length, 0);
  await browser.advance(1);
  const [batch] = browser.ingest.batches;
  assert.equal(batch!.path, "events.example/v1/batch");
  assert.deepEqual(batch!.init.headers, { "Content-Type": "text/plain;charset=UTF-8" });
  assert.equal(batch!.init.credentials, "include");
  assert.equal(batch!.init.keepalive, false);
  assert.equal(batch!.body.writeKey, "wk web");
  assert.equal(batch!.body.sentAt, "2026-05-01T10:00:02.000Z");
  assert.deepEqual(browser.ingest.names, ["a", "b"]);
});

test("twenty events leave at once, and never more than that together", async () => {
  const browser = new FakeBrowser();
  const { waybill } = await ready(browser);
  trackMany(waybill, 45);
  await browser.advance(0);
  assert.deepEqual(browser.ingest.batches.map(({ body }) => body.batch.length), [20, 20, 5]);
});

test("both bounds of a batch are options", async () => {
  const browser = new FakeBrowser();
  const { waybill } = await ready(browser, { flushAt: 2, flushAfter: 50 });
  trackMany(waybill, 2);
  await settle();
  assert.equal(browser.ingest.delivered.length, 2);
  waybill.track("late");
  await browser.advance(50);
  assert.equal(browser.ingest.delivered.length, 3);
});

test("a batch is less than 500 KB", async () => {
  const browser = new FakeBrowser();
  const { waybill } = await ready(browser);
  trackMany(waybill, 20, { text: "ä".repeat(20_000) });
  await browser.advance(2000);
  assert.equal(browser.ingest.delivered.length, 20);
  for (const { bytes } of browser.ingest.batches) assert.ok(bytes < 451_000, `${bytes}`);
  assert.equal(browser.ingest.batches.length, 2);
});

test("one request at a time", async () => {
  const browser = new FakeBrowser();
  const { waybill } = await ready(browser);
  const answer = gate();
  browser.ingest.nextBatches.push(answer.promise);
  trackMany(waybill, 60);
  await browser.advance(10_000);
  assert.equal(browser.ingest.batches.length, 1);
  answer.open();
  await browser.advance(0);
  assert.equal(browser.ingest.delivered.length, 60);
});

test("503 with Retry-After, then success: each event is delivered once, by the ids of the first try", async () => {
  const browser = new FakeBrowser();
  const { waybill } = await ready(browser);
  browser.ingest.nextBatches.push({ status: 503, retryAfter: "7" });
  trackMany(waybill, 3);
  await browser.advance(2000);
  waybill.track("while it waits");
  await browser.advance(6999);
  assert.equal(browser.ingest.batches.length, 1);
  await browser.advance(60_000);
  const tried = browser.ingest.batches[0]!.body.batch.map(({ messageId }) => messageId);
  assert.deepEqual(browser.ingest.ids.slice(0, 3), tried);
  assert.equal(new Set(browser.ingest.ids).size, 4);
  assert.equal(browser.ingest.ids.length, 4);
  assert.notEqual(browser.ingest.batches[0]!.body.sentAt, browser.ingest.batches[1]!.body.sentAt);
});

for (const failure of ["network error" as const, ...[408, 410, 429, 500, 502, 503, 504].map((status) => ({ status }))]) {
  test(`after ${JSON.stringify(failure)} the same events go again`, async () => {
    const browser = new FakeBrowser();
    const { page, waybill } = await ready(browser);
    browser.ingest.nextBatches.push(failure);
    waybill.track("kept");
    await browser.advance(60_000);
    assert.deepEqual(browser.ingest.names, ["kept"]);
    assert.equal(browser.ingest.batches.length, 2);
    assert.equal(page.errors.length, 0);
  });
}

for (const status of [400, 401, 403, 404, 413, 501, 505, 511]) {
  test(`${status} drops the batch and says so`, async () => {
    const browser = new FakeBrowser();
    const { page, waybill } = await ready(browser);
    browser.ingest.nextBatches.push({ status, body: "the reason" }, { status });
    waybill.track("refused");
    await browser.advance(2000);
    waybill.track("refused too");
    await browser.advance(2000);
    waybill.track("taken");
    await browser.advance(2000);
    assert.deepEqual(browser.ingest.names, ["taken"]);
    assert.match(page.errors[0]!.error.message, new RegExp(`${status}: the reason`));
    assert.deepEqual(page.errors.map(({ events }) => events.map(({ event }) => event)), [["refused"], ["refused too"]]);
    assert.equal(page.warnings.length, 1);
  });
}

test("a request that gets no answer is given up after half a minute", async () => {
  const browser = new FakeBrowser();
  const page = browser.page();
  const signal = new AbortController().signal;
  const asked: number[] = [];
  page.AbortSignal.timeout = (milliseconds) => (asked.push(milliseconds), signal);
  page.load().track("a");
  await browser.advance(2000);
  assert.deepEqual([...browser.ingest.sessions, ...browser.ingest.batches].map(({ init }) => init.signal), [signal, signal]);
  assert.deepEqual(asked, [30_000, 30_000]);
});

test("flush delivers without waiting, and ends though ingest is down", async () => {
  const browser = new FakeBrowser();
  const waybill = browser.page().load();
  waybill.track("a");
  await waybill.flush();
  assert.deepEqual(browser.ingest.names, ["a"]);
  browser.ingest.nextBatches.push({ status: 503 });
  waybill.track("b");
  await waybill.flush();
  await waybill.flush();
  assert.equal(browser.ingest.batches.length, 2);
  await browser.advance(1000);
  assert.deepEqual(browser.ingest.names, ["a", "b"]);
});

test("nothing throws into the page", async () => {
  const browser = new FakeBrowser();
  const thrower = () => {
    throw new Error("onError throws");
  };
  const { waybill } = await ready(browser, { onError: thrower });
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  waybill.track("circular", circle);
  waybill.track("", {});
  waybill.track(undefined as unknown as string);
  waybill.group(null as unknown as string);
  waybill.alias("");
  waybill.track("bad time", {}, { timestamp: "no time" });
  waybill.track("good");
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.names, ["good"]);
  assert.equal(browser.ingest.delivered[0]!.context.waybill.seq, 0, "what was not recorded has no number");
});
