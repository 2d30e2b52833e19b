//! Events of the tracking plan shop@1. Made by `waybill plan types`; do not edit.
//!
//! Needs `serde` with `derive`, and `serde_json` where something may be any value.

/// The name of the event Checkout Started.
/// A customer opened the checkout.
/// Its properties: [`CheckoutStarted`].
pub const CHECKOUT_STARTED: &str = "Checkout Started";

/// The name of the event Logged In.
/// Somebody with an account came back, perhaps on another device.
pub const LOGGED_IN: &str = "Logged In";

/// The name of the event Order Completed.
/// The billing service has taken the money.
/// Its properties: [`OrderCompleted`].
pub const ORDER_COMPLETED: &str = "Order Completed";

/// The name of the event Signed Up.
/// A visitor made an account.
/// Its properties: [`SignedUp`].
pub const SIGNED_UP: &str = "Signed Up";

/// One of the values that the plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Product {
    /// `starter`
    #[serde(rename = "starter")]
    Starter,
    /// `team`
    #[serde(rename = "team")]
    Team,
    /// `business`
    #[serde(rename = "business")]
    Business,
}

/// One of the values that the plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SignedUpMethod {
    /// `email`
    #[serde(rename = "email")]
    Email,
    /// `google`
    #[serde(rename = "google")]
    Google,
    /// `invitation`
    #[serde(rename = "invitation")]
    Invitation,
}

/// An object of the plan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CheckoutStarted {
    /// `plan`
    #[serde(rename = "plan")]
    pub plan: Product,
    /// What the order will cost a month.
    #[serde(rename = "value", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// An object of the plan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OrderCompleted {
    /// `currency`
    #[serde(rename = "currency")]
    pub currency: String,
    /// The order's id in the billing service.
    #[serde(rename = "order_id")]
    pub order_id: String,
    /// `plan`
    #[serde(rename = "plan")]
    pub plan: Product,
    /// What was paid, in `currency`.
    #[serde(rename = "revenue")]
    pub revenue: f64,
}

/// An object of the plan.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SignedUp {
    /// How the visitor proved who she is.
    #[serde(rename = "method")]
    pub method: SignedUpMethod,
}
