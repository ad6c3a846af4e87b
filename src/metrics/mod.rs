//! Collects, renders and pushes the metrics of a run.

mod counters;
mod family;
mod labels;
mod push;
mod render;
mod requests;
mod snapshot;

pub use labels::{NotificationOutcome, ScanOutcome, Service};
pub use push::{PushError, push, with_auth};
pub use render::render;
pub use requests::RequestCounts;
pub use snapshot::{CumulativeCounters, DelayHistogram, RunMetrics, SourceMetrics, Unacknowledged};
