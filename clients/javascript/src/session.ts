import { post } from "./http";
import type { Settings } from "./options";
import type { Page } from "./page";
import { Pump, type Worked } from "./pump";
import type { Store } from "./store";

/** The ids that an event needs before it may leave. Only ingest gives them out. */
export interface Ids {
  anonymousId: string;
  sessionId: string;
}

/** What is remembered of ingest's last answer; times by this machine's clock. */
interface Known extends Ids {
  renewAt: number;
  endsAt: number;
}

/** One question to ingest. Events wait for its number. */
interface Request {
  number: number;
  kind: "start" | "renew" | "reset";
}

/** Whom a session tells what. */
export interface SessionListener {
  /** Events that wait for this number or a lower one may leave with these ids. */
  answered(number: number, ids: Ids): void;
  failed(error: Error): void;
}

const SESSION = "session";
/** There while a reset was not answered: the next page then goes on with it. */
const RESET = "reset";
/** Seconds to the next try after an answer that only the operator can mend. */
const REFUSED = 60;
const HALF_AN_HOUR = 1_800_000;

/** The visitor's id and session, kept current by asking ingest. */
export class Session {
  #asked = 0;
  readonly #requests: Request[] = [];
  readonly #pump: Pump;
  #waiting: (() => void)[] = [];

  constructor(
    private readonly page: Page,
    private readonly settings: Settings,
    private readonly store: Store,
    private readonly listener: SessionListener,
  ) {
    this.#pump = new Pump(page, () => {
      const request = this.#requests[0];
      return request && (() => this.#send(request));
    });
  }

  /** A page load begins: ingest is asked even if ids are remembered, for it may not know them. */
  start(): void {
    this.#ask("start");
    if (this.store.get(RESET)) this.#ask("reset");
  }

  /** The next events belong to somebody else. */
  reset(): void {
    this.store.set(RESET, "1");
    this.#ask("reset");
  }

  /** The ids for an event of this moment, or the number of the request that it has to wait for. */
  forEvent(): Ids | number {
    const now = this.page.Date.now();
    const known = this.#known;
    const isCurrent = known && now < known.endsAt;
    if (!this.#requests.length && !(isCurrent && now < known.renewAt)) this.#ask("renew");
    return isCurrent && this.#requests.every(({ kind }) => kind === "renew") ? known : this.#asked;
  }

  /** The visitor's id as far as it is known. */
  get anonymousId(): string | null {
    return (!this.isResetting && this.#known?.anonymousId) || null;
  }

  /** Whether the id that is known is on its way out. */
  get isResetting(): boolean {
    return this.#requests.some(({ kind }) => kind === "reset");
  }

  /** The number of the last request. */
  get asked(): number {
    return this.#asked;
  }

  /** Ends with the answers to all requests, or with a failure. */
  run(): Promise<void> {
    return this.#pump.run();
  }

  /** Ends when all requests are answered. */
  ready(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#wake();
    });
  }

  get #known(): Known | undefined {
    return this.store.getJson<Known>(SESSION);
  }

  #ask(kind: Request["kind"]): void {
    this.#requests.push({ number: ++this.#asked, kind });
    void this.#pump.run();
  }

  async #send(request: Request): Promise<Worked> {
    const { url, writeKey } = this.settings;
    const address = `${url}/v1/session?writeKey=${encodeURIComponent(writeKey)}`;
    const outcome = await post(this.page, address, JSON.stringify(this.#body(request)));
    if (outcome.kind === "again") return outcome;
    if (outcome.kind === "refused") return this.#fail(outcome.error, REFUSED);
    const known = read(outcome.text, this.page.Date.now());
    if (!known) return this.#fail(new Error("ingest's answer tells no session"));
    this.#answered(request, known);
    return "done";
  }

  #body({ kind }: Request): object {
    if (kind === "reset") return { reset: true };
    const known = this.#known;
    const isCurrent = known && this.page.Date.now() < known.endsAt;
    // The session is told for visitors whose browser refuses the cookie of it.
    return { anonymousId: known?.anonymousId ?? null, sessionId: isCurrent ? known.sessionId : undefined };
  }

  #answered(request: Request, known: Known): void {
    this.store.setJson(SESSION, known);
    this.#requests.shift();
    if (request.kind === "reset" && !this.isResetting) this.store.remove(RESET);
    this.listener.answered(request.number, known);
    this.#wake();
  }

  #fail(error: Error, seconds?: number): Worked {
    this.listener.failed(error);
    return { seconds };
  }

  #wake(): void {
    if (this.#requests.length) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }
}

/**
 * Reads ingest's answer at the time `now`. A session is renewed from the middle of its life on, so
 * that a visitor who is active at least that often keeps it. A life of less than a minute or more
 * than a day says that this machine's clock is wrong: then half an hour is taken.
 */
function read(text: string, now: number): Known | undefined {
  try {
    const { anonymousId, sessionId, expiresAt } = JSON.parse(text);
    if (typeof anonymousId !== "string" || typeof sessionId !== "string") return undefined;
    const told = Date.parse(expiresAt) - now;
    const life = told >= 60_000 && told <= 86_400_000 ? told : HALF_AN_HOUR;
    return { anonymousId, sessionId, renewAt: now + life / 2, endsAt: now + life };
  } catch {
    return undefined;
  }
}
