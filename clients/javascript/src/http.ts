import type { Page, Reply } from "./page";

/** How a request ended. */
export type Outcome =
  | { kind: "done"; text: string }
  /** It may go well another time: after `seconds`, where the answer said so. */
  | { kind: "again"; seconds?: number }
  /** It never will. */
  | { kind: "refused"; error: Error };

/** Longer than any answer takes that still comes. */
const TIMEOUT = 30_000;
const LONGEST_RETRY_AFTER = 300;

/**
 * POSTs so that the browser asks nobody for permission first: `text/plain` and no header of our own
 * make it a simple request. Never rejects.
 */
export async function post(page: Page, url: string, body: string, keepalive = false): Promise<Outcome> {
  try {
    const reply = await page.fetch(url, {
      method: "POST",
      headers: { "Content-Type": "text/plain;charset=UTF-8" },
      credentials: "include",
      body,
      keepalive,
      signal: page.AbortSignal.timeout?.(TIMEOUT),
    });
    return await outcome(reply);
  } catch {
    return { kind: "again" };
  }
}

async function outcome(reply: Reply): Promise<Outcome> {
  const { status } = reply;
  if (isTemporary(status)) return { kind: "again", seconds: retryAfter(reply.headers.get("Retry-After")) };
  const text = await reply.text().catch(() => "");
  if (status >= 200 && status < 300) return { kind: "done", text };
  return { kind: "refused", error: new Error(`ingest answered ${status}: ${text.slice(0, 300)}`) };
}

/** The statuses after which SDKs that speak Segment's protocol try again. */
export function isTemporary(status: number): boolean {
  if (status >= 500) return ![501, 505, 511].includes(status);
  return [408, 410, 429].includes(status);
}

/** The seconds of a `Retry-After`, five minutes at most; its form with a date is not understood. */
export function retryAfter(header: string | null): number | undefined {
  return /^\d+$/.test(header ?? "") ? Math.min(Number(header), LONGEST_RETRY_AFTER) : undefined;
}
