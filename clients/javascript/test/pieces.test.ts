import assert from "node:assert/strict";
import { test } from "node:test";

import { campaign } from "../src/context";
import { isTemporary, retryAfter } from "../src/http";
import { settings } from "../src/options";
import { backoff } from "../src/pump";
import { type Entry, head } from "../src/queue";
import { uuid } from "../src/uuid";

test("a UUID comes from random bytes where there is no randomUUID", () => {
  const crypto = {
    getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => bytes.map((_, index) => (bytes[index] = index * 17)),
  };
  assert.equal(uuid(crypto), "00112233-4455-4667-b889-9aabbccddeef");
});

test("the wait doubles from half a second to a minute, and chance takes up to half of it", () => {
  assert.deepEqual([0, 1, 5, 6, 100].map((failures) => backoff(failures, 0)), [1000, 2000, 32_000, 60_000, 60_000]);
  assert.deepEqual([0, 100].map((failures) => backoff(failures, 1)), [500, 30_000]);
});

test("which statuses are temporary", () => {
  const statuses = [300, 400, 401, 403, 404, 408, 410, 413, 422, 429, 500, 501, 502, 503, 504, 505, 511, 599];
  assert.deepEqual(statuses.filter(isTemporary), [408, 410, 429, 500, 502, 503, 504, 599]);
});

test("Retry-After is read as seconds, five minutes at most", () => {
  const table: [string | null, number | undefined][] = [
    ["7", 7],
    ["0", 0],
    ["9999", 300],
    ["1.5", undefined],
    ["Wed, 21 Oct 2026 07:28:00 GMT", undefined],
    ["", undefined],
    [null, undefined],
  ];
  for (const [header, seconds] of table) assert.equal(retryAfter(header), seconds, String(header));
});

test("the campaign is read from the query", () => {
  const search = "?utm_campaign=may&utm_source=mail&utm_medium=a%20b&utm_term=t&utm_content=c&utm_id=9&utm_=x&q=1&utm_x=";
  assert.deepEqual(campaign(search), { name: "may", source: "mail", medium: "a b", term: "t", content: "c", id: "9" });
  assert.equal(campaign("?q=utm_source"), undefined);
});

test("a batch ends at either bound, but has always one event", () => {
  const entries = [10, 10, 10, 500].map((bytes, index): Entry => ({ name: String(index), json: "", bytes }));
  const names = (most: number, mostBytes: number) => head(entries, most, mostBytes).map(({ name }) => name).join("");
  assert.equal(names(2, 1000), "01");
  assert.equal(names(20, 25), "01");
  assert.equal(names(20, 5), "0");
  assert.equal(names(20, 1000), "0123");
  assert.deepEqual(head([], 20, 1000), []);
});

test("the address may end with a slash", () => {
  assert.equal(settings({ writeKey: "k", url: "https://events.example//" }).url, "https://events.example");
  assert.equal(settings({ writeKey: "k", url: "" }).url, "");
});
