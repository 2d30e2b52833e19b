// One visit to the page, the same with each SDK. browser.mjs puts `window.plan` into the page and
// hears by `window.handed(number)` and `window.over()`.

const BYE = "/bye";

/** `sdk` has page(), identify(userId, traits), track(event, properties), and may have flush(). */
export async function visit(sdk) {
  const { plan } = window;
  if (location.pathname === BYE) return;
  sdk.page();
  sdk.identify(plan.userId, plan.traits);
  const tracked = [];
  for (let number = 1; number <= plan.events; number++) {
    tracked.push(sdk.track(plan.event, { number, run: plan.run }));
    window.handed(number);
    if (number < plan.events) await pause(plan.pause);
  }
  if (plan.leave) return leave(sdk, tracked);
  await sdk.flush?.();
  window.over();
}

/** As a click on a link does; an SDK may ask for a moment to take in the last call. */
async function leave(sdk, tracked) {
  if (sdk.moment) await Promise.race([Promise.all(tracked), pause(sdk.moment)]);
  location.assign(BYE);
}

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));
