//! Delivers every AWS GuardDuty finding to Slack: once, in time, readable, with nothing lost.
//!
//! Data and imports have one direction:
//!
//! ```text
//! config → guardduty (poll) → finding → plan (route, dedupe, digest) → message → slack → state (checkpoint) → metrics
//! ```
//!
//! [`cli`] calls the commands: [`run`], [`check`], [`preview`] and [`inspect`] (`state` and `explain`). All other modules are
//! used by them.
//! Modules that decide are pure, without clock and IO: `finding`, `plan`, `message`, `core`, the document in `state`.

mod check;
pub mod cli;
pub mod config;
pub mod core;
mod exit;
pub mod finding;
pub mod guardduty;
mod http;
#[cfg(test)]
mod imports;
mod inspect;
pub mod mention;
pub mod message;
pub mod metrics;
mod output;
mod pages;
mod plan;
mod poll;
mod preview;
pub mod retry;
pub mod run;
pub mod slack;
pub mod source_key;
pub mod state;
mod telemetry;
pub mod text;
pub mod time;
mod triage;
pub mod user;
