// Events of the tracking plan odd@7. Made by `waybill plan types`; do not edit.

/** Whoever sends events: the client of an SDK with Segment's `track(event, properties)`. */
export interface Tracker {
  track(event: string, properties?: object): unknown;
}

export interface Option2 {
  __private?: string;
  class: string;
}

export interface OrderCompletedItemsItem {
  "2nd name"?: string;
  quantity?: number;
  sku: string;
}

/** An amount. It ends a comment *\/ and a """text""" \ here. */
export interface Money {
  amount: number;
  currency: "EUR" | "USD" | "it's \"odd\"";
}

export interface Tree {
  children?: Array<Tree>;
  parent?: Tree;
}

export interface OrderCompleted {
  coupon?: string | null;
  either?: string | number;
  flags?: Array<boolean>;
  items?: Array<OrderCompletedItemsItem>;
  level?: 1 | 2.5 | null;
  orderId?: number;
  /** The order's id. */
  order_id: string;
  ratings?: Record<string, number | null>;
  state?: "open" | "closed" | null;
  tags?: Record<string, string>;
  tax?: Money;
  total: Money;
  tree?: Tree;
  type: "order";
  undescribed: unknown;
  whole?: unknown;
}

export interface Delete {
}

export interface OrderCompleted2 {
  a?: string;
}

/** Sends "Option". */
export function option(analytics: Tracker, properties: Option2): unknown {
  return analytics.track("Option", properties);
}

/** Sends "Order Completed". The money is there. */
export function orderCompleted(analytics: Tracker, properties: OrderCompleted): unknown {
  return analytics.track("Order Completed", properties);
}

/** Sends "delete". */
export function delete2(analytics: Tracker, properties: Delete): unknown {
  return analytics.track("delete", properties);
}

/**
 * Sends "order-completed".
 * @deprecated send Order Completed
 */
export function orderCompleted2(analytics: Tracker, properties: OrderCompleted2): unknown {
  return analytics.track("order-completed", properties);
}

/** Sends "Ключ". */
export function n(analytics: Tracker, properties: Record<string, unknown> = {}): unknown {
  return analytics.track("Ключ", properties);
}
