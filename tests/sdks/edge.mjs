// The proxy that stands before ingest in production: it says whose address a request came from.

import { once } from "node:events";
import { createServer, request as send } from "node:http";

/** Passes everything on to `target` as if it came from `address`. Resolves to the proxy's origin. */
export async function serveEdge(target, address) {
  const server = createServer((request, response) => {
    const headers = { ...request.headers, "x-forwarded-for": address };
    const onward = send(target + request.url, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    request.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}
