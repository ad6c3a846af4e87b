//! What is saved before something is changed, so that the next run knows what this one may have done.

use crate::core::Core;
use crate::core::agenda::Queues;
use crate::finding::Finding;
use crate::message::NoticeId;
use crate::plan::Delivery;
use crate::state::{Archiving, DigestPlan, State};

/// An entry of the state that is saved before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent<'a> {
    /// The lease says since when Slack may have messages that the state does not have.
    Posting,
    /// The plan names the findings of a digest; its message does not.
    DigestPlan(&'a str),
    /// The notice stays in the queue until Slack has it, in this run or in a later one.
    Notice(&'a NoticeId),
    /// What is to become of a finding in GuardDuty.
    Archiving(&'a str),
}

impl Intent<'_> {
    pub(super) fn is_in(&self, state: &State) -> bool {
        match self {
            Self::Posting => state.lease.as_ref().is_some_and(|lease| !lease.released),
            Self::DigestPlan(id) => state.digest_plans.contains_key(*id),
            Self::Notice(id) => state.notices.iter().any(|notice| notice.id == **id),
            Self::Archiving(id) => {
                let triage = state.findings.get(*id).and_then(|entry| entry.triage.as_ref());
                matches!(triage.and_then(|triage| triage.archiving), Some(Archiving::Archive | Archiving::Unarchive))
            }
        }
    }
}

/// The intents of a delivery.
pub(super) fn intents_of(delivery: &Delivery) -> Vec<Intent<'_>> {
    match delivery {
        Delivery::Digest { id, .. } => vec![Intent::Posting, Intent::DigestPlan(id)],
        Delivery::Notice(notice) => vec![Intent::Posting, Intent::Notice(&notice.id)],
        // Their messages, or their threads, name the finding, its revision and the reason.
        Delivery::Post(..)
        | Delivery::Update(..)
        | Delivery::Reply(..)
        | Delivery::Refresh(..)
        | Delivery::Redirect { .. }
        | Delivery::Summary(_) => vec![Intent::Posting],
    }
}

/// Returns true if the state has all intents of a delivery.
pub(super) fn is_written_ahead(delivery: &Delivery, state: &State) -> bool {
    intents_of(delivery).iter().all(|intent| intent.is_in(state))
}

impl Core<'_> {
    /// Records the data that the next run needs if this one crashes: digest plans, and the IDs of the channels, which may
    /// no longer be configured then.
    pub(super) fn write_ahead(&mut self, queues: &Queues) {
        let source_ids = self.sources.source_ids();
        let deliveries = || queues.values().flatten();
        let destinations = deliveries().filter_map(Delivery::destination).chain([&self.channels.default]);
        for to in destinations.filter(|to| self.channels.is_readable(&to.target)) {
            let id = self.channels.id(to.name());
            self.state.note_channels(id.map(|id| (to.name().to_owned(), id)));
        }
        for delivery in deliveries() {
            if let Delivery::Digest { id, to, findings } = delivery {
                let source_id = |f: &Finding| source_ids.get(&f.origin.source_key()).copied().unwrap_or(0);
                let findings = findings.iter().map(|f| (f.id.clone(), f.updated, source_id(f))).collect();
                self.state.save_digest_plan(id, DigestPlan { channel: to.name().to_owned(), findings });
            }
        }
    }
}

#[cfg(test)]
mod tests;
