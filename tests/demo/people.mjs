// Who visits the shop, and how they get there. Everything follows from the seed: each run of the
// demo is the same day.

/** A small pseudo-random generator (mulberry32): numbers of [0, 1). */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** One of `choices`, a list of [weight, value]. */
export function pick(roll, choices) {
  const total = choices.reduce((sum, [weight]) => sum + weight, 0);
  let left = roll() * total;
  for (const [weight, value] of choices) {
    left -= weight;
    if (left < 0) return value;
  }
  return choices.at(-1)[1];
}

export const DEVICES = [
  [34, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"],
  [18, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"],
  [22, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"],
  [16, "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"],
  [10, "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"],
];

export const BOTS = [
  [5, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"],
  [3, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"],
  [2, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36"],
];

/** Ways in: a referrer, a campaign, both or neither. */
export const WAYS_IN = [
  [30, { referrer: "" }],
  [22, { referrer: "https://www.google.com/" }],
  [8, { referrer: "https://news.ycombinator.com/item?id=42" }],
  [6, { referrer: "https://chatgpt.com/" }],
  [14, { referrer: "https://www.google.com/", campaign: { source: "google", medium: "cpc", name: "autumn-sale" } }],
  [10, { referrer: "https://mail.google.com/", campaign: { source: "newsletter", medium: "email", name: "november" } }],
  [10, { referrer: "https://www.linkedin.com/", campaign: { source: "linkedin", medium: "paid-social", name: "cto-retargeting" } }],
];

export const PAGES = ["/", "/pricing", "/features", "/docs", "/blog/why-events-go-missing", "/customers"];

export const PLANS = [
  [60, { plan: "starter", revenue: 19.0 }],
  [30, { plan: "team", revenue: 99.0 }],
  [10, { plan: "business", revenue: 499.0 }],
];

export const PLACES = [
  [5, ["en-US", "America/New_York"]],
  [3, ["de-DE", "Europe/Berlin"]],
  [2, ["fr-FR", "Europe/Paris"]],
];
