// Events of the tracking plan shop@1. Made by `waybill plan types`; do not edit.

/** Whoever sends events: the client of an SDK with Segment's `track(event, properties)`. */
export interface Tracker {
  track(event: string, properties?: object): unknown;
}

export interface CheckoutStarted {
  plan: "starter" | "team" | "business";
  /** What the order will cost a month. */
  value?: number;
}

export interface OrderCompleted {
  currency: string;
  /** The order's id in the billing service. */
  order_id: string;
  plan: "starter" | "team" | "business";
  /** What was paid, in `currency`. */
  revenue: number;
}

export interface SignedUp {
  /** How the visitor proved who she is. */
  method: "email" | "google" | "invitation";
}

/** Sends "Checkout Started". A customer opened the checkout. */
export function checkoutStarted(analytics: Tracker, properties: CheckoutStarted): unknown {
  return analytics.track("Checkout Started", properties);
}

/** Sends "Logged In". Somebody with an account came back, perhaps on another device. */
export function loggedIn(analytics: Tracker, properties: Record<string, unknown> = {}): unknown {
  return analytics.track("Logged In", properties);
}

/** Sends "Order Completed". The billing service has taken the money. */
export function orderCompleted(analytics: Tracker, properties: OrderCompleted): unknown {
  return analytics.track("Order Completed", properties);
}

/** Sends "Signed Up". A visitor made an account. */
export function signedUp(analytics: Tracker, properties: SignedUp): unknown {
  return analytics.track("Signed Up", properties);
}
