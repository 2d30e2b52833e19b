import type { Event } from "./event";
import { type Outcome, post } from "./http";
import type { Settings } from "./options";
import type { Page } from "./page";
import { Pump, type Worked } from "./pump";
import { type Entry, type Queue, head, parse } from "./queue";

/** Ingest takes 500 KB; the frame of the batch is small. */
const BATCH_BYTES = 450_000;
/** Browsers carry 64 KB for pages that are gone. */
const LAST_BYTES = 60_000;

/** Brings the events that may leave to ingest, one request at a time. */
export class Sender {
  readonly #pump: Pump;
  /** On their way in an ordinary request. */
  #sending = new Set<Entry>();
  /** On their way in a request that outlives the page. */
  readonly #leaving = new Set<Entry>();
  #timer: unknown;

  /** `refused` is told of the events that ingest will not take. */
  constructor(
    private readonly page: Page,
    private readonly settings: Settings,
    private readonly queue: Queue,
    private readonly refused: (error: Error, events: Event[]) => void,
  ) {
    this.#pump = new Pump(page, () => {
      const batch = head(this.#idle(), settings.flushAt, BATCH_BYTES);
      return batch.length ? () => this.#send(batch) : undefined;
    });
  }

  /** Sends when enough events wait, or when they have waited long enough. */
  soon(): void {
    if (this.#idle().length >= this.settings.flushAt) void this.run();
    else this.#timer ??= this.page.setTimeout(() => void this.run(), this.settings.flushAfter);
  }

  /** Ends when all that may leave is delivered, or with a failure. */
  run(): Promise<void> {
    this.page.clearTimeout(this.#timer as never);
    this.#timer = undefined;
    return this.#pump.run();
  }

  /**
   * The page may be gone in a moment: sends everything at once, so that the browser finishes it. If it
   * is gone for certain (`isLast`), so is an ordinary request, and its events go again.
   */
  leave(isLast: boolean): void {
    let rest = isLast ? this.queue.ready().filter((entry) => !this.#leaving.has(entry)) : this.#idle();
    // A larger one would be refused by the browser, and stays in the store.
    rest = rest.filter(({ bytes }) => bytes < LAST_BYTES);
    while (rest.length) {
      const chunk = head(rest, Infinity, LAST_BYTES);
      rest = rest.slice(chunk.length);
      void this.#sendLast(chunk);
    }
  }

  /** What is on its way. */
  inFlight(): ReadonlySet<Entry> {
    return new Set([...this.#sending, ...this.#leaving]);
  }

  #idle(): Entry[] {
    return this.queue.ready().filter((entry) => !this.#leaving.has(entry) && !this.#sending.has(entry));
  }

  async #send(batch: Entry[]): Promise<Worked> {
    this.#sending = new Set(batch);
    const outcome = await this.#post(batch, false);
    this.#sending.clear();
    return this.#settle(batch, outcome);
  }

  async #sendLast(chunk: Entry[]): Promise<void> {
    for (const entry of chunk) this.#leaving.add(entry);
    const outcome = await this.#post(chunk, true);
    for (const entry of chunk) this.#leaving.delete(entry);
    if (this.#settle(chunk, outcome) !== "done") this.soon();
  }

  #post(batch: Entry[], keepalive: boolean): Promise<Outcome> {
    const events = batch.map(({ json }) => json).join();
    const sentAt = JSON.stringify(new Date(this.page.Date.now()));
    const writeKey = JSON.stringify(this.settings.writeKey);
    const body = `{"batch":[${events}],"sentAt":${sentAt},"writeKey":${writeKey}}`;
    return post(this.page, `${this.settings.url}/v1/batch`, body, keepalive);
  }

  #settle(batch: Entry[], outcome: Outcome): Worked {
    if (outcome.kind === "again") return outcome;
    this.queue.remove(batch);
    if (outcome.kind === "refused") this.refused(outcome.error, batch.map(parse));
    return "done";
  }
}
