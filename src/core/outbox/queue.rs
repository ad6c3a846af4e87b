//! One queue of the outbox: one delivery at a time, in order.
//!
//! A message whose outcome is unknown is not sent again before the history, read some seconds later, was checked. Such
//! checks follow after all other deliveries of the queue.

use std::collections::VecDeque;

use super::{DeliveryContext, DeliveryResult, EndedDelivery, HISTORY_LAG, Shared, Work};
use crate::core::call::{CallId, CallResponse};
use crate::core::exchange::{Attempt, Exchange, NextAction};
use crate::core::gate::Permission;
use crate::core::rate_limit::RateLimiter;
use crate::core::send::SendContext;
use crate::plan::{Delivery, Queue};
use crate::time::Timestamp;

/// Number of times that a message of unknown outcome is looked up and sent again in one run.
pub(super) const MAX_OUTCOME_CHECKS: usize = 3;

/// One queue.
#[derive(Debug, Default)]
pub(super) struct QueueState {
    waiting: VecDeque<Item>,
    active: Option<Active>,
    /// Deliveries with an unknown outcome.
    unresolved: Vec<Item>,
    /// Number of times that unknown outcomes were checked.
    checks: usize,
    next_check: Option<Timestamp>,
}

#[derive(Debug)]
struct Item {
    delivery: Delivery,
    /// Reason why its outcome is unknown.
    unknown_reason: Option<String>,
}

/// The delivery in progress.
#[derive(Debug)]
struct Active {
    exchange: Exchange,
    /// Reason why the outcome of an earlier attempt is unknown.
    unknown_reason: Option<String>,
    call: Option<OpenCall>,
}

/// A request that has no response yet.
#[derive(Clone, Copy, Debug)]
struct OpenCall {
    id: CallId,
    is_write: bool,
}

impl QueueState {
    pub(super) fn push(&mut self, deliveries: Vec<Delivery>) {
        self.waiting.extend(deliveries.into_iter().map(|delivery| Item { delivery, unknown_reason: None }));
    }

    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.active.is_none() && self.unresolved.is_empty()
    }

    /// Does what can be done now.
    pub(super) fn advance(
        &mut self,
        queue: &Queue,
        shared: &mut Shared,
        context: &mut DeliveryContext,
        work: &mut Work,
    ) {
        while let Some(mut active) = self.next(queue, context, work) {
            match active.advance(shared, context, work) {
                Some(result) => self.finish(queue, active, result, context, work),
                None => {
                    self.active = Some(active);
                    return;
                }
            }
        }
    }

    pub(super) fn is_waiting_for(&self, id: CallId) -> bool {
        self.open_call().is_some_and(|call| call.id == id)
    }

    /// Returns true if a request that may take effect has no response yet.
    pub(super) fn is_waiting_for_write(&self) -> bool {
        self.open_call().is_some_and(|call| call.is_write)
    }

    fn open_call(&self) -> Option<OpenCall> {
        self.active.as_ref()?.call
    }

    pub(super) fn on_answer(
        &mut self,
        response: CallResponse,
        limiter: &mut RateLimiter,
        context: &mut DeliveryContext,
    ) {
        let Some(active) = &mut self.active else { return };
        active.call = None;
        let DeliveryContext { channels, range, now, time_left, chance, .. } = context;
        let mut send_context = SendContext { channels, limiter, now: *now, time_left: *time_left, chance: *chance };
        active.exchange.on_answer(response, range, &mut send_context);
    }

    /// The delivery in progress, or else the next one.
    fn next(&mut self, queue: &Queue, context: &DeliveryContext, work: &mut Work) -> Option<Active> {
        if let Some(active) = self.active.take() {
            return Some(active);
        }
        if self.waiting.is_empty() {
            self.check_unresolved(queue, context, work);
        }
        let Item { delivery, unknown_reason } = self.waiting.pop_front()?;
        let attempt = if unknown_reason.is_some() { Attempt::AfterUnknownOutcome } else { Attempt::First };
        let exchange = Exchange::new(delivery, attempt, context.channels);
        Some(Active { exchange, unknown_reason, call: None })
    }

    /// Nothing waits: what has an unknown outcome is tried again once the history can show it, or reported.
    fn check_unresolved(&mut self, queue: &Queue, context: &DeliveryContext, work: &mut Work) {
        if self.unresolved.is_empty() {
            return;
        }
        if self.checks >= MAX_OUTCOME_CHECKS || context.permission == Permission::Stop {
            return self.end_unresolved(queue, work);
        }
        let next_check = *self.next_check.get_or_insert(context.now.plus(HISTORY_LAG));
        if context.now < next_check {
            return work.wake(next_check);
        }
        self.next_check = None;
        self.checks += 1;
        self.waiting.extend(self.unresolved.drain(..));
    }

    fn end_unresolved(&mut self, queue: &Queue, work: &mut Work) {
        for Item { delivery, unknown_reason } in self.unresolved.drain(..) {
            let result = DeliveryResult::Unknown(format!("outcome unknown: {}", unknown_reason.unwrap_or_default()));
            work.ended.push(EndedDelivery { queue: queue.clone(), delivery, result, is_minimal: false });
        }
    }

    fn finish(
        &mut self,
        queue: &Queue,
        active: Active,
        result: DeliveryResult,
        context: &DeliveryContext,
        work: &mut Work,
    ) {
        let is_unresolved = active.exchange.is_unresolved();
        let (delivery, is_minimal) = active.exchange.end();
        match (result, active.unknown_reason) {
            (DeliveryResult::Unknown(error), None) if context.permission != Permission::Stop => {
                let description = delivery.describe();
                tracing::warn!(%queue, delivery = description, error, "delivery outcome unknown; checking Slack history");
                self.unresolved.push(Item { delivery, unknown_reason: Some(error) });
            }
            (DeliveryResult::Unknown(error), Some(_)) => {
                self.unresolved.push(Item { delivery, unknown_reason: Some(error) });
            }
            // It ended before the history showed the earlier attempt: that is as unknown as before.
            (DeliveryResult::NotTried | DeliveryResult::Failed(_) | DeliveryResult::Stopped(_), Some(before))
                if is_unresolved =>
            {
                self.unresolved.push(Item { delivery, unknown_reason: Some(before) });
            }
            (result, _) => work.ended.push(EndedDelivery { queue: queue.clone(), delivery, result, is_minimal }),
        }
    }
}

