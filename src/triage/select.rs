//! Selects the messages whose reactions are read: recent ones with their channel, older ones one by one in rotation.

use std::collections::{BTreeMap, BTreeSet};

use crate::slack::MessageRef;
use crate::state::{FindingRecord, State};

/// Live messages of findings, by the ID of the channel.
pub(crate) type Messages = BTreeMap<String, BTreeSet<String>>;

/// The messages whose reactions count. A message that a webhook posted cannot be read.
pub(crate) fn live_messages(state: &State) -> Messages {
    let mut messages = Messages::new();
    for at in state.findings.values().filter_map(FindingRecord::bot_message) {
        messages.entry(at.channel.clone()).or_default().insert(at.ts.clone());
    }
    messages
}

/// The next findings whose reactions are read one by one: `limit` of those for which `is_unread` is true, in the order of
/// their IDs after the last one that was read.
pub(crate) fn read_next(
    state: &State,
    limit: usize,
    is_unread: impl Fn(&MessageRef) -> bool,
) -> Vec<(String, MessageRef)> {
    let mut unread: Vec<(String, MessageRef)> = Vec::new();
    for (id, entry) in &state.findings {
        if let Some(at) = entry.bot_message().filter(|at| is_open(entry) && is_unread(at)) {
            unread.push((id.clone(), at.clone()));
        }
    }
    let start = unread.partition_point(|(id, _)| Some(id) <= state.triage.read_to.as_ref());
    unread.rotate_left(start);
    unread.truncate(limit);
    unread
}

/// An archived finding whose resolution can be withdrawn counts as open.
fn is_open(entry: &FindingRecord) -> bool {
    !entry.archived || entry.triage.as_ref().is_some_and(|triage| triage.marks.resolved.is_some())
}
