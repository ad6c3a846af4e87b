//! A run as a state machine without IO: no clock, no request. [`Core::handle`] takes an event and the time, and returns
//! what is to be done.
//!
//! What a run does is an agenda of steps ([`agenda`]). A step that needs an answer stays on top of the agenda until the
//! answer comes; sources are read, deliveries are made and the state is saved beside it.

mod agenda;
pub mod channels;
mod checkpoint;
mod closing;
mod delivery;
mod delivery_log;
mod event;
mod full_log;
pub mod gate;
mod gather;
mod investigations;
pub mod limits;
pub mod mentions;
mod notices;
pub mod outbox;
mod planning;
pub mod posted;
mod query;
mod rate_limit;
mod reconcile;
mod report;
mod run;
mod send;
mod sources;
mod summary;
mod talk;
pub mod tracks;
mod triage;
pub mod verdict;

pub use checkpoint::Checkpoints;
pub use event::{
    ChannelHistory, DetectorOf, Effect, Event, Generation, Query, QueryId, Reply, Save, SourceRequest, Unreachable,
};
pub use reconcile::EarlierPosts;
pub use run::{Core, Limits, Start, Tally};
pub use sources::log_queued;
