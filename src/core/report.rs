//! Handles the results of deliveries: processed, left to the next run, or given up.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::core::Core;
use crate::core::limits::is_given_up;
use crate::core::outbox::{DeliveryResult, Report};
use crate::finding::Finding;
use crate::message::NoticeLevel;
use crate::plan::{Delivery, NoticeEvent, Queue, RouteDecision, default_destination, route};
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

/// Why something was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    UnknownOutcome,
    Failed,
    QueueStopped,
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
                self.on_failure(&queue, delivery, &why, Cause::UnknownOutcome);
            }
            (delivery, DeliveryResult::Failed(why)) => self.on_failure(&queue, delivery, &why, Cause::Failed),
            (delivery, DeliveryResult::Stopped(why)) => self.on_failure(&queue, delivery, &why, Cause::QueueStopped),
            (delivery, DeliveryResult::NotTried) => self.on_left(&delivery),
            (_, DeliveryResult::Processed(_) | DeliveryResult::Digested | DeliveryResult::Completed) => {}
        }
    }

    pub(super) fn process(&mut self, f: &Finding, outcome: &Outcome) {
        let channel = self.channel_of(f);
        self.process_in(f, &channel, outcome);
    }

    /// The channel of a finding, as configured.
    fn channel_of(&self, f: &Finding) -> String {
        match route(self.config, f) {
            RouteDecision::To(to) => to.name().to_owned(),
            RouteDecision::Drop => default_destination(self.config).name().to_owned(),
        }
    }

    pub(super) fn process_in(&mut self, f: &Finding, channel: &str, outcome: &Outcome) {
        let n = self.sources.tracks.get(&f.origin.source_key()).map_or(0, |t| t.n);
        self.state.mark_processed(f, n, channel, outcome, self.now);
        self.schedule_escalation(f);
        self.sources.set_processed(&f.id);
        self.tally.processed += 1;
        if matches!(outcome, Outcome::Posted { .. } | Outcome::Updated { .. } | Outcome::Digested) {
            self.tally.delivered += 1;
            self.checkpoints.count_delivery();
        }
    }

    /// Leaves to the next run what was not delivered, for 24 hours.
    fn on_failure(&mut self, queue: &Queue, delivery: Delivery, why: &str, cause: Cause) {
        let description = delivery.describe();
        let given_up = match delivery {
            Delivery::Post(f, _) | Delivery::Update(f, _) => self.failed(f, why),
            Delivery::Digest { id, findings, .. } => {
                if cause != Cause::UnknownOutcome {
                    self.state.remove_digest_plan(&id);
                }
                findings.into_iter().map(|f| self.failed(f, why)).filter(|given_up| !given_up).count() == 0
            }
            Delivery::Notice(notice) => {
                self.tried_notices.insert(notice.id);
                false
            }
            Delivery::Summary(_) => false,
            Delivery::Refresh(f, _) | Delivery::Reply(f, _) => {
                self.tried.insert(f.id.clone());
                false
            }
            Delivery::Redirect { id, .. } => {
                self.tried.insert(id);
                false
            }
        };
        if given_up {
            return;
        }
        self.tally.problems.insert(format!("{queue}: {why}"));
        match cause {
            // The rejection of the default channel was logged once.
            Cause::QueueStopped => {
                tracing::debug!(%queue, delivery = description, error = why, "delivery failed; the next run retries")
            }
            Cause::UnknownOutcome | Cause::Failed => {
                tracing::error!(%queue, delivery = description, error = why, "delivery failed; the next run retries");
            }
        }
    }

    /// A delivery that was not tried, or not to its end. Where Slack rejects the app, no finding is processed, and none is
    /// given up, but all of them count as failed.
    fn on_left(&mut self, delivery: &Delivery) {
        if let Delivery::Digest { id, .. } = delivery {
            self.state.remove_digest_plan(id);
        }
        if self.channels.is_app_rejected() {
            for f in delivery.findings() {
                self.count_failed(f);
            }
        }
    }

    fn count_failed(&mut self, f: &Finding) {
        *self.tally.failed.entry(self.channel_of(f)).or_default() += 1;
    }

    /// Notes that a finding could not be delivered. Returns true if it is given up after a day.
    fn failed(&mut self, f: Rc<Finding>, why: &str) -> bool {
        let n = self.sources.tracks.get(&f.origin.source_key()).map_or(0, |t| t.n);
        let failing_for = self.state.mark_failing(&f.id, n, self.now);
        self.tried.insert(f.id.clone());
        if !is_given_up(failing_for) {
            self.count_failed(&f);
            return false;
        }
        tracing::error!(
            finding_id = f.id,
            finding_type = f.kind.as_str(),
            severity_level = f.severity_level().name(),
            error = why,
            "finding given up: delivery failed for 24 h"
        );
        self.unshown.push(f.clone());
        let title = format!("Finding given up: {} of account {} in {}", f.id, f.account_id, f.origin.region);
        let lines =
            vec![format!("{} · severity {}", f.kind.as_str(), f.severity), format!("Delivery failed for 24 h: {why}")];
        self.announce(vec![self.epoch.notice(
            &NoticeEvent::GivenUp { finding: &f.id },
            NoticeLevel::Warning,
            title,
            lines,
        )]);
        self.process(&f, &Outcome::GivenUp);
        true
    }
}
