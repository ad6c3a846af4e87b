//! The outbox: delivers the queues concurrently within the rate limits, and handles retries and unknown outcomes.
//!
//! A message whose outcome is unknown is not sent again before the history, read some seconds later, was checked.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::core::channels::Channels;
use crate::core::exchange::{Exchange, NextAction};
use crate::core::gate::Permission;
use crate::core::posted::Past;
use crate::core::rate_limit::RateLimiter;
use crate::core::send::Shared;
use crate::message::{Message, Writer};
use crate::plan::{Delivery, Queue};
use crate::slack::{BotMessage, HistoryError, MessageRef, SentMessage, SlackError, Target};
use crate::state::Outcome;
use crate::time::Timestamp;

/// Time after which the history shows a message that was acknowledged.
pub const LAG: Duration = Duration::from_secs(10);
/// Number of times that a message of unknown outcome is looked up and sent again in one run.
const CHECKS: usize = 3;

/// One request to Slack.
#[derive(Clone, Debug)]
pub enum Call {
    /// `thread`: the `ts` of the thread, and whether the channel shows the reply, too.
    Post {
        to: Target,
        message: Message,
        thread: Option<(String, bool)>,
    },
    Update {
        at: MessageRef,
        message: Message,
    },
    Permalink {
        at: MessageRef,
    },
    History {
        channel: String,
        oldest: Timestamp,
    },
    Replies {
        channel: String,
        thread: String,
        oldest: Timestamp,
    },
}

impl Call {
    /// Returns true if the call may take effect even if the run does not wait for its response.
    pub fn is_write(&self) -> bool {
        matches!(self, Self::Post { .. } | Self::Update { .. })
    }
}

/// The response to a request.
#[derive(Clone, Debug)]
pub enum Answer {
    Posted(Result<SentMessage, SlackError>),
    Updated(Result<(), SlackError>),
    Permalink(Option<String>),
    Messages(Result<Vec<BotMessage>, HistoryError>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(u64);

/// The result of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveryResult {
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
pub struct Report {
    pub queue: Queue,
    pub delivery: Delivery,
    pub result: DeliveryResult,
    /// Slack shows its findings in the minimal form only.
    pub is_minimal: bool,
}

/// What is to be done now.
#[derive(Debug, Default)]
pub struct Work {
    pub calls: Vec<(CallId, Call)>,
    pub reports: Vec<Report>,
    /// Time at which there is more to do.
    pub wake_at: Option<Timestamp>,
}

impl Work {
    fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// What the deliveries need to know.
pub struct Context<'a> {
    pub channels: &'a mut Channels,
    pub writer: &'a dyn Writer,
    pub past: Past,
    pub permission: Permission,
    pub now: Timestamp,
    /// Time until the run must end.
    pub left: Duration,
    /// Time until which edits that announce nothing may be made.
    pub refresh_until: Timestamp,
    /// Spreads retries: from 0 to 1.
    pub chance: f64,
}

/// All deliveries of a run that are in progress.
#[derive(Debug, Default)]
pub struct Outbox {
    queues: BTreeMap<Queue, QueueState>,
    limiter: RateLimiter,
    last_call: u64,
}

/// One queue.
#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Item>,
    active: Option<Active>,
    unknown: Vec<Item>,
    /// Number of times that unknown outcomes were checked.
    checks: usize,
    next_check: Option<Timestamp>,
}

#[derive(Debug)]
struct Item {
    delivery: Delivery,
    /// Reason why its outcome is unknown.
    unknown: Option<String>,
}

#[derive(Debug)]
struct Active {
    exchange: Exchange,
    unknown: Option<String>,
    /// The request that has no response yet, and whether it is a write.
    call: Option<(CallId, bool)>,
}

impl Outbox {
    pub fn push(&mut self, queue: Queue, deliveries: Vec<Delivery>) {
        let state = self.queues.entry(queue).or_default();
        state.waiting.extend(deliveries.into_iter().map(|delivery| Item { delivery, unknown: None }));
    }

    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Handles the response to a request. The response to an abandoned request is ignored.
    pub fn on_answer(&mut self, id: CallId, answer: Answer, context: &mut Context) {
        let Self { queues, limiter, .. } = self;
        let is_asked = |active: &&mut Active| active.call.is_some_and(|(call, _)| call == id);
        let Some(active) = queues.values_mut().filter_map(|state| state.active.as_mut()).find(is_asked) else { return };
        active.call = None;
        let Context { channels, past, now, left, chance, .. } = context;
        let mut shared = Shared { channels, limiter, now: *now, left: *left, chance: *chance };
        active.exchange.on_answer(answer, past, &mut shared);
    }

    /// Returns what is to be done now.
    pub fn advance(&mut self, context: &mut Context) -> Work {
        let mut work = Work::default();
        let keys: Vec<Queue> = self.queues.keys().cloned().collect();
        for queue in keys {
            let Some(mut state) = self.queues.remove(&queue) else { continue };
            self.advance_queue(&queue, &mut state, context, &mut work);
            if !state.is_done() {
                self.queues.insert(queue, state);
            }
        }
        work
    }

