//! What is new, what recurs, what goes where, what is summed up, and why. Pure: no clock, no IO.

mod batch;
mod decide;
mod queue;
mod route;
pub mod silence;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod watch;

pub use batch::{Budget, Delivery, MAX_DIGEST, Plan, Refresh, SummaryOf, plan};
pub use decide::{Post, Reason, Update, Verdict, Word, decide, left_out};
pub use queue::Queue;
pub use route::{Destination, Routed, default_destination, matching_route, route};
