import type { Event } from "./event";

/** What `load` takes. */
export interface Options {
  /** The source's write key. */
  writeKey: string;
  /** Where ingest is, as seen by the page: `https://events.shop.example`. Empty for the page's own origin. */
  url: string;
  /** Send as soon as this many events wait, and at most this many at once. 20 if not given. */
  flushAt?: number;
  /** Send at the latest after this many milliseconds. 2000 if not given. */
  flushAfter?: number;
  /** How many events may wait. 1000 if not given. */
  maxQueueEvents?: number;
  /** How many bytes of events may wait. 2 MB if not given. */
  maxQueueBytes?: number;
  /**
   * Told of everything that went wrong for good, with the events that are lost by it (none if the
   * client goes on trying). Must not throw.
   */
  onError?: (error: Error, events: Event[]) => void;
}

/** The options with their defaults. */
export type Settings = Required<Omit<Options, "onError">>;

export function settings(options: Options): Settings {
  const { writeKey, url, flushAt = 20, flushAfter = 2000, maxQueueEvents = 1000, maxQueueBytes = 2_000_000 } = options;
  return {
    writeKey: String(writeKey),
    url: String(url).replace(/\/+$/, ""),
    flushAt,
    flushAfter,
    maxQueueEvents,
    maxQueueBytes,
  };
}