    /// Gives up everything. Returns true if a request may yet take effect.
    pub fn abandon(&mut self) -> bool {
        let queues = std::mem::take(&mut self.queues);
        queues
            .values()
            .filter_map(|state| state.active.as_ref())
            .any(|active| active.call.is_some_and(|(_, write)| write))
    }

    fn advance_queue(&mut self, queue: &Queue, state: &mut QueueState, context: &mut Context, work: &mut Work) {
        loop {
            let Some(mut active) = state.active.take().or_else(|| state.begin(context)) else {
                if state.begin_check(queue, context, work) {
                    continue;
                }
                return;
            };
            match self.advance_talk(&mut active, context, work) {
                Some(result) => state.finish(queue, active, result, context, work),
                None => {
                    state.active = Some(active);
                    return;
                }
            }
        }
    }

    /// Returns the result of a delivery if it ends now.
    fn advance_talk(&mut self, active: &mut Active, context: &mut Context, work: &mut Work) -> Option<DeliveryResult> {
        if active.exchange.is_refresh() {
            if context.now >= context.refresh_until {
                return Some(DeliveryResult::NotTried);
            }
            work.wake(context.refresh_until);
        }
        let is_stopped = context.permission == Permission::Stop;
        match active.call {
            // What is only read can be broken off.
            Some((_, is_write)) => {
                return (is_stopped && !is_write && context.left.is_zero()).then_some(DeliveryResult::NotTried);
            }
            None if is_stopped && !active.exchange.has_ended() => return Some(DeliveryResult::NotTried),
            None => {}
        }
        match active.exchange.next(context.now, context.channels) {
            NextAction::Ended(result) => return Some(result),
            NextAction::WaitUntil(time) => work.wake(time),
            NextAction::Read => self.call(active, context, work),
            NextAction::Write(queue) if context.permission == Permission::Send => {
                match self.limiter.take(&queue, context.now) {
                    Ok(()) => self.call(active, context, work),
                    Err(time) => work.wake(time),
                }
            }
            // The next save calls again.
            NextAction::Write(_) => {}
        }
        None
    }

    fn call(&mut self, active: &mut Active, context: &mut Context, work: &mut Work) {
        self.last_call += 1;
        let id = CallId(self.last_call);
        let call = active.exchange.call(context.writer, &context.past, context.channels);
        active.call = Some((id, call.is_write()));
        work.calls.push((id, call));
    }
}

impl QueueState {
    fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.active.is_none() && self.unknown.is_empty()
    }

    fn begin(&mut self, context: &Context) -> Option<Active> {
        let Item { delivery, unknown } = self.waiting.pop_front()?;
        let exchange = Exchange::new(delivery, unknown.is_some(), context.channels);
        Some(Active { exchange, unknown, call: None })
    }

    /// Nothing waits: what has an unknown outcome is tried again once the history can show it. Returns true if that is now.
    fn begin_check(&mut self, queue: &Queue, context: &Context, work: &mut Work) -> bool {
        if self.unknown.is_empty() {
            return false;
        }
        if self.checks >= CHECKS || context.permission == Permission::Stop {
            for Item { delivery, unknown } in self.unknown.drain(..) {
                let result = DeliveryResult::Unknown(format!("outcome unknown: {}", unknown.unwrap_or_default()));
                work.reports.push(Report { queue: queue.clone(), delivery, result, is_minimal: false });
            }
            return false;
        }
        let next_check = *self.next_check.get_or_insert(context.now.plus(LAG));
        if context.now < next_check {
            work.wake(next_check);
            return false;
        }
        self.next_check = None;
        self.checks += 1;
        self.waiting.extend(self.unknown.drain(..));
        true
    }

    fn finish(&mut self, queue: &Queue, active: Active, result: DeliveryResult, context: &Context, work: &mut Work) {
        let (delivery, is_minimal) = active.exchange.end();
        match (result, active.unknown) {
            (DeliveryResult::Unknown(error), None) if context.permission != Permission::Stop => {
                let description = delivery.describe();
                tracing::warn!(%queue, delivery = description, error, "delivery outcome unknown; checking Slack history");
                self.unknown.push(Item { delivery, unknown: Some(error) });
            }
            (DeliveryResult::Unknown(error), Some(_)) => self.unknown.push(Item { delivery, unknown: Some(error) }),
            // The run ended before the history showed it: it is as unknown as before.
            (DeliveryResult::NotTried, Some(before)) => self.unknown.push(Item { delivery, unknown: Some(before) }),
            (result, _) => work.reports.push(Report { queue: queue.clone(), delivery, result, is_minimal }),
        }
    }
}

#[cfg(test)]
mod tests;
