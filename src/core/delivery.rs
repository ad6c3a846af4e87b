//! Delivers a batch: saves the intents first, then runs the outbox until it is empty.

use std::time::Duration;

use crate::core::Core;
use crate::core::agenda::{Queues, Step};
use crate::core::call::{CallId, CallResponse};
use crate::core::event::Effect;
use crate::core::gate::Permission;
use crate::core::outbox::{DeliveryContext, Outbox};
use crate::core::write_ahead::{Intent, is_written_ahead};
use crate::plan::Delivery;
use crate::time::Timestamp;

/// Time in which requests that are in progress when the run must end may still be answered.
const RESPONSE_GRACE: Duration = Duration::from_millis(1_500);

impl Core<'_> {
    /// Saves what is about to be delivered, then delivers it. A dry run prints it.
    pub(super) fn deliver(&mut self, queues: Queues) {
        if queues.is_empty() {
            return;
        }
        if self.config.dry_run {
            return self.print(queues.into_values().flatten());
        }
        self.write_ahead(&queues);
        self.checkpoints.begin_posting();
        let save = self.save();
        let is_history_needed = self.may_have_replied_before(&queues);
        self.do_first([Step::WaitForSave(save), Step::BeginDelivery(queues)]);
        if is_history_needed {
            // Before those steps.
            self.do_first([Step::Reconcile(Vec::new())]);
        }
    }

    /// Returns true if a run that died may have posted a reply in the channel, because its thread rejected it. Only the
    /// history shows that.
    fn may_have_replied_before(&self, queues: &Queues) -> bool {
        let is_reply = |one: &Delivery| matches!(one, Delivery::Reply(..) | Delivery::Update(..));
        let has_died = self.earlier.is_some_and(|earlier| earlier.is_unclean);
        has_died && self.posted.is_none() && queues.values().flatten().any(is_reply)
    }

    pub(super) fn print(&mut self, deliveries: impl IntoIterator<Item = Delivery>) {
        self.effects.extend(deliveries.into_iter().map(|delivery| Effect::Print(Box::new(delivery))));
    }

    /// Delivers what was saved, without the notices that this run must not announce.
    pub(super) fn begin_delivery(&mut self, mut queues: Queues) -> Option<Step> {
        if self.hold_back_notices(&mut queues).is_pending() {
            return Some(Step::BeginDelivery(queues));
        }
        if !self.is_over() {
            debug_assert!(queues.values().flatten().all(|one| is_written_ahead(one, &self.state)), "{queues:?}");
            self.do_first([Step::Redirect]);
            // Before that step.
            self.fill_outbox(queues);
        }
        None
    }

    /// After a finding moved to another channel, its old message points to the new one.
    pub(super) fn redirect(&mut self) {
        let mut queues = Queues::new();
        self.add_redirects(&mut queues);
        self.fill_outbox(queues);
    }

    /// Passes queues to the outbox, unless the run is over.
    pub(super) fn fill_outbox(&mut self, queues: Queues) {
        if queues.is_empty() || self.is_over() {
            return;
        }
        for (queue, deliveries) in queues {
            self.outbox.push(queue, deliveries);
        }
        self.do_first([Step::DeliverQueues { end_of_grace: None }]);
    }

    /// Delivers until the outbox is empty. When the run must end, requests in progress may still be answered for a moment.
    pub(super) fn deliver_queues(&mut self, end_of_grace: Option<Timestamp>) -> Option<Step> {
        self.run_outbox();
        let is_done = self.outbox.is_empty() || self.checkpoints.has_conflict();
        let end_of_grace = end_of_grace.or_else(|| self.is_stopping().then(|| self.now.plus(RESPONSE_GRACE)));
        if !is_done && end_of_grace.is_none_or(|end| self.now < end) {
            return Some(Step::DeliverQueues { end_of_grace });
        }
        // A request that is abandoned may take effect.
        self.is_outcome_unknown |= self.outbox.abandon();
        self.outbox_wake_at = None;
        self.effects.push(Effect::AbandonCalls);
        self.begin_full_log();
        None
    }

    /// Sends what may be sent now. The ID of a channel is saved before a second message goes there: by it, its history can
    /// be read. When the run must end, the last save has all of it.
    fn run_outbox(&mut self) {
        self.advance_outbox();
        let must_save = self.permission() == Permission::Wait && !self.outbox.is_empty();
        if must_save && !self.checkpoints.is_saving() {
            self.checkpoints.begin_posting();
            self.save();
            self.advance_outbox();
        }
    }

    fn advance_outbox(&mut self) {
        let (outbox, mut context) = self.outbox();
        let work = outbox.advance(&mut context);
        let has_lease = Intent::Posting.is_in(&self.state);
        debug_assert!(
            has_lease || !work.calls.iter().any(|(_, call)| call.is_write()),
            "no delivery without the lease"
        );
        self.outbox_wake_at = work.wake_at;
        self.effects.extend(work.calls.into_iter().map(|(id, call)| Effect::Call(id, call)));
        for ended in work.ended {
            self.on_delivery_ended(ended);
        }
    }

    /// The outbox, and the context of its deliveries.
    fn outbox(&mut self) -> (&mut Outbox, DeliveryContext<'_>) {
        let permission = self.permission();
        let time_left = if self.is_stopping() { Duration::ZERO } else { self.time_left() };
        let refresh_until = self.now.plus(self.time_for_triage());
        let context = DeliveryContext {
            channels: &mut self.channels,
            writer: self.writer,
            range: self.history_range,
            permission,
            now: self.now,
            time_left,
            refresh_until,
            chance: (self.chance)(),
        };
        (&mut self.outbox, context)
    }

    pub(super) fn on_call_answered(&mut self, id: CallId, response: CallResponse) {
        let (outbox, mut context) = self.outbox();
        outbox.on_answer(id, response, &mut context);
    }
}
