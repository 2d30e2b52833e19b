/** Any JSON object. */
export type Json = Record<string, unknown>;

/** What the caller of a method may say besides the event itself. */
export interface EventOptions {
  /** Members of the event's `context`; they come before what the client would put there. */
  context?: Json;
  /** Which destinations get the event, as in Segment's spec. */
  integrations?: Json;
  /** When it happened, if not now. */
  timestamp?: Date | string;
  /** Overrides the visitor's id for this event. */
  anonymousId?: string;
}

/** Where an event stands among those of its page load. */
export interface Position {
  /** A random id of the page load. */
  stream: string;
  /** Counts the page load's events from 0. */
  seq: number;
}

/** `context.waybill`: makes events that got lost before ingest countable. */
export interface Numbering extends Position {
  /** On the first event of a page load: the last one of the page load before it in the same tab. */
  after?: Position;
  /** How many events the full queue had to drop since the last event that told of some. */
  dropped?: number;
}

/** An event as it is sent. */
export interface Event extends Json {
  type: "track" | "identify" | "page" | "group" | "alias";
  messageId: string;
  timestamp: string;
  /** Absent only while the session is not there, and no event leaves before it is. */
  anonymousId?: string;
  userId?: string;
  context: Json & { waybill: Numbering; sessionId?: string };
}

/** The part of an event that depends on the method that was called. */
export type Body = Pick<Event, "type"> & Json;
