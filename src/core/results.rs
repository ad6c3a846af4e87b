//! Records the results of deliveries.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::Core;
use crate::core::outbox::{DeliveryResult, EndedDelivery};
use crate::core::undelivered::Cause;
use crate::finding::Finding;
use crate::plan::{Delivery, ReplySubject, destination_of};
use crate::state::Outcome;

/// Results of the deliveries of this run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub delivered: usize,
    pub processed: usize,
    /// By configured channel: findings that failed and are not processed.
    pub failed: BTreeMap<String, u64>,
    /// Reasons why not everything is processed, each once.
    pub problems: BTreeSet<String>,
}

impl Core<'_> {
    /// Records the result of a delivery.
    pub(super) fn on_delivery_ended(&mut self, EndedDelivery { queue, delivery, result, is_minimal }: EndedDelivery) {
        if is_minimal {
            self.unshown.extend(delivery.findings().iter().cloned());
        }
        match result {
            DeliveryResult::Processed(outcome) => self.on_processed(delivery, &outcome),
            DeliveryResult::Digested => self.on_digested(&delivery),
            DeliveryResult::Completed => self.on_completed(delivery),
            DeliveryResult::Unknown(error) => self.on_failure(&queue, delivery, Cause::UnknownOutcome, &error),
            DeliveryResult::Failed(error) => self.on_failure(&queue, delivery, Cause::Failed, &error),
            DeliveryResult::Stopped(error) => self.on_failure(&queue, delivery, Cause::QueueStopped, &error),
            DeliveryResult::NotTried => self.on_not_tried(&delivery),
        }
    }

    /// A revision of a finding was announced.
    fn on_processed(&mut self, delivery: Delivery, outcome: &Outcome) {
        match delivery {
            Delivery::Update(f, update) => {
                self.note_announced(&f);
                self.process(&f, outcome);
                self.state.set_shown(&f.id, &update.marks);
            }
            delivery => delivery.findings().iter().for_each(|f| self.process(f, outcome)),
        }
    }

    fn on_digested(&mut self, delivery: &Delivery) {
        let Delivery::Digest { id, to, findings } = delivery else { return };
        self.state.remove_digest_plan(id);
        for f in findings {
            self.process_in(f, to.name(), &Outcome::Digested);
        }
    }

    /// Records a delivery that announces no revision.
    fn on_completed(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Refresh(f, refresh) => {
                self.state.set_shown(&f.id, &refresh.marks);
                self.state.set_links(&f.id, &refresh.related);
            }
            Delivery::Reply(f, reply) => match reply.subject {
                ReplySubject::Investigation(assessment) => {
                    self.state.set_investigated(&f.id, &assessment.investigation);
                }
                ReplySubject::Unacknowledged(_) => self.state.set_escalated(&f.id),
                ReplySubject::Changes(_) => {}
            },
            Delivery::Summary(summary) => self.state.set_summarized(summary.due),
            Delivery::Notice(notice) => self.state.remove_notice(&notice.id),
            Delivery::Redirect { id, old, .. } => self.state.remove_redirect(&id, &old),
            Delivery::Post(..) | Delivery::Update(..) | Delivery::Digest { .. } => return,
        }
        self.checkpoints.count_delivery();
    }

    pub(super) fn process(&mut self, f: &Finding, outcome: &Outcome) {
        let channel = self.channel_of(f);
        self.process_in(f, &channel, outcome);
    }

    /// The channel of a finding, as configured.
    pub(super) fn channel_of(&self, f: &Finding) -> String {
        destination_of(self.config, f).name().to_owned()
    }

    /// The ID of the source of a finding.
    pub(super) fn source_id_of(&self, f: &Finding) -> u32 {
        self.sources.tracks.get(&f.origin.source_key()).map_or(0, |track| track.source_id)
    }

    pub(super) fn process_in(&mut self, f: &Finding, channel: &str, outcome: &Outcome) {
        self.state.mark_processed(f, self.source_id_of(f), channel, outcome, self.now);
        self.schedule_escalation(f);
        self.sources.set_processed(&f.id, f.updated);
        self.tally.processed += 1;
        if matches!(outcome, Outcome::Posted { .. } | Outcome::Updated { .. } | Outcome::Digested) {
            self.tally.delivered += 1;
            self.checkpoints.count_delivery();
        }
    }
}
