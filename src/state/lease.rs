//! The lease and the posting intent: written before a run posts, and released at its end.

use serde::{Deserialize, Serialize};

use crate::state::State;
use crate::state::formats::{is_false, rfc3339};
use crate::time::Timestamp;

/// The lease, and the posting intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub id: String,
    /// Since when Slack may contain messages that this document does not record. A run that takes over keeps it.
    #[serde(with = "rfc3339")]
    pub posting_since: Timestamp,
    /// Last renewal: the lease expires `RUN_LEASE` later.
    #[serde(with = "rfc3339")]
    pub renewed_at: Timestamp,
    /// The run ended in order and holds no lease, but messages of it or of an earlier run may not be in the state.
    #[serde(default, skip_serializing_if = "is_false")]
    pub released: bool,
}

/// Messages that may exist in Slack and are not in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrecorded {
    /// Time from which they may have been posted.
    pub since: Timestamp,
    /// Time of the last of them.
    pub last_post: Timestamp,
}

impl State {
    /// Writes the posting intent, and renews the lease. The intent of a run that ended uncleanly keeps its beginning.
    pub fn renew_lease(&mut self, id: &str, now: Timestamp) {
        let posting_since = self.lease.as_ref().map_or(now, |run| run.posting_since);
        self.lease = Some(Lease { id: id.to_owned(), posting_since, renewed_at: now, released: false });
    }

    /// Releases the lease. The posting intent stays for the next run if there may be messages that are not in the state.
    pub fn release_lease(&mut self, id: &str, unrecorded: Option<Unrecorded>) {
        self.lease = unrecorded.map(|Unrecorded { since, last_post }| {
            let since = self.lease.as_ref().map_or(since, |run| run.posting_since.min(since));
            Lease { id: id.to_owned(), posting_since: since, renewed_at: last_post, released: true }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_keeps_the_beginning_of_what_may_not_be_recorded() {
        let mut state = State::default();
        state.renew_lease("first", Timestamp(10));
        state.renew_lease("second", Timestamp(20));
        let lease = state.lease.clone().expect("a lease");
        assert_eq!(
            (lease.id.as_str(), lease.posting_since, lease.renewed_at),
            ("second", Timestamp(10), Timestamp(20))
        );
        let unrecorded = |since: i64| Unrecorded { since: Timestamp(since), last_post: Timestamp(25) };
        for (since, expected) in [(5, 5), (15, 10)] {
            let mut state = state.clone();
            state.release_lease("second", Some(unrecorded(since)));
            let lease = state.lease.expect("the posting intent");
            assert_eq!(
                (lease.posting_since, lease.renewed_at, lease.released),
                (Timestamp(expected), Timestamp(25), true)
            );
        }
        state.release_lease("second", None);
        assert_eq!(state.lease, None);
    }
}
