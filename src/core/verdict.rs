//! Determines the result of a run: whether it is a success, and since when the posting history is uncertain.

use crate::core::outbox::HISTORY_LAG;
use crate::core::reconcile::EarlierPosts;
use crate::state::Unrecorded;
use crate::time::Timestamp;

/// What decides whether a run is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub is_dry_run: bool,
    /// Something failed.
    pub has_problems: bool,
    /// Every identity and every source has responded.
    pub is_all_read: bool,
    /// Findings that are listed and not processed, notices that are queued, or lists that are not read to their end.
    pub has_pending: bool,
    /// The outcome of a message is unknown.
    pub is_outcome_unknown: bool,
    /// The run had to end, or may not send any more.
    pub is_over: bool,
}

/// Returns true if everything that was found is processed, and every source was read. A dry run processes nothing.
pub(super) fn is_complete(facts: Facts) -> bool {
    let is_processed = facts.is_dry_run || !facts.has_pending;
    let has_failed = facts.has_problems || facts.is_outcome_unknown || facts.is_over;
    facts.is_all_read && is_processed && !has_failed
}

/// What decides whether the next run must read the posting history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Posting {
    /// Time at which this run began.
    pub begun: Timestamp,
    /// Time at which it ends.
    pub ended: Timestamp,
    /// This run delivered something.
    pub has_delivered: bool,
    /// The outcome of a message of this run is unknown.
    pub is_outcome_unknown: bool,
    pub earlier: Option<EarlierPosts>,
    /// The history was read.
    pub is_reconciled: bool,
    /// The history of a channel could not be read after an unclean end, so that nothing was posted there.
    pub has_closed_channel: bool,
    /// The history of a channel could not be read for a transient reason.
    pub is_history_unread: bool,
    /// Every source was read without an error.
    pub is_all_readable: bool,
    /// Findings or notices are left to the next run.
    pub has_pending: bool,
}

/// Returns what the next run must look for in the posting history. `None`: the state has all messages.
pub(super) fn unrecorded(posting: &Posting) -> Option<Unrecorded> {
    uncertain_since(posting).map(|since| Unrecorded { since, last_post: last_possible_post(posting) })
}

/// Returns the time from which Slack may have messages that the state does not have. `None`: there are none.
fn uncertain_since(posting: &Posting) -> Option<Timestamp> {
    let earlier = posting.earlier.map(|earlier| earlier.since);
    if posting.is_outcome_unknown {
        return earlier.or(Some(posting.begun));
    }
    let is_unclean = posting.earlier.is_some_and(|earlier| earlier.is_unclean);
    // What is left to the next run may be in a history that this run did not read.
    let has_rest = !posting.is_all_readable || posting.has_pending;
    let is_not_reconciled = !posting.is_reconciled && (is_unclean || has_rest);
    let is_partly_unread = posting.is_history_unread && has_rest;
    earlier.filter(|_| is_not_reconciled || posting.has_closed_channel || is_partly_unread)
}

/// Time of the last message that an earlier run or this one may have posted without a record in the state.
fn last_possible_post(posting: &Posting) -> Timestamp {
    if posting.is_outcome_unknown || posting.has_delivered {
        return posting.ended;
    }
    let of_earlier_runs = posting.earlier.and_then(|earlier| earlier.readable_at).map(|time| time.minus(HISTORY_LAG));
    of_earlier_runs.unwrap_or(posting.begun).min(posting.ended)
}

#[cfg(test)]
mod tests;
