"""Events of the tracking plan odd@7. Made by `waybill plan types`; do not edit.

`analytics` is the module or client of an SDK with Segment's `track`; what else it takes, such as
`user_id`, is handed on. Needs Python 3.11.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, NotRequired, TypedDict, Union


Option2 = TypedDict(
    "Option2",
    {
        "__private": NotRequired[str],
        "class": str,
    },
)


OrderCompletedItemsItem = TypedDict(
    "OrderCompletedItemsItem",
    {
        "2nd name": NotRequired[str],
        "quantity": NotRequired[int],
        "sku": str,
    },
)


class Money(TypedDict):
    """An amount. It ends a comment */ and a '''text''' \\ here."""

    amount: float
    currency: Literal["EUR", "USD", "it's \"odd\""]


class Tree(TypedDict):
    children: NotRequired[List[Tree]]
    parent: NotRequired[Tree]


class OrderCompleted(TypedDict):
    coupon: NotRequired[Union[str, None]]
    either: NotRequired[Union[str, int]]
    flags: NotRequired[List[bool]]
    items: NotRequired[List[OrderCompletedItemsItem]]
    level: NotRequired[Any]
    orderId: NotRequired[int]
    order_id: str
    """The order's id."""
    ratings: NotRequired[Dict[str, Union[float, None]]]
    state: NotRequired[Union[Literal["open", "closed"], None]]
    tags: NotRequired[Dict[str, str]]
    tax: NotRequired[Money]
    total: Money
    tree: NotRequired[Tree]
    type: Literal["order"]
    undescribed: Any
    whole: NotRequired[Any]


class Delete(TypedDict):
    pass


class OrderCompleted2(TypedDict):
    a: NotRequired[str]


def option(analytics: Any, properties: Option2, **rest: Any) -> Any:
    """Sends Option."""
    return analytics.track(event="Option", properties=properties, **rest)


def order_completed(analytics: Any, properties: OrderCompleted, **rest: Any) -> Any:
    """Sends Order Completed. The money is there."""
    return analytics.track(event="Order Completed", properties=properties, **rest)


def delete(analytics: Any, properties: Delete, **rest: Any) -> Any:
    """Sends delete."""
    return analytics.track(event="delete", properties=properties, **rest)


def order_completed2(analytics: Any, properties: OrderCompleted2, **rest: Any) -> Any:
    """Sends order-completed. Deprecated: send Order Completed"""
    return analytics.track(event="order-completed", properties=properties, **rest)


def n(analytics: Any, properties: Dict[str, Any], **rest: Any) -> Any:
    """Sends Ключ."""
    return analytics.track(event="Ключ", properties=properties, **rest)
