//! The decisions of a run, without IO: no clock, no request. Time and answers are arguments, requests are results.

pub mod channels;
mod delivery_log;
pub mod gate;
pub mod mentions;
pub mod outbox;
pub mod posted;
mod rate_limit;
mod send;
mod talk;
