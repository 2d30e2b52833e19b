// What a request to ingest has in it, whichever SDK made it.

import { gunzipSync } from "node:zlib";

/** The messages of a body, a Buffer: one, a batch, an array, or one a line; gzipped or not. */
export function messagesOf(body) {
  const text = (body[0] === 0x1f ? gunzipSync(body) : body).toString();
  const sent = parsed(text) ?? text.trim().split("\n").map((line) => JSON.parse(line));
  if (Array.isArray(sent)) return sent;
  return sent.batch ?? [sent];
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
