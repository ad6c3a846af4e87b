//! The state that is saved between runs: the document and its transitions (pure), and the stores.
//!
//! The document is [`document`]; its parts are [`source_state`], [`finding_record`] and [`lease`]. The other modules
//! change it, each for one reason.

mod compaction;
mod configmap;
pub(crate) mod configured_store;
mod document;
mod file;
mod finding_record;
mod formats;
mod kubernetes;
mod lease;
mod links;
mod outcome;
mod processed;
mod reconciliation;
mod reset;
mod shared_sets;
mod source_state;
mod sources;
pub mod store;
mod summary;
pub(crate) mod totals;
mod triage;
mod waiting;
mod watched;
mod watched_kind;

pub use compaction::{CompactionReport, InFlight};
pub use document::{DigestPlan, MAX_STATE_BYTES, State, StateError, UnfetchedFinding};
pub use finding_record::FindingRecord;
pub use lease::{Lease, Unrecorded};
pub use links::{RelatedMessage, fingerprint};
pub use outcome::Outcome;
pub use reconciliation::PostedFinding;
pub use shared_sets::{SetId, SharedSets};
pub use source_state::{DetectorStatus, PollProgress, SourceState};
pub use summary::SummaryProgress;
pub use triage::{Archiving, Escalation, Triage, TriageProgress};
pub use watched::{Exported, Names, Scans, Unhealthy, Versions, WatchBaseline};
pub use watched_kind::WatchedKind;
