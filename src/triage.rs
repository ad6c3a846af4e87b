//! Interprets the reactions on the message of a finding. Pure: no clock, no IO.

mod people;
mod select;

pub(crate) use people::{CountedReactions, ReactionRules};
pub(crate) use select::{Messages, live_messages, read_next};

use crate::config::TriageMode;
use crate::state::{Archiving, Triage};

/// How the reactions that were read relate to the revision that the message shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadAfter {
    /// The message did not change during the run.
    NoChange,
    /// A revision was announced in this run. A new resolution may be older than that revision, so it does not count.
    Announcement,
}

/// Returns the state of a finding after its reactions were read, or `None` if they changed nothing.
pub(crate) fn read_reactions(
    known: Option<&Triage>,
    is_archived: bool,
    counted: &CountedReactions,
    mode: TriageMode,
    after: ReadAfter,
) -> Option<Triage> {
    let before = known.cloned().unwrap_or_default();
    let mut now = before.clone();
    now.void.retain(|user| counted.resolve.contains(user));
    if after == ReadAfter::Announcement {
        let new = counted.resolve.iter().filter(|user| !before.resolvers.contains(user) && !before.void.contains(user));
        now.void.extend(new.cloned());
    }
    now.resolvers.clone_from(&counted.resolve);
    now.marks.acknowledged = counted.acknowledge.first().cloned();
    now.marks.resolved = counted.resolve.iter().find(|user| !now.void.contains(user)).cloned();
    now.marks.muted = counted.mute.first().cloned();
    now.stale |= now.marks != before.marks;
    now.archiving = archiving(before.archiving, now.marks.resolved.is_some(), is_archived, mode);
    (now != before).then_some(now)
}

/// The action to perform in GuardDuty. The program does not unarchive a finding that somebody else archived.
fn archiving(before: Option<Archiving>, is_resolved: bool, is_archived: bool, mode: TriageMode) -> Option<Archiving> {
    match (mode, before, is_resolved) {
        (TriageMode::Show, _, _) => None,
        (TriageMode::Archive, None, true) if !is_archived => Some(Archiving::Archive),
        (TriageMode::Archive, Some(Archiving::Unarchive), true) => Some(Archiving::Archive),
        // The call may have taken effect although its outcome is not recorded.
        (TriageMode::Archive, Some(Archiving::Archive | Archiving::Archived), false) => Some(Archiving::Unarchive),
        (TriageMode::Archive, before, _) => before,
    }
}

#[cfg(test)]
mod tests;
