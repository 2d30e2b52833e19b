// What each script of this folder is asked to do, by its environment, and how it answers.
//
//   INGEST_URL  http://127.0.0.1:port of ingest
//   WRITE_KEY   the key of the source. Jitsu's SDK takes only the form id:secret; the others send
//               it as a user name, which has no colon
//   EVENTS      how many track events to hand over (20)
//   PREFIX      property `run` of every event: tells this run's events from all others
//   PAUSE_MS    between two events (50)
//   PATIENCE_MS how long to wait for the SDK to deliver after the last event (90000)
//
// Progress goes to stderr, `halfway` among it. The last line on stdout is JSON: see `Ledger`.

export const EVENT = "Sdk Checked";

const { env } = process;

export const task = {
  ingest: wanted("INGEST_URL").replace(/\/$/, ""),
  writeKey: wanted("WRITE_KEY"),
  events: wholeNumber("EVENTS", 20),
  run: env.PREFIX ?? `run-${Date.now()}`,
  pause: wholeNumber("PAUSE_MS", 50),
  patience: wholeNumber("PATIENCE_MS", 90_000),
};

/** Properties of the event of this number: by them a test finds it, whoever minted its id. */
export const properties = (number) => ({ number, run: task.run });

export const visitor = { userId: `user-of-${task.run}`, traits: { email: "ada@example.com", plan: "team" } };

export const say = (text) => console.error(text);

export const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

/** Calls `each` for the numbers 1 to EVENTS, not all in the same moment. */
export async function handOver(each) {
  for (let number = 1; number <= task.events; number++) {
    each(number);
    noteProgress(number);
    await pause(task.pause);
  }
}

export function noteProgress(number) {
  if (number === Math.ceil(task.events / 2)) say("halfway");
  if (number === task.events) say(`all ${number} handed over`);
}

/** Waits for `work`, but no longer than the patience. */
export const withPatience = (work) => Promise.race([work, pause(task.patience)]);

/** What became of each event, by its number. */
export class Ledger {
  #events = new Map();
  #troubles = new Map();
  #answers = {};

  handed(number) {
    this.#of(number);
  }

  /** The id under which the SDK sends it. */
  named(number, messageId) {
    this.#of(number).messageId ??= messageId;
  }

  /** By the word of the SDK, or in a browser by the answer that the page got. */
  delivered(number, messageId) {
    this.named(number, messageId);
    this.#of(number).delivered = true;
  }

  refused(number, reason) {
    this.#of(number).reason = String(reason);
  }

  /** Something that went wrong without being the fate of one event. */
  trouble(kind, reason) {
    const key = `${kind}: ${reason}`;
    const { times } = this.#troubles.get(key) ?? { times: 0 };
    if (times === 0) say(key);
    this.#troubles.set(key, { kind, reason, times: times + 1 });
  }

  /** A status that ingest answered with, or why there was no answer. A retry mends it. */
  answered(status) {
    this.#answers[status] = (this.#answers[status] ?? 0) + 1;
  }

  /** What was sent, but by a page that nobody can see the answer of any more. */
  acceptUnconfirmed() {
    for (const [, event] of this.#events) event.unconfirmed = !event.delivered && event.messageId !== undefined;
  }

  get complete() {
    return this.#numbered().every(([, event]) => event.delivered);
  }

  /**
   * The last line, and the exit code: 0 if all is delivered and nothing else went wrong.
   * `sent` has every event that was handed over; those of them that were not delivered are in
   * `failed` also. `messageId` is null where no request with the event was seen. `unconfirmed` has
   * the numbers of those that were sent, but whose answer nobody could see. `answers` counts what
   * the requests were answered, retries included (Rudder's SDK tells only the failures).
   */
  close(sdk, more = {}) {
    const sent = this.#numbered().map(([number, { messageId = null }]) => ({ messageId, event: EVENT, number }));
    const unconfirmed = this.#numbered().filter(([, event]) => event.unconfirmed).map(([number]) => number);
    const lost = this.#numbered()
      .filter(([, event]) => !event.delivered && !event.unconfirmed)
      .map(([number, { messageId = null, reason = "not delivered in time" }]) => ({ kind: "event", number, messageId, reason }));
    const missing = task.events - sent.length;
    if (missing > 0) this.trouble("script", `${missing} events were not even handed over`);
    const failed = [...lost, ...this.#troubles.values()];
    const line = JSON.stringify({ sdk, run: task.run, ...more, answers: this.#answers, sent, unconfirmed, failed });
    // Some SDKs leave timers behind that would keep Node alive: so end it, once the line is out.
    process.stdout.write(`${line}\n`, () => process.exit(failed.length === 0 ? 0 : 1));
  }

  #of(number) {
    if (!this.#events.has(number)) this.#events.set(number, {});
    return this.#events.get(number);
  }

  #numbered() {
    return [...this.#events].sort(([one], [other]) => one - other);
  }
}

/** A setting that must be there. */
export function wanted(name) {
  if (env[name]) return env[name];
  say(`${name} is not set`);
  process.exit(64);
}

/** A setting from the environment. */
export function wholeNumber(name, otherwise) {
  const value = Number(env[name] ?? otherwise);
  if (Number.isInteger(value) && value >= 0) return value;
  say(`${name} is not a whole number: ${env[name]}`);
  process.exit(64);
}
