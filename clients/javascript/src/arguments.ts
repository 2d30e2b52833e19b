import type { EventOptions, Json } from "./event";

/** A call of `page`, sorted out. */
export interface PageCall {
  category?: string;
  name?: string;
  properties?: Json;
  options?: EventOptions;
}

/** Segment's rule: the leading texts are category and name; a single one is the name. */
export function pageCall(args: unknown[]): PageCall {
  const texts = args.slice(0, 2).filter((arg) => typeof arg === "string");
  const [properties, options] = args.slice(args.findIndex(isObject) >>> 0);
  return {
    category: texts.length > 1 ? texts[0] : undefined,
    name: texts.at(-1),
    properties: properties as Json | undefined,
    options: isObject(options) ? options : undefined,
  };
}

/** A call of `identify`, sorted out: the user id may be left out. */
export function identifyCall(args: unknown[]): [id: string | undefined, traits?: Json, options?: EventOptions] {
  const [id, traits, options] = isObject(args[0]) ? [undefined, ...args] : args;
  return [text(id), isObject(traits) ? traits : undefined, isObject(options) ? options : undefined];
}

/** An id as a text; undefined if there is none. */
export function text(id: unknown): string | undefined {
  return id === null || id === undefined || id === "" ? undefined : String(id);
}

/** An id or name that must be there. */
export function required(value: unknown, what: string): string {
  const found = text(value);
  if (found === undefined) throw new TypeError(`${what} is missing: the event was not recorded`);
  return found;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}
