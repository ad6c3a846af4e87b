//! Records the results of deliveries.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::Core;
use crate::core::outbox::{DeliveryResult, Report};
use crate::core::undelivered::Cause;
use crate::finding::Finding;
use crate::plan::{Delivery, RouteDecision, default_destination, route};
use crate::state::Outcome;

/// Results of the deliveries of this run.
#[derive(Debug, Default)]
pub struct Tally {
    pub delivered: usize,
    pub processed: usize,
    /// By configured channel: findings that failed and are not processed.
    pub failed: BTreeMap<String, u64>,
    /// Reasons why not everything is processed, each once.
    pub problems: BTreeSet<String>,
}

impl Core<'_> {
    /// Records the result of a delivery.
    pub(super) fn on_report(&mut self, Report { queue, delivery, result, is_minimal }: Report) {
        if is_minimal {
            self.unshown.extend(delivery.findings().iter().cloned());
        }
        match (delivery, result) {
            (Delivery::Post(f, _), DeliveryResult::Processed(outcome)) => self.process(&f, &outcome),
            (Delivery::Update(f, update), DeliveryResult::Processed(outcome)) => {
                self.note_announced(&f);
                self.process(&f, &outcome);
                self.state.set_shown(&f.id, &update.marks);
            }
            (Delivery::Refresh(f, refresh), DeliveryResult::Completed) => {
                self.state.set_shown(&f.id, &refresh.marks);
                self.state.set_links(&f.id, &refresh.related);
                self.checkpoints.count_delivery();
            }
            (Delivery::Summary(summary), DeliveryResult::Completed) => {
                self.state.set_summarized(summary.due);
                self.checkpoints.count_delivery();
            }
            (Delivery::Reply(f, update), DeliveryResult::Completed) => {
                match update.reply.and_then(|reply| reply.assessment) {
                    Some(assessment) => self.state.set_investigated(&f.id, &assessment.investigation),
                    None => self.state.set_escalated(&f.id),
                }
                self.checkpoints.count_delivery();
            }
            (Delivery::Refresh(..), DeliveryResult::NotTried) => {}
            (
                Delivery::Refresh(f, _),
                DeliveryResult::Unknown(error) | DeliveryResult::Failed(error) | DeliveryResult::Stopped(error),
            ) => {
                tracing::warn!(
                    finding_id = f.id,
                    error,
                    "message does not show its newest marks and links; the next run retries"
                );
            }
            (Delivery::Digest { id, to, findings }, DeliveryResult::Digested) => {
                self.state.remove_digest_plan(&id);
                for f in &findings {
                    self.process_in(f, to.name(), &Outcome::Digested);
                }
            }
            (Delivery::Notice(notice), DeliveryResult::Completed) => {
                self.state.remove_notice(&notice.id);
                self.checkpoints.count_delivery();
            }
            (Delivery::Redirect { id, old, .. }, DeliveryResult::Completed) => {
                self.state.remove_redirect(&id, &old);
                self.checkpoints.count_delivery();
            }
            (delivery, DeliveryResult::Unknown(why)) => {
                self.is_outcome_unknown = true;
                self.on_failure(&queue, delivery, Cause::UnknownOutcome, &why);
            }
            (delivery, DeliveryResult::Failed(why)) => self.on_failure(&queue, delivery, Cause::Failed, &why),
            (delivery, DeliveryResult::Stopped(why)) => self.on_failure(&queue, delivery, Cause::QueueStopped, &why),
            (delivery, DeliveryResult::NotTried) => self.on_not_tried(&delivery),
            (_, DeliveryResult::Processed(_) | DeliveryResult::Digested | DeliveryResult::Completed) => {}
        }
    }

    pub(super) fn process(&mut self, f: &Finding, outcome: &Outcome) {
        let channel = self.channel_of(f);
        self.process_in(f, &channel, outcome);
    }

    /// The channel of a finding, as configured.
    pub(super) fn channel_of(&self, f: &Finding) -> String {
        match route(self.config, f) {
            RouteDecision::To(to) => to.name().to_owned(),
            RouteDecision::Drop => default_destination(self.config).name().to_owned(),
        }
    }

    /// The ID of the source of a finding.
    pub(super) fn source_id_of(&self, f: &Finding) -> u32 {
        self.sources.tracks.get(&f.origin.source_key()).map_or(0, |track| track.source_id)
    }

    pub(super) fn process_in(&mut self, f: &Finding, channel: &str, outcome: &Outcome) {
        self.state.mark_processed(f, self.source_id_of(f), channel, outcome, self.now);
        self.schedule_escalation(f);
        self.sources.set_processed(&f.id);
        self.tally.processed += 1;
        if matches!(outcome, Outcome::Posted { .. } | Outcome::Updated { .. } | Outcome::Digested) {
            self.tally.delivered += 1;
            self.checkpoints.count_delivery();
        }
    }
}
