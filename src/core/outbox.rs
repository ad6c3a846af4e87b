//! The outbox: delivers the queues concurrently within the rate limits, and handles retries and unknown outcomes.

mod queue;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::call::{Call, CallId, CallResponse};
use crate::core::channels::Channels;
use crate::core::gate::Permission;
use crate::core::posted::HistoryRange;
use crate::core::rate_limit::RateLimiter;
use crate::message::Writer;
use crate::plan::{Delivery, Queue};
use crate::state::Outcome;
use crate::time::Timestamp;
use queue::QueueState;

/// Time after which the history shows a message that was acknowledged.
pub(crate) const HISTORY_LAG: Duration = Duration::from_secs(10);

/// All deliveries of a run that are in progress.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queues: BTreeMap<Queue, QueueState>,
    shared: Shared,
}

/// What the queues share.
#[derive(Debug, Default)]
struct Shared {
    limiter: RateLimiter,
    last_call: CallId,
}

impl Outbox {
    pub(crate) fn push(&mut self, queue: Queue, deliveries: Vec<Delivery>) {
        self.queues.entry(queue).or_default().push(deliveries);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Returns what is to be done now.
    pub(crate) fn advance(&mut self, context: &mut DeliveryContext) -> Work {
        let mut work = Work::default();
        for (queue, state) in &mut self.queues {
            state.advance(queue, &mut self.shared, context, &mut work);
        }
        self.queues.retain(|_, state| !state.is_done());
        work
    }

    /// Handles the response to a request. The response to an abandoned request is ignored.
    pub(crate) fn on_answer(&mut self, id: CallId, response: CallResponse, context: &mut DeliveryContext) {
        if let Some(state) = self.queues.values_mut().find(|state| state.is_waiting_for(id)) {
            state.on_answer(response, &mut self.shared.limiter, context);
        }
    }

    /// Gives up everything. Returns true if a request may yet take effect.
    pub(crate) fn abandon(&mut self) -> bool {
        std::mem::take(&mut self.queues).values().any(QueueState::is_waiting_for_write)
    }
}

/// What the deliveries need to know.
pub(crate) struct DeliveryContext<'a> {
    pub channels: &'a mut Channels,
    pub writer: &'a dyn Writer,
    pub range: HistoryRange,
    pub permission: Permission,
    pub now: Timestamp,
    /// Time until the run must end.
    pub time_left: Duration,
    /// Time until which edits that announce nothing may be made.
    pub refresh_until: Timestamp,
    /// Spreads retries: from 0 to 1.
    pub chance: f64,
}

/// What is to be done now.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub calls: Vec<(CallId, Call)>,
    pub ended: Vec<EndedDelivery>,
    /// Time at which there is more to do.
    pub wake_at: Option<Timestamp>,
}

impl Work {
    fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// The result of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DeliveryResult {
    /// The revision of the finding is processed.
    Processed(Outcome),
    Digested,
    /// A notice was posted, or a message edited.
    Completed,
    /// It may have taken effect.
    Unknown(String),
    /// Slack rejected it, or could not be reached.
    Failed(String),
    /// The default channel rejects messages: its queue stops for the run.
    Stopped(String),
    /// Not tried, or not to its end: the run ends, or Slack rejects the app.
    NotTried,
}

/// A delivery that ended.
#[derive(Debug)]
pub(crate) struct EndedDelivery {
    pub queue: Queue,
    pub delivery: Delivery,
    pub result: DeliveryResult,
    /// Slack shows its findings in the minimal form only.
    pub is_minimal: bool,
}

#[cfg(test)]
mod tests;
