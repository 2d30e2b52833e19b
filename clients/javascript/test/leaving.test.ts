import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeBrowser, gate, settle } from "./fake-browser";

async function ready(browser: FakeBrowser) {
  const page = browser.page();
  const waybill = page.load();
  await waybill.ready();
  return { page, waybill };
}

test("a page that goes sends everything at once, by requests that outlive it", async () => {
  const browser = new FakeBrowser();
  const { page, waybill } = await ready(browser);
  for (let number = 0; number < 12; number++) waybill.track(`e${number}`, { text: "ö".repeat(5000) });
  await page.go();
  assert.equal(browser.ingest.batches.length, 3);
  for (const { bytes, init } of browser.ingest.batches) {
    assert.equal(init.keepalive, true);
    assert.ok(bytes <= 61_440, `${bytes}`);
  }
  assert.equal(new Set(browser.ingest.ids).size, 12);
});

test("their answers may never be seen: the next page sends the same events again, by the same ids", async () => {
  const browser = new FakeBrowser();
  const { page, waybill } = await ready(browser);
  waybill.track("a");
  await page.go();
  const [id] = browser.ingest.ids;
  browser.page().load();
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.ids, [id, id]);
});

test("a hidden page that sees the answer sends nothing again", async () => {
  const browser = new FakeBrowser();
  const { page, waybill } = await ready(browser);
  waybill.track("a");
  page.hide();
  await settle();
  assert.equal(browser.ingest.batches[0]!.init.keepalive, true);
  page.fire("pagehide");
  await browser.advance(60_000);
  assert.equal(browser.ingest.ids.length, 1);
  browser.page().load();
  await browser.advance(2000);
  assert.equal(browser.ingest.ids.length, 1);
});

test("a hidden page whose request failed sends the events as usual", async () => {
  const browser = new FakeBrowser();
  const { page, waybill } = await ready(browser);
  browser.ingest.nextBatches.push("network error");
  waybill.track("a");
  page.hide();
  await browser.advance(2000);
  assert.deepEqual(browser.ingest.names, ["a"]);
  assert.deepEqual(browser.ingest.batches.map(({ init }) => init.keepalive), [true, false]);
});

test("what is on its way goes again only if the page goes for certain", async () => {
  const browser = new FakeBrowser();
  const { page, waybill } = await ready(browser);
  browser.ingest.nextBatches.push(gate().promise);
  waybill.track("a");
  await browser.advance(2000);
  page.hide();
  await settle();
  assert.equal(browser.ingest.batches.length, 1);
  page.fire("pagehide");
  await settle();
  assert.equal(browser.ingest.batches.length, 2);
  assert.deepEqual(browser.ingest.names, ["a"]);
});

test("an event that is too large for such a request stays for the next page", async () => {
  const browser = new FakeBrowser();
  const { page, waybill } = await ready(browser);
  waybill.track("large", { text: "x".repeat(70_000) });
  waybill.track("small");
  await page.go();
  assert.deepEqual(browser.ingest.names, ["small"]);
  browser.page().load();
  await browser.advance(2000);
  assert.deepEqual(new Set(browser.ingest.names), new Set(["large", "small"]));
});

test("becoming visible sends nothing", async () => {
  const browser = new FakeBrowser();
  const { page, waybill } = await ready(browser);
  waybill.track("a");
  page.fire("visibilitychange");
  page.fire("pageshow");
  await settle();
  assert.equal(browser.ingest.batches.length, 0);
});
