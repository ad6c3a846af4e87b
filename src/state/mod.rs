//! What a run knows of the runs before it: the document and its moves (pure), and the stores that keep it.

pub mod backing;
pub mod configmap;
pub mod document;
pub mod file;
pub mod forget;
mod kubernetes;
mod links;
pub mod moves;
pub mod store;
mod summary;
pub mod totals;
mod triage;
mod updates;
mod watched;

pub use document::{BOUND, Entry, Plan, Run, Source, Standing, State, Unfetched, Unusable};
pub use forget::{Forgotten, InHand};
pub use links::{RelatedMessage, fingerprint};
pub use moves::{Outcome, Progress};
pub use summary::SummaryProgress;
pub use triage::{Archiving, Escalation, Triage, TriageProgress};
pub use updates::{PostedFinding, Unrecorded};
pub use watched::{Exported, Items, Scans, Unhealthy, Watched};
