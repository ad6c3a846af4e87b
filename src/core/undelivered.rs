//! Decides what becomes of a finding that was not announced: the next run announces it, or it is given up.

use std::rc::Rc;
use std::time::Duration;

use crate::core::Core;
use crate::finding::Finding;
use crate::message::NoticeLevel;
use crate::plan::{Delivery, NoticeEvent, Queue};
use crate::state::Outcome;
use crate::time::Timestamp;

/// Time after which a finding that cannot be delivered, or fetched, is given up.
const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// Why a finding was not announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The run ended first.
    NotTried,
    /// Slack rejects the app: no message of any finding can be delivered.
    AppRejected,
    /// Slack rejected the message, or could not be reached.
    Failed,
    /// The default channel rejects messages as such.
    QueueStopped,
    /// The message may exist.
    UnknownOutcome,
    /// It was listed, and GetFindings did not return it.
    NotReturned,
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The next run announces it.
    Left,
    /// It counts as failed, and the next run announces it.
    Failed,
    /// It counts as processed, with an error and a notice: it must not block the others for ever.
    GivenUp,
}

impl Cause {
    /// Returns true if the finding itself could not be announced, and not only in this run.
    fn is_failure_of_finding(self) -> bool {
        !matches!(self, Self::NotTried | Self::AppRejected)
    }
}

/// Decides about a finding that could not be announced for the time `failing_for`.
pub(super) fn fate(cause: Cause, failing_for: Duration) -> Fate {
    match cause {
        Cause::NotTried => Fate::Left,
        _ if cause.is_failure_of_finding() && failing_for >= GIVE_UP_AFTER => Fate::GivenUp,
        _ => Fate::Failed,
    }
}

impl Core<'_> {
    /// Records a delivery that failed. The next run repeats it, unless its finding is given up.
    pub(super) fn on_failure(&mut self, queue: &Queue, delivery: Delivery, cause: Cause, error: &str) {
        if let Delivery::Refresh(f, _) = delivery {
            let finding_id = &f.id;
            tracing::warn!(finding_id, error, "message does not show its newest marks and links; the next run retries");
            return;
        }
        self.is_outcome_unknown |= cause == Cause::UnknownOutcome;
        let description = delivery.describe();
        if self.record_failure(delivery, cause, error) {
            return;
        }
        self.tally.problems.insert(format!("{queue}: {error}"));
        match cause {
            // The rejection of the default channel was logged once.
            Cause::QueueStopped => {
                tracing::debug!(%queue, delivery = description, error, "delivery failed; the next run retries");
            }
            _ => tracing::error!(%queue, delivery = description, error, "delivery failed; the next run retries"),
        }
    }

    /// Records that a delivery failed. Returns true if all of it was given up: nothing is left to the next run.
    fn record_failure(&mut self, delivery: Delivery, cause: Cause, error: &str) -> bool {
        match delivery {
            Delivery::Post(f, _) | Delivery::Update(f, _) => self.leave_or_give_up(f, cause, error) == Fate::GivenUp,
            Delivery::Digest { id, findings, .. } => {
                // The history shows a digest that may exist, and its plan names the findings.
                if cause != Cause::UnknownOutcome {
                    self.state.remove_digest_plan(&id);
                }
                let fates: Vec<Fate> = findings.into_iter().map(|f| self.leave_or_give_up(f, cause, error)).collect();
                fates.iter().all(|fate| *fate == Fate::GivenUp)
            }
            Delivery::Reply(f, _) => {
                self.tried.insert(f.id.clone());
                false
            }
            Delivery::Notice(notice) => {
                self.tried_notices.insert(notice.id);
                false
            }
            Delivery::Redirect { id, .. } => {
                self.tried_redirects.insert(id);
                false
            }
            Delivery::Summary(_) | Delivery::Refresh(..) => false,
        }
    }

    /// A delivery that was not tried, or not to its end.
    pub(super) fn on_not_tried(&mut self, delivery: &Delivery) {
        if let Delivery::Digest { id, .. } = delivery {
            self.state.remove_digest_plan(id);
        }
        let cause = if self.channels.is_app_rejected() { Cause::AppRejected } else { Cause::NotTried };
        for f in delivery.findings() {
            self.leave_or_give_up(f.clone(), cause, "not tried");
        }
    }

    /// Leaves a finding to the next run, or gives it up.
    fn leave_or_give_up(&mut self, f: Rc<Finding>, cause: Cause, error: &str) -> Fate {
        let mut failing_for = Duration::ZERO;
        if cause.is_failure_of_finding() {
            failing_for = self.state.mark_failing(&f.id, self.source_id_of(&f), self.now);
            self.tried.insert(f.id.clone());
        }
        let fate = fate(cause, failing_for);
        match fate {
            Fate::Left => {}
            Fate::Failed => *self.tally.failed.entry(self.channel_of(&f)).or_default() += 1,
            Fate::GivenUp => self.give_up(f, error),
        }
        fate
    }

    fn give_up(&mut self, f: Rc<Finding>, error: &str) {
        tracing::error!(
            finding_id = f.id,
            finding_type = f.kind.as_str(),
            severity_level = f.severity_level().name(),
            error,
            "finding given up: delivery failed for 24 h"
        );
        let title = format!("Finding given up: {} of account {} in {}", f.id, f.account_id, f.origin.region);
        let severity = format!("{} · severity {}", f.kind.as_str(), f.severity);
        let lines = vec![severity, format!("Delivery failed for 24 h: {error}")];
        let event = NoticeEvent::GivenUp { finding: &f.id };
        self.queue_notices(vec![self.epoch.notice(&event, NoticeLevel::Warning, title, lines)]);
        self.process(&f, &Outcome::GivenUp);
        self.unshown.push(f);
    }

    /// Gives up what was listed for a day and never returned. The next run announces the notice about it.
    pub(super) fn give_up_unfetched(&mut self) {
        let channel = self.channels.default.name().to_owned();
        for id in self.state.unfetched_since(|since| self.is_given_up(since)) {
            tracing::error!(finding_id = id, "finding given up: not returned by GetFindings for 24 h");
            let title = format!("Finding given up: {id} was listed but not returned by GetFindings for 24 h");
            let event = NoticeEvent::Unfetched { finding: &id };
            self.queue_notices(vec![self.epoch.notice(&event, NoticeLevel::Warning, title, vec![])]);
            self.state.give_up_unfetched(&id, &channel);
        }
    }

    fn is_given_up(&self, not_returned_since: Timestamp) -> bool {
        fate(Cause::NotReturned, self.now.duration_since(not_returned_since)) == Fate::GivenUp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_given_up_after_a_day_in_which_it_alone_failed() {
        const DAY: Duration = Duration::from_hours(24);
        const ALMOST: Duration = Duration::from_millis(86_399_999);
        use Fate::{Failed, GivenUp, Left};
        // (cause, at the first failure, just before a day, after a day)
        for (cause, first, almost, after) in [
            (Cause::NotTried, Left, Left, Left),
            (Cause::AppRejected, Failed, Failed, Failed),
            (Cause::Failed, Failed, Failed, GivenUp),
            (Cause::QueueStopped, Failed, Failed, GivenUp),
            (Cause::UnknownOutcome, Failed, Failed, GivenUp),
            (Cause::NotReturned, Failed, Failed, GivenUp),
        ] {
            for (failing_for, expected) in [(Duration::ZERO, first), (ALMOST, almost), (DAY, after), (DAY * 7, after)] {
                assert_eq!(fate(cause, failing_for), expected, "{cause:?} {failing_for:?}");
            }
        }
    }
}
