// The script-tag build: sets the global `waybill`.

import { load } from "./index";

Object.assign(window, { waybill: { load } });
