//! When a run must end: `SIGTERM`, or `RUN_TIMEOUT` less what the last checkpoint and the push need.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Shared by everything that waits within a run.
#[derive(Clone, Debug)]
pub struct Stop {
    told: watch::Receiver<bool>,
    deadline: Rc<Instant>,
}

impl Stop {
    /// Ends when `told` turns true, or `after` this instant.
    pub fn new(told: watch::Receiver<bool>, after: Duration) -> Self {
        Self { told, deadline: Rc::new(Instant::now() + after) }
    }

    pub fn is_set(&self) -> bool {
        *self.told.borrow() || Instant::now() >= *self.deadline
    }

    /// Turns true when a signal requests to shut down.
    pub(super) fn shutdown(&self) -> watch::Receiver<bool> {
        self.told.clone()
    }

    /// Whether it was a signal that ended the run, not the time.
    pub fn is_told(&self) -> bool {
        *self.told.borrow()
    }

    /// Time left until the deadline.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits for the end.
    pub async fn wait(&self) {
        let mut told = self.told.clone();
        let signal = async {
            if told.wait_for(|t| *t).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = signal => {}
            () = sleep_until(*self.deadline) => {}
        }
    }

    /// What the future yields, unless the run must end before.
    pub async fn unless<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            value = future => Some(value),
        }
    }
}
