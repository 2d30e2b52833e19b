// Takes the members "resolved" out of package-lock.json: they name the registry of whoever wrote the
// file. npm then asks the registry that it is set up for; "integrity" still proves what comes.

import { readFileSync, writeFileSync } from "node:fs";

import { local } from "./local.mjs";

const path = local("package-lock.json");
const lock = JSON.parse(readFileSync(path, "utf8"));
for (const entry of Object.values(lock.packages)) delete entry.resolved;
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
