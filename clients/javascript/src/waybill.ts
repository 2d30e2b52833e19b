import type { EventOptions, Json } from "./event";

/**
 * A page's client. No method throws: what goes wrong is told to the option `onError`. Ids may be
 * numbers; they are sent as texts.
 */
export interface Waybill {
  /** Something happened. */
  track(event: string, properties?: Json, options?: EventOptions): void;

  /** The visitor is this user. Traits add to those that are known; without a user id they stand alone. */
  identify(userId?: string | number | null, traits?: Json, options?: EventOptions): void;
  identify(traits: Json, options?: EventOptions): void;

  /** A page was shown. One text is its name, two are its category and name. */
  page(category: string, name: string, properties?: Json, options?: EventOptions): void;
  page(name: string, properties?: Json, options?: EventOptions): void;
  page(properties?: Json, options?: EventOptions): void;

  /** The visitor belongs to this group. */
  group(groupId: string | number, traits?: Json, options?: EventOptions): void;

  /** The user was known by another id: the one given, else the current user id, else the visitor's. */
  alias(userId: string | number, previousId?: string | number, options?: EventOptions): void;

  /** Forgets the user and asks for a new visitor's id: call it when somebody logs out. */
  reset(): void;

  /** Sends now. Ends when all that may leave is delivered, or with the first failure; the client goes on trying. */
  flush(): Promise<void>;

  /** Ends when ingest has given the ids. Not before: without ingest it does not end. */
  ready(): Promise<void>;

  /** The visitor's id; null before ingest has given it out. */
  anonymousId(): string | null;

  /** The user id of the last `identify`; null if there was none since the last `reset`. */
  userId(): string | null;
}
