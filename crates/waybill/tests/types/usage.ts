// Compiled, never run: the helpers fit real clients and refuse what the plan does not allow.
import { load } from "../../../../clients/javascript/src/index";
import { checkoutStarted, loggedIn, orderCompleted, type OrderCompleted } from "./shop";
import { orderCompleted as odd, type Tree } from "./odd";

const client = load({ writeKey: "wk_web", url: "https://collect.shop.example" });
const order: OrderCompleted = { order_id: "o-1", plan: "team", revenue: 99, currency: "USD" };

orderCompleted(client, order);
checkoutStarted(client, { plan: "starter" });
loggedIn(client);
// @ts-expect-error: the order's id is missing
orderCompleted(client, { plan: "team", revenue: 99, currency: "USD" });
// @ts-expect-error: the plan knows no such product
checkoutStarted(client, { plan: "platinum" });
// @ts-expect-error: the plan does not name it
checkoutStarted(client, { plan: "team", colour: "red" });

const tree: Tree = { parent: { children: [{}] } };
odd(client, {
  order_id: "o-1",
  total: { amount: 1, currency: "EUR" },
  type: "order",
  undescribed: [1],
  coupon: null,
  level: 2.5,
  either: 5,
  items: [{ sku: "s", "2nd name": "n" }],
  tree,
});
