//! A fault: how it is done, and how one sees that it was.

use waybill_tests::{Flow, Oracle, Traffic};

/// Where a fault happens: a flow under traffic.
pub(crate) struct Scene<'a> {
    pub(crate) flow: &'a Flow,
    pub(crate) traffic: &'a Traffic,
    /// Issues what is sent besides.
    pub(crate) oracle: &'a Oracle,
}

/// That it fired.
pub(crate) struct Fired {
    /// How often.
    pub(crate) times: u64,
    /// What else is to be told of it, line by line.
    pub(crate) told: Vec<String>,
}

impl From<u64> for Fired {
    fn from(times: u64) -> Self {
        Self { times, told: Vec::new() }
    }
}

type Inject = dyn Fn(&Scene<'_>) -> anyhow::Result<Fired>;

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
    pub(crate) fn new<F: Into<Fired>>(
        name: impl Into<String>,
        sign: &'static str,
        inject: impl Fn(&Scene<'_>) -> anyhow::Result<F> + 'static,
    ) -> Self {
        let inject = move |scene: &Scene<'_>| inject(scene).map(Into::into);
        Self { name: name.into(), sign, quick: false, inject: Box::new(inject) }
    }

    pub(crate) fn quick(mut self, quick: bool) -> Self {
        self.quick = quick;
        self
    }

    pub(crate) fn inject(&self, scene: &Scene<'_>) -> anyhow::Result<Fired> {
        (self.inject)(scene)
    }
}
