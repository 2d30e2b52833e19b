// Builds dist/waybill.js (ESM) and dist/waybill.iife.js (global `waybill`), both minified.

import { readFileSync } from "node:fs";

import { build } from "esbuild";

import { local } from "./local.mjs";

const { version } = JSON.parse(readFileSync(local("package.json"), "utf8"));

const common = {
  bundle: true,
  minify: true,
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  // Fields that a constructor sets need no declaration besides.
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
  define: { __VERSION__: JSON.stringify(version) },
};

for (const [source, format, bundle] of [
  ["index", "esm", "waybill.js"],
  ["global", "iife", "waybill.iife.js"],
]) {
  await build({ ...common, entryPoints: [local(`src/${source}.ts`)], format, outfile: local(`dist/${bundle}`) });
}
