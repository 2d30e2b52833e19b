import type { Event } from "./event";
import type { Settings } from "./options";
import type { Ids } from "./session";
import type { Store } from "./store";

/** An event in the queue. */
export interface Entry {
  /** Its name in the store. */
  readonly name: string;
  json: string;
  bytes: number;
  /** The number of the session request that it waits for, if it does. */
  waits?: number;
}

/** What a stored event waits for; stands before its JSON. */
const READY = "=";
const WAITS = "s";
const WAITS_FOR_RESET = "r";

const QUEUE = "queue:";

/**
 * The events that no answer came for, oldest first. Each is in the store under its page load's stream
 * from the call of `push` on until `remove`.
 */
export class Queue {
  #entries: Entry[] = [];

  constructor(
    private readonly store: Store,
    private readonly stream: string,
    private readonly settings: Settings,
  ) {}

  /** `waits` as in an entry; `isAfterReset` tells later pages that the id of then must not be used. */
  push(event: Event, waits: number | undefined, isAfterReset: boolean): void {
    const entry: Entry = { name: `${QUEUE}${this.stream}:${event.context.waybill.seq}`, json: "", bytes: 0, waits };
    this.#write(entry, event, waits === undefined ? READY : isAfterReset ? WAITS_FOR_RESET : WAITS);
    this.#entries.push(entry);
  }

  /** Those that may leave. */
  ready(): Entry[] {
    return this.#entries.filter(({ waits }) => waits === undefined);
  }

  /** Puts the ids into the events that wait for this request or an earlier one. */
  stamp(number: number, ids: Ids): void {
    for (const entry of this.#entries) {
      if (entry.waits === undefined || entry.waits > number) continue;
      entry.waits = undefined;
      this.#write(entry, stamped(parse(entry), ids), READY);
    }
  }

  remove(entries: Entry[]): void {
    const gone = new Set(entries);
    this.#entries = this.#entries.filter((entry) => !gone.has(entry));
    for (const { name } of entries) this.store.remove(name);
  }

  /** Takes the oldest out, of those that are not in `spared`, until the rest is within the bounds. */
  trim(spared: ReadonlySet<Entry>): Event[] {
    const { maxQueueEvents, maxQueueBytes } = this.settings;
    let count = this.#entries.length;
    let bytes = this.#entries.reduce((sum, entry) => sum + entry.bytes, 0);
    const dropped: Entry[] = [];
    for (const entry of this.#entries) {
      if (count <= maxQueueEvents && bytes <= maxQueueBytes) break;
      if (spared.has(entry)) continue;
      dropped.push(entry);
      count--;
      bytes -= entry.bytes;
    }
    if (dropped.length) this.remove(dropped);
    return dropped.map(parse);
  }

  /** The streams of other page loads that have events in the store. */
  otherStreams(): string[] {
    const streams = this.store.names(QUEUE).map((name) => name.split(":")[1]!);
    return [...new Set(streams)].filter((stream) => stream !== this.stream);
  }

  /** Takes over the events of a dead page load; those that wait for a reset now wait for `reset`. */
  adopt(stream: string, reset: number): void {
    const names = this.store.names(`${QUEUE}${stream}:`).sort((one, other) => seq(one) - seq(other));
    const entries = names.map((name) => this.#read(name, reset)).filter((entry) => entry !== undefined);
    this.#entries.unshift(...entries);
  }

  /** The page was asleep: forgets what was adopted, and what another page has delivered meanwhile. */
  refresh(): void {
    const own = `${QUEUE}${this.stream}:`;
    this.#entries = this.#entries.filter(({ name }) => name.startsWith(own) && this.store.get(name) !== undefined);
  }

  #write(entry: Entry, event: Event, mark: string): void {
    entry.json = JSON.stringify(event);
    entry.bytes = byteLength(entry.json);
    this.store.set(entry.name, mark + entry.json);
  }

  #read(name: string, reset: number): Entry | undefined {
    const text = this.store.get(name) ?? "";
    const entry: Entry = { name, json: text.slice(1), bytes: byteLength(text) - 1 };
    if (text[0] !== READY) entry.waits = text[0] === WAITS ? 1 : reset;
    try {
      if (parse(entry).context.waybill) return entry;
    } catch {
      // Not ours, or spoilt: nobody could read it any more.
    }
    this.store.remove(name);
    return undefined;
  }
}

/** The first entries that are no more than so many and no more than so many bytes; always one. */
export function head(entries: Entry[], most: number, mostBytes: number): Entry[] {
  let bytes = 0;
  const end = entries.findIndex((entry, index) => {
    bytes += entry.bytes + 1;
    return index > 0 && (index >= most || bytes > mostBytes);
  });
  return end < 0 ? entries : entries.slice(0, end);
}

export function parse({ json }: Entry): Event {
  return JSON.parse(json) as Event;
}

/** The event with the ids, where the caller did not give others. */
export function stamped(event: Event, { anonymousId, sessionId }: Ids): Event {
  event.anonymousId ??= anonymousId;
  event.context.sessionId ??= sessionId;
  if (event.type === "alias") event.previousId ??= anonymousId;
  return event;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function seq(name: string): number {
  return Number(name.split(":")[2]);
}
