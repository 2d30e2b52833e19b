import { webcrypto } from "node:crypto";

import { Client } from "../src/client";
import type { Event } from "../src/event";
import type { Options } from "../src/options";
import type { Page, PageNavigator, WebStorage } from "../src/page";
import { FakeIngest } from "./fake-ingest";

/** Not a `Storage`: a fake that can be blocked or full. */
export class FakeStorage implements WebStorage {
  [key: string]: unknown;

  getItem(key: string): string | null {
    return Object.hasOwn(this, key) ? String(this[key]) : null;
  }
  setItem(key: string, value: string): void {
    this[key] = value;
  }
  removeItem(key: string): void {
    delete this[key];
  }
}

/** Not Web Locks: a fake of their exclusive locks, first come, first served. */
class FakeLocks {
  readonly #held = new Map<string, FakePage>();
  #queue: { name: string; by: FakePage; grant: () => void }[] = [];

  request(by: FakePage, name: string, ifAvailable: boolean, held: (lock: unknown) => unknown): Promise<unknown> {
    return new Promise((resolve) => {
      const grant = () => {
        this.#held.set(name, by);
        queueMicrotask(async () => {
          const value = await held({ name });
          if (by.isAlive) this.#release(name);
          resolve(value);
        });
      };
      if (!this.#held.has(name)) grant();
      else if (ifAvailable) queueMicrotask(() => resolve(held(null)));
      else this.#queue.push({ name, by, grant });
    });
  }

  /** How many requests wait for a lock. */
  get waiting(): number {
    return this.#queue.length;
  }

  died(page: FakePage): void {
    this.#queue = this.#queue.filter(({ by }) => by !== page);
    for (const [name, by] of [...this.#held]) if (by === page) this.#release(name);
  }

  #release(name: string): void {
    this.#held.delete(name);
    const next = this.#queue.find((request) => request.name === name);
    this.#queue = this.#queue.filter((request) => request !== next);
    next?.grant();
  }
}

/** One visitor's fake browser: storage, locks and a clock that stands still until `advance`. */
export class FakeBrowser {
  time = Date.parse("2026-05-01T10:00:00Z");
  readonly ingest = new FakeIngest(() => this.time);
  readonly localStorage = new FakeStorage();
  readonly locks = new FakeLocks();
  hasLocks = true;
  isStorageBlocked = false;
  #timers: { at: number; page: FakePage; call: () => void }[] = [];

  /** A page load, in the tab that this session storage belongs to. */
  page(tab = new FakeStorage(), address = "https://shop.example/cart?utm_source=mail#part"): FakePage {
    return new FakePage(this, tab, address);
  }

  addTimer(page: FakePage, call: () => void, milliseconds: number): unknown {
    const timer = { at: this.time + milliseconds, page, call };
    this.#timers.push(timer);
    return timer;
  }

  removeTimer(timer: unknown): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }

  /** Lets time pass, and all that is due in it happen. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    await settle();
    for (let timer = this.#due(end); timer; timer = this.#due(end)) {
      this.removeTimer(timer);
      this.time = Math.max(this.time, timer.at);
      if (timer.page.isAlive) timer.call();
      await settle();
    }
    this.time = end;
  }

  #due(end: number) {
    return this.#timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
  }
}

/** Not a `Window`: a fake page load that can hide, go and die. */
export class FakePage implements Page {
  isAlive = true;
  readonly location;
  readonly document;
  readonly navigator: PageNavigator;
  readonly screen = { width: 1280, height: 720 };
  readonly devicePixelRatio = 2;
  readonly crypto = webcrypto as unknown as Page["crypto"];
  readonly Math = { random: () => 0 };
  readonly AbortSignal: { timeout?(milliseconds: number): AbortSignal } = {};
  readonly Date = { now: () => this.browser.time };
  readonly warnings: unknown[][] = [];
  readonly console = { warn: (...what: unknown[]) => void this.warnings.push(what) };
  readonly errors: { error: Error; events: Event[] }[] = [];
  readonly #listeners: { type: string; listener: (event: { persisted?: boolean }) => void }[] = [];

  constructor(
    private readonly browser: FakeBrowser,
    private readonly tab: FakeStorage,
    address: string,
  ) {
    const { href, pathname, search } = new URL(address);
    this.location = { href, pathname, search };
    const listen = (type: string, listener: () => void) => void this.#listeners.push({ type, listener });
    this.document = { referrer: "https://search.example/", title: "Cart", visibilityState: "visible", addEventListener: listen };
    const { locks } = browser;
    this.navigator = {
      language: "de-DE",
      userAgent: "Fake/1.0",
      userAgentData: { brands: [{ brand: "Fake", version: "1" }], mobile: false, platform: "Linux" },
      locks: browser.hasLocks
        ? { request: (name, options, held) => locks.request(this, name, !!options.ifAvailable, held) }
        : undefined,
    };
  }

  get localStorage(): WebStorage {
    return this.#unblocked(this.browser.localStorage);
  }

  get sessionStorage(): WebStorage {
    return this.#unblocked(this.tab);
  }

  fetch(url: string, init: RequestInit) {
    const { ingest } = this.browser;
    return ingest.answer(url, init).then(
      (reply) => (this.isAlive ? reply : new Promise<never>(() => {})),
    );
  }

  setTimeout(call: () => void, milliseconds: number): unknown {
    return this.browser.addTimer(this, call, milliseconds);
  }

  clearTimeout(timer: unknown): void {
    this.browser.removeTimer(timer);
  }

  addEventListener(type: string, listener: (event: { persisted?: boolean }) => void): void {
    this.#listeners.push({ type, listener });
  }

  /** Starts the client on this page. */
  load(options: Partial<Options> = {}): Client {
    const onError = (error: Error, events: Event[]) => void this.errors.push({ error, events });
    return new Client(this, { writeKey: "wk web", url: "https://events.example/", onError, ...options });
  }

  fire(type: string, event: { persisted?: boolean } = {}): void {
    for (const one of this.#listeners) if (one.type === type) one.listener(event);
  }

  hide(): void {
    this.document.visibilityState = "hidden";
    this.fire("visibilitychange");
  }

  /** The visitor goes elsewhere: in the order of browsers, then the page is dead. */
  async go(): Promise<void> {
    this.fire("pagehide");
    this.hide();
    this.die();
    await settle();
  }

  /** The process is killed: no event tells of it. */
  die(): void {
    this.isAlive = false;
    this.browser.locks.died(this);
  }

  #unblocked(storage: FakeStorage): FakeStorage {
    if (this.browser.isStorageBlocked) throw new DOMException("blocked", "SecurityError");
    return storage;
  }
}

/** Ends when everything that waits for nothing but its turn has happened. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A promise to be kept by hand. */
export function gate(): { promise: Promise<void>; open: () => void } {
  let open = () => {};
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}
