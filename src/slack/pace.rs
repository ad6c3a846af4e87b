//! How fast messages leave. Works under a paused tokio clock.
//!
//! Sources: docs.slack.dev, «Rate limits»: `chat.postMessage` one message a second and channel, with a limit of several a
//! second for the workspace that is not told; `chat.update` is of tier 3, some 50 a minute.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The lane of edits: they share the pace of `chat.update`.
pub const UPDATES: &str = "chat.update";

const LANE: Duration = Duration::from_secs(1);
const APP: Duration = Duration::from_millis(200);
const UPDATE: Duration = Duration::from_millis(1_200);
/// Updates that may go at once after a pause.
const UPDATE_BURST: u32 = 10;

/// Turns for messages: one a second in a lane (a channel, a webhook), five a second in all; in the lane [`UPDATES`] ten at
/// once, then fifty a minute. Any number of lanes may wait in one task; a wait that is given up costs nothing.
#[derive(Debug)]
pub struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    app: Instant,
    lanes: HashMap<String, Instant>,
    /// When the bucket of updates will be full again.
    updates: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

impl Pace {
    /// Needs a tokio runtime.
    pub fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(State { app: now, lanes: HashMap::new(), updates: now }))
    }

    /// Waits until a message may go to `lane`, and takes that turn.
    pub async fn turn(&self, lane: &str) {
        loop {
            let Err(later) = self.state().take(lane, Instant::now()) else { return };
            sleep_until(later).await;
        }
    }

    /// No message goes to `lane` for `time` (Slack throttled it), also none that waits already.
    pub fn hold(&self, lane: &str, time: Duration) {
        let (until, mut state) = (Instant::now() + time, self.state());
        let next = state.lanes.entry(lane.to_owned()).or_insert(until);
        *next = until.max(*next);
    }

    /// How long the next message for `lane` would wait: zero if it can go now.
    pub fn wait(&self, lane: &str) -> Duration {
        let now = Instant::now();
        self.state().ready(lane, now).saturating_duration_since(now)
    }

    /// State is whole between any two statements, so one that a panicking thread held is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the turn if it is there, else says when to ask again.
    fn take(&mut self, lane: &str, now: Instant) -> Result<(), Instant> {
        let ready = self.ready(lane, now);
        if ready > now {
            return Err(ready);
        }
        self.app = now + APP;
        if lane == UPDATES {
            self.updates = self.updates.max(now) + UPDATE;
        } else {
            self.lanes.insert(lane.to_owned(), now + LANE);
        }
        Ok(())
    }

    /// When the lane has its next turn; `now` or earlier: at once.
    fn ready(&self, lane: &str, now: Instant) -> Instant {
        let next = self.lanes.get(lane).copied().unwrap_or(now).max(self.app);
        if lane != UPDATES {
            return next;
        }
        // One turn comes back each UPDATE: there is one as long as the bucket is full again by then.
        let empty = now + UPDATE * (UPDATE_BURST - 1);
        next.max(now + self.updates.saturating_duration_since(empty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn seconds(turns: impl AsyncFn()) -> f64 {
        let began = Instant::now();
        turns().await;
        began.elapsed().as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_has_one_turn_a_second() {
        let pace = Pace::new();
        let took = seconds(async || {
            for _ in 0..4 {
                pace.turn("C1").await;
            }
        });
        assert!((3.0..3.1).contains(&took.await));
    }

    #[tokio::test(start_paused = true)]
    async fn all_lanes_together_have_five_turns_a_second() {
        let pace = Pace::new();
        let lanes: Vec<_> = (0..11).map(|n| format!("C{n}")).collect();
        let took = seconds(async || {
            futures_util::future::join_all(lanes.iter().map(|lane| pace.turn(lane))).await;
        });
        assert!((2.0..2.1).contains(&took.await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_is_held_waits_and_the_others_do_not() {
        let pace = Pace::new();
        let took = seconds(async || {
            pace.turn("C1").await;
            let (held, ()) = tokio::join!(seconds(async || pace.turn("C1").await), async {
                pace.hold("C1", Duration::from_secs(30));
                assert!(seconds(async || pace.turn("C2").await).await < 0.5);
            });
            assert!((29.9..30.3).contains(&held), "{held}");
        });
        assert!(took.await < 31.0);
    }

    #[tokio::test(start_paused = true)]
    async fn updates_go_ten_at_once_then_fifty_a_minute() {
        let pace = Pace::new();
        let burst = seconds(async || {
            for _ in 0..10 {
                pace.turn(UPDATES).await;
            }
        })
        .await;
        assert!(burst < 2.1, "{burst}");
        let more = seconds(async || {
            for _ in 0..50 {
                pace.turn(UPDATES).await;
            }
        })
        .await;
        assert!((57.0..61.0).contains(&more), "{more}");
        pace.hold(UPDATES, Duration::from_secs(20));
        assert!((19.9..20.1).contains(&seconds(async || pace.turn(UPDATES).await).await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_costs_nothing() {
        let pace = Pace::new();
        pace.turn("C1").await;
        let _ = tokio::time::timeout(Duration::from_millis(100), pace.turn("C1")).await;
        assert!(pace.wait("C1") <= Duration::from_millis(900));
        assert_eq!(pace.wait("C2"), Duration::from_millis(100));
    }
}
