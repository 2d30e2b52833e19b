//! A fault: how it is done, and how one sees that it was.

use waybill_tests::{Flow, Traffic};

/// Where a fault happens: a flow under traffic.
pub(crate) struct Scene<'a> {
    pub(crate) flow: &'a Flow,
    pub(crate) traffic: &'a Traffic,
}

type Inject = dyn Fn(&Scene<'_>) -> anyhow::Result<u64>;

/// One row of the table.
pub(crate) struct Fault {
    pub(crate) name: String,
    /// What is counted as its firing.
    pub(crate) sign: &'static str,
    /// Whether `make test` runs it too.
    pub(crate) quick: bool,
    inject: Box<Inject>,
}

impl Fault {
    /// `inject` does it and tells how often it fired, by what it says is counted. It need not mend
    /// anything: whoever calls it does.
    pub(crate) fn new(
        name: impl Into<String>,
        sign: &'static str,
        inject: impl Fn(&Scene<'_>) -> anyhow::Result<u64> + 'static,
    ) -> Self {
        Self { name: name.into(), sign, quick: false, inject: Box::new(inject) }
    }

    pub(crate) fn quick(mut self, quick: bool) -> Self {
        self.quick = quick;
        self
    }

    pub(crate) fn inject(&self, scene: &Scene<'_>) -> anyhow::Result<u64> {
        (self.inject)(scene)
    }
}
