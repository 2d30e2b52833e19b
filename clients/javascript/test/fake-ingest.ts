import type { Event } from "../src/event";
import type { Reply } from "../src/page";

/** A request as the fake ingest got it. */
export interface Got {
  path: string;
  init: RequestInit;
  body: { batch: Event[]; sentAt: string; writeKey: string; anonymousId?: string | null; reset?: boolean };
  bytes: number;
}

/** An answer to come: a status with headers and a body, "network error", or one that comes when told. */
export type Answer = { status: number; retryAfter?: string; body?: string } | "network error" | Promise<void>;

/** Not ingest: a fake that answers as told, else as ingest does, and remembers what it was sent. */
export class FakeIngest {
  readonly sessions: Got[] = [];
  readonly batches: Got[] = [];
  /** The next answers, before the usual ones. */
  readonly nextSessions: Answer[] = [];
  readonly nextBatches: Answer[] = [];
  /** The events of all batches that were answered with 200. */
  readonly delivered: Event[] = [];
  /** Milliseconds that a session lives. */
  life = 1_800_000;
  #minted = 0;
  #cookie: { anonymousId: string; sessionId: string } | undefined;

  constructor(private readonly now: () => number) {}

  async answer(url: string, init: RequestInit): Promise<Reply> {
    const { pathname, search, host } = new URL(url);
    const text = String(init.body);
    const got = { path: host + pathname + search, init, body: JSON.parse(text), bytes: Buffer.byteLength(text) };
    const isSession = pathname === "/v1/session";
    (isSession ? this.sessions : this.batches).push(got);
    const answer = (isSession ? this.nextSessions : this.nextBatches).shift();
    if (answer === "network error") throw new TypeError("Failed to fetch");
    if (answer instanceof Promise) await answer;
    else if (answer) return reply(answer.status, answer.body ?? "{}", answer.retryAfter);
    return isSession ? this.#session(got) : this.#batch(got);
  }

  /** The messageIds that were delivered. */
  get ids(): string[] {
    return this.delivered.map(({ messageId }) => messageId);
  }

  /** The names of the events that were delivered, in order. */
  get names(): unknown[] {
    return this.delivered.map(({ event }) => event);
  }

  /** The visitor has cleared the cookies. */
  forgetCookie(): void {
    this.#cookie = undefined;
  }

  #session({ body }: Got): Reply {
    if (body.reset || !this.#cookie) {
      const number = ++this.#minted;
      this.#cookie = { anonymousId: `genuine-${number}`, sessionId: `session-${number}` };
    }
    return reply(200, JSON.stringify({ ...this.#cookie, expiresAt: new Date(this.now() + this.life) }));
  }

  #batch({ body }: Got): Reply {
    this.delivered.push(...body.batch);
    return reply(200, '{"success":true}');
  }
}

function reply(status: number, body: string, retryAfter?: string): Reply {
  return { status, headers: { get: (name) => (name === "Retry-After" ? retryAfter ?? null : null) }, text: async () => body };
}
