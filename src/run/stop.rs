//! Determines when a run must end: at `SIGTERM`, or at `RUN_TIMEOUT` minus the time for the last checkpoint and the push.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The end of a run.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    shutdown: watch::Receiver<bool>,
    deadline: Instant,
}

impl Stop {
    /// The run ends when `shutdown` turns true, or after a time.
    pub(super) fn new(shutdown: watch::Receiver<bool>, after: Duration) -> Self {
        Self { shutdown, deadline: Instant::now() + after }
    }

    /// Turns true when a signal requests to shut down.
    pub(super) fn shutdown(&self) -> watch::Receiver<bool> {
        self.shutdown.clone()
    }

    pub(super) fn is_shutdown_requested(&self) -> bool {
        *self.shutdown.borrow()
    }

    /// Time left until the deadline.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Returns the value of the future, or `None` if the run must end before.
    pub(super) async fn unless<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            value = future => Some(value),
        }
    }

    async fn wait(&self) {
        let mut shutdown = self.shutdown();
        let requested = async {
            if shutdown.wait_for(|requested| *requested).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = requested => {}
            () = sleep_until(self.deadline) => {}
        }
    }
}