impl Active {
    /// Continues the delivery. Returns its result if it ends now.
    fn advance(
        &mut self,
        shared: &mut Shared,
        context: &mut DeliveryContext,
        work: &mut Work,
    ) -> Option<DeliveryResult> {
        if self.must_end(context) {
            return Some(DeliveryResult::NotTried);
        }
        if self.exchange.is_refresh() {
            work.wake(context.refresh_until);
        }
        if self.call.is_some() {
            return None;
        }
        match self.exchange.next(context.now, context.channels) {
            NextAction::Ended(result) => return Some(result),
            NextAction::WaitUntil(time) => work.wake(time),
            NextAction::Read => self.request(shared, context, work),
            NextAction::Write(queue) if context.permission == Permission::Send => {
                match shared.limiter.take(&queue, context.now) {
                    Ok(()) => self.request(shared, context, work),
                    Err(time) => work.wake(time),
                }
            }
            // The response to the save calls `advance` again.
            NextAction::Write(_) => {}
        }
        None
    }

    /// Returns true if the delivery is not continued. A request that may take effect is waited for; one that only reads is
    /// not, once the run must end.
    fn must_end(&self, context: &DeliveryContext) -> bool {
        if self.exchange.is_refresh() && context.now >= context.refresh_until {
            return true;
        }
        let can_stop = match self.call {
            Some(call) => !call.is_write && context.time_left.is_zero(),
            None => !self.exchange.has_ended(),
        };
        can_stop && context.permission == Permission::Stop
    }

    fn request(&mut self, shared: &mut Shared, context: &DeliveryContext, work: &mut Work) {
        shared.last_call = shared.last_call.next();
        let id = shared.last_call;
        let call = self.exchange.request(context.writer, &context.range, context.channels);
        self.call = Some(OpenCall { id, is_write: call.is_write() });
        work.calls.push((id, call));
    }
}
