// The site that the browser visits: a page with one SDK bundled into it, a page to leave to, and, for
// some, a backend that the page posts to.

import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const HTML = { "content-type": "text/html; charset=utf-8" };
const SCRIPT = { "content-type": "text/javascript; charset=utf-8" };

/**
 * Serves on a port of its own, so that ingest is of another origin. Resolves to the origin. `backend`
 * has a function for each path that the page may post JSON to.
 */
export async function servePage(sdk, plan, backend = {}) {
  const script = await bundle(sdk);
  const sdkTags = `<script>window.plan = ${JSON.stringify(plan).replaceAll("<", "\\u003c")}</script>
    <script src="/sdk.js" defer></script>`;
  const page = html("A shop", sdkTags);
  const bye = html("Bye", plan.returns ? sdkTags : "");
  const places = { "/": [HTML, page], "/sdk.js": [SCRIPT, script], "/bye": [HTML, bye] };
  const server = createServer(async (request, response) => {
    // No query matters, so the campaign of the visit may be any.
    const { pathname } = new URL(request.url, "http://here");
    if (request.method === "POST" && backend[pathname]) {
      backend[pathname](await json(request));
      return response.writeHead(204).end();
    }
    const [headers, body] = places[pathname] ?? [HTML, ""];
    response.writeHead(body ? 200 : 404, headers).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

// The icon keeps the browser from asking for one.
const html = (title, more) => `<!doctype html><title>${title}</title><link rel="icon" href="data:,">${more}<h1>${title}</h1>`;

async function bundle(sdk) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`page/${sdk}.mjs`, import.meta.url))],
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
  });
  return outputFiles[0].text;
}
