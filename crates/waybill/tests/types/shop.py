"""Events of the tracking plan shop@1. Made by `waybill plan types`; do not edit.

`analytics` is the module or client of an SDK with Segment's `track`; what else it takes, such as
`user_id`, is handed on. Needs Python 3.11.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, NotRequired, TypedDict, Union


class CheckoutStarted(TypedDict):
    plan: Literal["starter", "team", "business"]
    value: NotRequired[float]
    """What the order will cost a month."""


class OrderCompleted(TypedDict):
    currency: str
    order_id: str
    """The order's id in the billing service."""
    plan: Literal["starter", "team", "business"]
    revenue: float
    """What was paid, in `currency`."""


class SignedUp(TypedDict):
    method: Literal["email", "google", "invitation"]
    """How the visitor proved who she is."""


def checkout_started(analytics: Any, properties: CheckoutStarted, **rest: Any) -> Any:
    """Sends Checkout Started. A customer opened the checkout."""
    return analytics.track(event="Checkout Started", properties=properties, **rest)


def logged_in(analytics: Any, properties: Dict[str, Any], **rest: Any) -> Any:
    """Sends Logged In. Somebody with an account came back, perhaps on another device."""
    return analytics.track(event="Logged In", properties=properties, **rest)


def order_completed(analytics: Any, properties: OrderCompleted, **rest: Any) -> Any:
    """Sends Order Completed. The billing service has taken the money."""
    return analytics.track(event="Order Completed", properties=properties, **rest)


def signed_up(analytics: Any, properties: SignedUp, **rest: Any) -> Any:
    """Sends Signed Up. A visitor made an account."""
    return analytics.track(event="Signed Up", properties=properties, **rest)
