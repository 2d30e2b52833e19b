// Runs in the page, before the SDK: notes what is sent while the page is being left, for the next
// page of the site to tell. It changes nothing of what is sent.
//
// browser.mjs passes these functions to the browser as text: each must stand on its own.

export function noteWhatLeaves() {
  let leaving = false;
  addEventListener("pagehide", () => (leaving = true), { capture: true });
  const note = (body) => {
    if (!leaving) return;
    if (typeof body !== "string") return console.error(`sent while leaving, unread: ${body?.constructor?.name}`);
    localStorage.setItem("left", JSON.stringify([...JSON.parse(localStorage.getItem("left") ?? "[]"), body]));
  };
  const { fetch } = window;
  window.fetch = (place, options) => {
    note(options?.body);
    return fetch(place, options);
  };
  const sendBeacon = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (place, body) => {
    note(body);
    return sendBeacon(place, body);
  };
}

export const readWhatLeft = () => JSON.parse(localStorage.getItem("left") ?? "[]");
