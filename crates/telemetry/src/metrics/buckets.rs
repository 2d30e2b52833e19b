//! Buckets of the histograms: the same for all that measure the same kind of thing.

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// Waits for a broker or a warehouse: 1 ms to 60 s.
pub(super) fn round_trip() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ])
}

/// Accepted to queryable: 100 ms to 6 h, fine around the seconds that are normal and the five
/// minutes at which someone is called.
pub(super) fn freshness() -> Histogram {
    Histogram::new([
        0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0,
        21_600.0,
    ])
}

/// Runs of the auditor: 100 ms to 1 h.
pub(super) fn run() -> Histogram {
    Histogram::new([0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0])
}

/// Records of a batch: 1 to 65,536.
pub(super) fn records() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 4.0, 9))
}

/// Bytes of a batch: 1 KiB to 64 MiB.
pub(super) fn bytes() -> Histogram {
    Histogram::new(exponential_buckets(1024.0, 4.0, 9))
}
