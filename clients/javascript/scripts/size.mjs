// Prints what each bundle costs a visitor, minified and gzipped, and fails if one costs 5 KB.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { local } from "./local.mjs";

const LIMIT = 5120;

for (const path of ["dist/waybill.js", "dist/waybill.iife.js"]) {
  const file = readFileSync(local(path));
  const { length } = gzipSync(file, { level: 9 });
  console.log(`${path}: ${file.length} bytes minified, ${length} bytes gzipped (less than ${LIMIT} allowed)`);
  if (length >= LIMIT) process.exitCode = 1;
}
