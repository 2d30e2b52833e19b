// Where Chromium is, and how it is started: CHROMIUM, else `chromium` of the PATH, else where Debian
// puts it.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

import { chromium } from "playwright-core";

// What it would do besides showing the page: ask hosts of its maker, which a test has no use for.
const QUIET = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  "--no-proxy-server",
];

/** A headless browser with an empty profile. It has no sandbox of its own, so that root may start it. */
export const startChromium = () => chromium.launch({ executablePath: program(), args: QUIET, chromiumSandbox: false });

/** Without the word `Headless`, by which enrich would know it for a bot. */
export function plainUserAgent(browser) {
  const [major] = browser.version().split(".");
  return `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`;
}

function program() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const places = [process.env.CHROMIUM, ...folders.map((folder) => join(folder, "chromium"))];
  return places.find((place) => place && isProgram(place)) ?? "/usr/bin/chromium";
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
