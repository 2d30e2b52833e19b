//! Events of the tracking plan odd@7. Made by `waybill plan types`; do not edit.
//!
//! Needs `serde` with `derive`, and `serde_json` where something may be any value.

/// The name of the event Option.
/// Its properties: [`Option2`].
pub const OPTION: &str = "Option";

/// The name of the event Order Completed.
/// The money is there.
/// Its properties: [`OrderCompleted`].
pub const ORDER_COMPLETED: &str = "Order Completed";

/// The name of the event delete.
/// Its properties: [`Delete`].
pub const DELETE: &str = "delete";

/// The name of the event order-completed.
/// Its properties: [`OrderCompleted2`].
/// Deprecated: send Order Completed
pub const ORDER_COMPLETED2: &str = "order-completed";

/// The name of the event Ключ.
pub const N: &str = "Ключ";

/// One of the values that the plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OrderCompletedState {
    /// `open`
    #[serde(rename = "open")]
    Open,
    /// `closed`
    #[serde(rename = "closed")]
    Closed,
}

/// One of the values that the plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum MoneyCurrency {
    /// `EUR`
    #[serde(rename = "EUR")]
    Eur,
    /// `USD`
    #[serde(rename = "USD")]
    Usd,
    /// `it's "odd"`
    #[serde(rename = "it's \"odd\"")]
    ItSOdd,
}

/// One of the values that the plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OrderCompletedType {
    /// `order`
    #[serde(rename = "order")]
    Order,
}

/// An object of the plan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Option2 {
    /// `__private`
    #[serde(rename = "__private", default, skip_serializing_if = "Option::is_none")]
    pub private: Option<String>,
    /// `class`
    #[serde(rename = "class")]
    pub class: String,
}

/// An object of the plan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OrderCompletedItemsItem {
    /// `2nd name`
    #[serde(rename = "2nd name", default, skip_serializing_if = "Option::is_none")]
    pub n2nd_name: Option<String>,
    /// `quantity`
    #[serde(rename = "quantity", default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// `sku`
    #[serde(rename = "sku")]
    pub sku: String,
}

/// An amount. It ends a comment */ and a """text""" \ here.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Money {
    /// `amount`
    #[serde(rename = "amount")]
    pub amount: f64,
    /// `currency`
    #[serde(rename = "currency")]
    pub currency: MoneyCurrency,
}

/// An object of the plan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Tree {
    /// `children`
    #[serde(rename = "children", default, skip_serializing_if = "Option::is_none")]
    pub children: Option<Vec<Tree>>,
    /// `parent`
    #[serde(rename = "parent", default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<Tree>>,
}

/// An object of the plan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OrderCompleted {
    /// `coupon`
    #[serde(rename = "coupon", default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// `either`
    #[serde(rename = "either", default, skip_serializing_if = "Option::is_none")]
    pub either: Option<serde_json::Value>,
    /// `flags`
    #[serde(rename = "flags", default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<bool>>,
    /// `items`
    #[serde(rename = "items", default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<OrderCompletedItemsItem>>,
    /// `level`
    #[serde(rename = "level", default, skip_serializing_if = "Option::is_none")]
    pub level: Option<serde_json::Value>,
    /// `orderId`
    #[serde(rename = "orderId", default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<i64>,
    /// The order's id.
    #[serde(rename = "order_id")]
    pub order_id2: String,
    /// `ratings`
    #[serde(rename = "ratings", default, skip_serializing_if = "Option::is_none")]
    pub ratings: Option<std::collections::BTreeMap<String, Option<f64>>>,
    /// `state`
    #[serde(rename = "state", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<OrderCompletedState>,
    /// `tags`
    #[serde(rename = "tags", default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<std::collections::BTreeMap<String, String>>,
    /// `tax`
    #[serde(rename = "tax", default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    /// `total`
    #[serde(rename = "total")]
    pub total: Money,
    /// `tree`
    #[serde(rename = "tree", default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Tree>,
    /// `type`
    #[serde(rename = "type")]
    pub type2: OrderCompletedType,
    /// `undescribed`
    #[serde(rename = "undescribed")]
    pub undescribed: serde_json::Value,
    /// `whole`
    #[serde(rename = "whole", default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<serde_json::Value>,
}

/// An object of the plan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Delete {
}

/// An object of the plan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OrderCompleted2 {
    /// `a`
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub a: Option<String>,
}
