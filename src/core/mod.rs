//! A run as a state machine without IO: no clock, no requests. [`Core::handle`] takes an event and the time, and returns
//! the effects to perform.
//!
//! A run is an agenda of steps ([`agenda`]). A step that needs a response stays on top of the agenda until the response
//! arrives. Meanwhile, sources are read, messages are delivered and the state is saved.

mod agenda;
pub mod channels;
mod checkpoint;
mod closing;
mod delivery;
mod delivery_log;
mod event;
mod exchange;
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
