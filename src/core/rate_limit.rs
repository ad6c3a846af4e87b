//! Rate limits of Slack: computes the time at which the next message may be sent.
//!
//! See docs.slack.dev, “Rate limits”: `chat.postMessage` allows one message per second and channel, and an undocumented
//! number per second for the workspace. `chat.update` is in tier 3, about 50 calls per minute.

use std::collections::HashMap;
use std::time::Duration;

use crate::plan::Queue;
use crate::time::Timestamp;

const PER_CHANNEL: Duration = Duration::from_secs(1);
const PER_WORKSPACE: Duration = Duration::from_millis(200);
const PER_EDIT: Duration = Duration::from_millis(1_200);
/// Edits that may be sent at once after a pause.
const EDIT_BURST: u32 = 10;

/// One message a second in each channel, five a second in all; ten edits at once, then fifty a minute. Channels are named
/// by their ID where it is known, else as configured.
#[derive(Clone, Debug, Default)]
pub(super) struct RateLimiter {
    workspace: Timestamp,
    held: HashMap<Queue, Timestamp>,
    /// Time at which ten edits may be sent at once again.
    edits: Timestamp,
}

impl RateLimiter {
    /// Takes the turn of a queue, or returns the time at which it comes.
    pub(super) fn take(&mut self, queue: &Queue, now: Timestamp) -> Result<(), Timestamp> {
        let ready = self.ready(queue, now);
        if ready > now {
            return Err(ready);
        }
        self.workspace = now.plus(PER_WORKSPACE);
        match queue {
            Queue::Edits => self.edits = self.edits.max(now).plus(PER_EDIT),
            Queue::Channel(_) => _ = self.held.insert(queue.clone(), now.plus(PER_CHANNEL)),
        }
        Ok(())
    }

    /// Sends nothing from a queue for `time`.
    pub(super) fn hold(&mut self, queue: &Queue, time: Duration, now: Timestamp) {
        let until = now.plus(time);
        let held = self.held.entry(queue.clone()).or_insert(until);
        *held = until.max(*held);
    }

    fn ready(&self, queue: &Queue, now: Timestamp) -> Timestamp {
        let next = self.held.get(queue).copied().unwrap_or(now).max(self.workspace);
        match queue {
            Queue::Channel(_) => next,
            // One turn comes back each PER_EDIT.
            Queue::Edits => next.max(self.edits.minus(PER_EDIT * (EDIT_BURST - 1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000);

    fn channel(name: &str) -> Queue {
        Queue::Channel(name.to_owned())
    }

    /// Seconds after which all turns were taken.
    fn seconds(limiter: &mut RateLimiter, queues: &[Queue], start: Timestamp) -> f64 {
        let mut now = start;
        for queue in queues {
            while let Err(later) = limiter.take(queue, now) {
                now = later;
            }
        }
        now.duration_since(start).as_secs_f64()
    }

    #[test]
    fn a_channel_has_one_turn_a_second() {
        assert_eq!(seconds(&mut RateLimiter::default(), &vec![channel("C1"); 4], START), 3.0);
    }

    #[test]
    fn all_channels_have_five_turns_a_second() {
        let queues: Vec<Queue> = (0..11).map(|n| channel(&format!("C{n}"))).collect();
        assert_eq!(seconds(&mut RateLimiter::default(), &queues, START), 2.0);
    }

    #[test]
    fn a_channel_that_is_held_waits_and_the_others_do_not() {
        let mut limiter = RateLimiter::default();
        limiter.hold(&channel("C1"), Duration::from_secs(30), START);
        assert_eq!(limiter.take(&channel("C1"), START), Err(START.plus(Duration::from_secs(30))));
        assert_eq!(limiter.take(&channel("C2"), START), Ok(()));
        limiter.hold(&channel("C1"), Duration::from_secs(5), START);
        assert_eq!(limiter.take(&channel("C1"), START), Err(START.plus(Duration::from_secs(30))));
    }

    #[test]
    fn ten_edits_are_sent_at_once_and_then_fifty_a_minute() {
        let mut limiter = RateLimiter::default();
        assert_eq!(seconds(&mut limiter, &vec![Queue::Edits; 10], START), 1.8);
        let later = START.plus(Duration::from_millis(1_800));
        assert_eq!(seconds(&mut limiter, &vec![Queue::Edits; 50], later), 58.2);
    }
}
