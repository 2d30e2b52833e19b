import { Client } from "./client";
import type { Options } from "./options";
import type { Page } from "./page";
import type { Waybill } from "./waybill";

export type { Event, EventOptions, Json, Numbering, Position } from "./event";
export type { Options } from "./options";
export type { Waybill } from "./waybill";

/** Starts a client for this page. One is enough for a write key. */
export function load(options: Options): Waybill {
  return new Client(window as Page, options);
}
