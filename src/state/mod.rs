//! The state that is saved between runs: the document and its transitions (pure), and the stores.

pub mod compaction;
pub mod configmap;
pub mod configured_store;
pub mod document;
pub mod file;
mod formats;
mod kubernetes;
mod links;
pub mod store;
mod summary;
pub mod totals;
pub mod transitions;
mod triage;
mod updates;
mod watched;

pub use compaction::{CompactionReport, InFlight};
pub use document::{
    DetectorStatus, DigestPlan, FindingRecord, Lease, MAX_STATE_BYTES, SourceState, State, StateError, UnfetchedFinding,
};
pub use links::{RelatedMessage, fingerprint};
pub use summary::SummaryProgress;
pub use transitions::{Outcome, PollProgress};
pub use triage::{Archiving, Escalation, Triage, TriageProgress};
pub use updates::{PostedFinding, Unrecorded};
pub use watched::{Exported, Items, Scans, Unhealthy, WatchBaseline};
