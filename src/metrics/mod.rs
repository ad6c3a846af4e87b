//! Collects, renders and pushes the metrics of a run.

mod labels;
mod push;
mod render;
mod requests;

pub use labels::{NotificationOutcome, ScanOutcome, Service};
pub use push::{PushError, push, with_auth};
pub use render::{CumulativeCounters, DelayHistogram, RunMetrics, SourceMetrics, Unacknowledged, render};
pub use requests::RequestCounts;
