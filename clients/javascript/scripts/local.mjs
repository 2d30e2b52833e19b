// Where a file of this package is, wherever the script was started from.

import { fileURLToPath } from "node:url";

export const local = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
