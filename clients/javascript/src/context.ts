import type { Json } from "./event";
import type { Page } from "./page";

declare const __VERSION__: string;

const UTM = /^utm_(.+)/;

/** What the browser knows at this moment, by the names of Segment's spec. */
export function context(page: Page): Json {
  const { navigator, screen, document } = page;
  return {
    page: pageContext(page),
    campaign: campaign(page.location.search),
    referrer: document.referrer ? { url: document.referrer } : undefined,
    locale: navigator.language,
    screen: { width: screen.width, height: screen.height, density: page.devicePixelRatio },
    timezone: timezone(),
    userAgent: navigator.userAgent,
    userAgentData: userAgentData(navigator),
    webdriver: navigator.webdriver || undefined,
    library: { name: "@waybill/javascript", version: __VERSION__ },
  };
}

/** The URL goes without its fragment: that never reaches a server, and may hold a secret. */
export function pageContext({ location, document }: Page): Json {
  return {
    path: location.pathname,
    referrer: document.referrer,
    search: location.search,
    title: document.title,
    url: location.href.split("#")[0],
  };
}

/** The `utm_` parameters of a query, without that prefix; `utm_campaign` is called `name`. */
export function campaign(search: string): Json | undefined {
  const found: Json = {};
  for (const [parameter, value] of new URLSearchParams(search)) {
    const name = UTM.exec(parameter)?.[1];
    if (name && value) found[name === "campaign" ? "name" : name] = value;
  }
  return Object.keys(found).length ? found : undefined;
}

function timezone(): string | undefined {
  try {
    return Intl.DateTimeFormat().resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** Only what a browser tells everybody. */
function userAgentData({ userAgentData: data }: Page["navigator"]): Json | undefined {
  return data && { brands: data.brands, mobile: data.mobile, platform: data.platform };
}
