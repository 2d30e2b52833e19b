// Bundles each test with the source that it tests into build/test/, for `node --test`.

import { readdirSync, rmSync } from "node:fs";

import { build } from "esbuild";

import { local } from "./local.mjs";

const tests = readdirSync(local("test")).filter((name) => name.endsWith(".test.ts"));

rmSync(local("build/test"), { recursive: true, force: true });
await build({
  entryPoints: tests.map((name) => local(`test/${name}`)),
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: "inline",
  define: { __VERSION__: '"0.0.0-test"' },
  outdir: local("build/test"),
  outExtension: { ".js": ".mjs" },
});
