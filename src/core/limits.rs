//! Limits of a run, and the number of findings that it may accept.

use std::time::Duration;

use crate::plan::MAX_DIGEST;
use crate::state::MAX_STATE_BYTES;

/// Maximum number of findings in flight, over all sources: of these, the most severe are announced first.
const MAX_IN_FLIGHT: usize = 5_000;
/// Bytes of the state that a finding takes while it is in flight: one with a message of its own.
const MESSAGE_BYTES: usize = 300;
/// The same for one that a digest summarizes, whose plan names it, too.
const DIGESTED_BYTES: usize = 100;
/// Number of findings that a run posts even if it ends soon.
const MIN_POSTS: usize = 50;
/// Time that is left for the last checkpoint when triage ends.
const CHECKPOINT_RESERVE: Duration = Duration::from_secs(6);

/// Limits of a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of findings in flight, over all sources.
    pub in_flight: usize,
    /// Maximum number of findings of one digest.
    pub digest: usize,
    pub state_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_flight: MAX_IN_FLIGHT, digest: MAX_DIGEST, state_bytes: MAX_STATE_BYTES }
    }
}

/// How the findings of a flood are announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flood {
    Digests,
    /// Each has a message of its own, at one a second.
    Messages,
}

/// Returns the maximum number of findings that may be accepted: no more than fit into the state, and without digests no
/// more than can be posted in the time that is `left`.
pub(super) fn intake_limit(free_bytes: usize, flood: Flood, left: Duration, max_in_flight: usize) -> usize {
    let limit = match flood {
        Flood::Digests => free_bytes / DIGESTED_BYTES,
        Flood::Messages => {
            let postable = usize::try_from(left.as_secs()).unwrap_or(max_in_flight).max(MIN_POSTS);
            postable.min(free_bytes / MESSAGE_BYTES)
        }
    };
    limit.min(max_in_flight)
}

/// Time that triage may still take in a run that ends in `left`.
pub(super) fn time_for_triage(left: Duration, run_timeout: Duration) -> Duration {
    left.saturating_sub(CHECKPOINT_RESERVE.min(run_timeout / 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_takes_in_what_the_state_can_hold_and_what_can_be_posted() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        for (free_bytes, flood, left, expected) in [
            (0, Flood::Digests, minutes(4), 0),
            (99, Flood::Digests, minutes(4), 0),
            (100_000, Flood::Digests, minutes(4), 1_000),
            (100_000, Flood::Digests, minutes(0), 1_000),
            (768 * 1024, Flood::Digests, minutes(4), 5_000),
            (299, Flood::Messages, minutes(4), 0),
            (30_000, Flood::Messages, minutes(4), 100),
            (768 * 1024, Flood::Messages, minutes(4), 240),
            (768 * 1024, Flood::Messages, minutes(0), 50),
            (768 * 1024, Flood::Messages, minutes(60), 2_621),
        ] {
            let limit = intake_limit(free_bytes, flood, left, MAX_IN_FLIGHT);
            assert_eq!(limit, expected, "{free_bytes} {flood:?} {left:?}");
        }
    }

    #[test]
    fn more_free_bytes_never_lower_the_limit() {
        for flood in [Flood::Digests, Flood::Messages] {
            let limits: Vec<usize> = [0, 299, 30_000, 768 * 1024, usize::MAX]
                .map(|free_bytes| intake_limit(free_bytes, flood, Duration::from_mins(4), MAX_IN_FLIGHT))
                .into();
            assert!(limits.is_sorted(), "{limits:?}");
        }
    }
}
