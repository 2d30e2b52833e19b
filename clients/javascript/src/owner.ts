import type { Page } from "./page";
import type { Store } from "./store";

/** Who sends which page load's events: each stream has one owner at most, and a dead page owns none. */
export interface Owner {
  /** This page owns the stream, until `release`. */
  own(stream: string): void;
  /** Calls `adopt` if nobody owns the stream; then this page does. */
  adopt(stream: string, adopt: () => void): void;
  /** The page goes: it owns nothing any more. */
  release(): void;
}

export function owner(page: Page, store: Store, writeKey: string): Owner {
  const { locks } = page.navigator;
  return locks ? new LockOwner(locks, writeKey) : new BeatOwner(page, store);
}

/** By Web Locks: the browser releases what a dead page held. */
class LockOwner implements Owner {
  #release: (() => void)[] = [];

  constructor(
    private readonly locks: NonNullable<Page["navigator"]["locks"]>,
    private readonly writeKey: string,
  ) {}

  own(stream: string): void {
    this.#request(stream, {}, () => this.#held());
  }

  adopt(stream: string, adopt: () => void): void {
    this.#request(stream, { ifAvailable: true }, (lock) => {
      if (!lock) return undefined;
      adopt();
      return this.#held();
    });
  }

  release(): void {
    for (const release of this.#release) release();
    this.#release = [];
  }

  #request(stream: string, options: { ifAvailable?: boolean }, held: (lock: unknown) => unknown): void {
    // Refused only where storage is too: then there is nothing to own.
    this.locks.request(`waybill:${this.writeKey}:${stream}`, options, held).catch(() => undefined);
  }

  #held(): Promise<void> {
    return new Promise((resolve) => this.#release.push(resolve));
  }
}

const BEAT = "beat:";
const EVERY = 10_000;
/** Browsers let the timers of hidden pages run only once a minute. */
const DEAD_AFTER = 90_000;

/** By a time in the store, for pages without Web Locks (no TLS, old browsers). */
class BeatOwner implements Owner {
  readonly #streams = new Set<string>();
  #timer: unknown;

  constructor(
    private readonly page: Page,
    private readonly store: Store,
  ) {}

  own(stream: string): void {
    this.#streams.add(stream);
    this.#beat();
  }

  adopt(stream: string, adopt: () => void): void {
    const age = this.page.Date.now() - Number(this.store.get(BEAT + stream) ?? 0);
    if (age < DEAD_AFTER) return;
    this.own(stream);
    adopt();
  }

  release(): void {
    this.page.clearTimeout(this.#timer as never);
    for (const stream of this.#streams) this.store.remove(BEAT + stream);
    this.#streams.clear();
  }

  #beat(): void {
    this.page.clearTimeout(this.#timer as never);
    const now = this.page.Date.now();
    for (const name of this.store.names(BEAT)) {
      if (now - Number(this.store.get(name)) >= DEAD_AFTER) this.store.remove(name);
    }
    for (const stream of this.#streams) this.store.set(BEAT + stream, String(now));
    this.#timer = this.page.setTimeout(() => this.#beat(), EVERY);
  }
}
