//! Decides which messages are delivered to which channels, with a reason for each. Pure: no clock, no IO.

mod condense;
mod decide;
mod delivery_plan;
mod notice_event;
mod queue;
mod reply;
mod route;
pub(crate) mod source_health;
pub(crate) mod source_notices;
pub(crate) mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod watch;

pub(crate) use condense::combine_notices;
pub(crate) use decide::{Decision, Post, SkipReason, Update, decide, skip_reason};
pub(crate) use delivery_plan::{
    Delivery, DeliveryPlan, DueSummary, MAX_DIGEST, MessageBudget, Refresh, plan_deliveries,
};
pub(crate) use notice_event::{NoticeEpoch, NoticeEvent, WatchedItem};
pub(crate) use queue::Queue;
pub(crate) use reply::{Changes, Reply, ReplySubject};
pub(crate) use route::{Destination, RouteDecision, default_destination, destination_of, matching_route, route};
