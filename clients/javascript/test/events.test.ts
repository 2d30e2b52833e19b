import assert from "node:assert/strict";
import { test } from "node:test";

import type { Client } from "../src/client";
import type { Event } from "../src/event";
import { FakeBrowser } from "./fake-browser";

async function sent(call: (waybill: Client) => void): Promise<Event[]> {
  const browser = new FakeBrowser();
  call(browser.page().load());
  await browser.advance(2000);
  return browser.ingest.delivered;
}

test("an event tells what the browser knows", async () => {
  const [event] = await sent((waybill) => waybill.track("Order Completed", { revenue: 12.5 }));
  const { messageId, context, ...rest } = event!;
  assert.match(messageId, /^wjs-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(rest, {
    type: "track",
    event: "Order Completed",
    properties: { revenue: 12.5 },
    anonymousId: "genuine-1",
    timestamp: "2026-05-01T10:00:00.000Z",
  });
  const { timezone, waybill, ...known } = context;
  assert.equal(typeof timezone, "string");
  assert.equal(waybill.seq, 0);
  assert.deepEqual(known, {
    page: {
      path: "/cart",
      referrer: "https://search.example/",
      search: "?utm_source=mail",
      title: "Cart",
      url: "https://shop.example/cart?utm_source=mail",
    },
    campaign: { source: "mail" },
    referrer: { url: "https://search.example/" },
    locale: "de-DE",
    screen: { width: 1280, height: 720, density: 2 },
    userAgent: "Fake/1.0",
    userAgentData: { brands: [{ brand: "Fake", version: "1" }], mobile: false, platform: "Linux" },
    library: { name: "@waybill/javascript", version: "0.0.0-test" },
    sessionId: "session-1",
  });
});

test("a browser that a program drives says so, and others say nothing of it", async () => {
  for (const webdriver of [true, false, undefined]) {
    const browser = new FakeBrowser();
    const page = browser.page();
    Object.assign(page.navigator, { webdriver });
    page.load().track("a");
    await browser.advance(2000);
    const [event] = browser.ingest.delivered;
    assert.equal((event!.context as { webdriver?: boolean }).webdriver, webdriver || undefined);
    assert.equal("webdriver" in event!.context, !!webdriver);
  }
});

test("the page is that of the time of the call, and so are the properties", async () => {
  const browser = new FakeBrowser();
  const page = browser.page();
  const waybill = page.load();
  const properties = { step: 1 };
  waybill.track("a", properties);
  properties.step = 2;
  Object.assign(page.location, { href: "https://shop.example/paid", pathname: "/paid", search: "" });
  waybill.track("b", properties);
  await browser.advance(2000);
  const told = browser.ingest.delivered.map(({ context, properties }) => [(context.page as { path: string }).path, properties]);
  assert.deepEqual(told, [["/cart", { step: 1 }], ["/paid", { step: 2 }]]);
});

test("options come before what the client knows", async () => {
  const [event] = await sent((waybill) =>
    waybill.track("a", {}, {
      context: { locale: "fr", ip: "0.0.0.0", sessionId: "own", waybill: "not this" },
      integrations: { All: false },
      timestamp: new Date(0),
      anonymousId: "own id",
    }),
  );
  assert.equal(event!.context.locale, "fr");
  assert.equal(event!.context.ip, "0.0.0.0");
  assert.equal(event!.context.sessionId, "own");
  assert.equal(event!.context.waybill.seq, 0);
  assert.deepEqual(event!.integrations, { All: false });
  assert.equal(event!.timestamp, "1970-01-01T00:00:00.000Z");
  assert.equal(event!.anonymousId, "own id");
});

test("identify adds traits, another user starts without any, and later events carry the user", async () => {
  const events = await sent((waybill) => {
    waybill.identify({ plan: "gold" });
    waybill.identify("u-1", { name: "Ann" });
    waybill.identify(null, { age: 30 });
    waybill.track("a");
    waybill.identify(2, { name: "Bob" }, { integrations: { X: true } });
  });
  assert.deepEqual(events.map(({ userId, traits }) => [userId, traits]), [
    [undefined, { plan: "gold" }],
    ["u-1", { plan: "gold", name: "Ann" }],
    ["u-1", { plan: "gold", name: "Ann", age: 30 }],
    ["u-1", undefined],
    ["2", { name: "Bob" }],
  ]);
  assert.deepEqual(events[4]!.integrations, { X: true });
});

test("the user is known to the next page", async () => {
  const browser = new FakeBrowser();
  browser.page().load().identify("u-1");
  assert.equal(browser.page().load().userId(), "u-1");
});

test("page takes name, or category and name, or neither", async () => {
  const events = await sent((waybill) => {
    waybill.page();
    waybill.page("Cart");
    waybill.page("Shop", "Cart", { items: 2 }, { context: { locale: "fr" } });
    waybill.page("Cart", { items: 3 });
    waybill.page({ items: 4 }, { context: { locale: "fr" } });
    waybill.page(undefined as unknown as string, "Cart", { items: 5 });
  });
  const told = events.map(({ category, name, properties, context }) => {
    const { items, path } = properties as { items?: number; path: string };
    return [category, name, items, path, context.locale];
  });
  assert.deepEqual(told, [
    [undefined, undefined, undefined, "/cart", "de-DE"],
    [undefined, "Cart", undefined, "/cart", "de-DE"],
    ["Shop", "Cart", 2, "/cart", "fr"],
    [undefined, "Cart", 3, "/cart", "de-DE"],
    [undefined, undefined, 4, "/cart", "fr"],
    [undefined, "Cart", 5, "/cart", "de-DE"],
  ]);
});

test("group and alias", async () => {
  const events = await sent((waybill) => {
    waybill.group(7, { plan: "team" });
    waybill.alias("u-1");
    waybill.alias("u-1", "old");
    waybill.identify("u-2");
    waybill.alias("u-3");
  });
  const told = events.map(({ type, groupId, traits, userId, previousId }) => [type, groupId ?? traits, userId, previousId]);
  assert.deepEqual(told, [
    ["group", "7", undefined, undefined],
    ["alias", undefined, "u-1", "genuine-1"],
    ["alias", undefined, "u-1", "old"],
    ["identify", {}, "u-2", undefined],
    ["alias", undefined, "u-3", "u-2"],
  ]);
  assert.deepEqual(events[0]!.traits, { plan: "team" });
});
