import type { Page } from "./page";

/** A random UUID (version 4). Pages without TLS have no `randomUUID`, but do have random bytes. */
export function uuid(crypto: Page["crypto"]): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let index = 0;
  // RFC 9562: the version is the 13th digit, the variant the upper two bits of the 17th.
  return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replace(/[xy]/g, (letter) => {
    const digit = bytes[index >> 1]! >> (index++ & 1 ? 0 : 4) & 15;
    return (letter === "x" ? digit : (digit & 3) | 8).toString(16);
  });
}
