//! Attempts to send a message: how long to wait before the next one, and when to end.

use std::time::Duration;

use super::{AfterFailure, SendContext, Unsent};
use crate::plan::Queue;
use crate::retry::RetryPolicy;

/// Number of attempts that certainly, or harmlessly, failed, and of rate limits met.
#[derive(Debug, Default)]
pub(in crate::core) struct Attempts {
    failed: u32,
    rate_limited: u32,
}

impl Attempts {
    /// Blocks a queue for the time that Slack requests. Without `Retry-After`, the time grows.
    pub(in crate::core) fn on_rate_limit(&mut self, queue: &Queue, asked: Option<Duration>, context: &mut SendContext) {
        self.rate_limited += 1;
        let wait = asked.unwrap_or_else(|| RetryPolicy::RATE_LIMIT.backoff(self.rate_limited, context.chance));
        let wait_seconds = wait.as_secs_f64();
        match queue {
            Queue::Edits => tracing::info!(wait_seconds, "Slack rate limit reached for edits; waiting"),
            Queue::Channel(channel) => tracing::info!(channel, wait_seconds, "Slack rate limit reached; waiting"),
        }
        context.limiter.hold(queue, wait, context.now);
    }

    pub(in crate::core) fn on_failure(&mut self, error: String, context: &SendContext) -> AfterFailure {
        self.failed += 1;
        match RetryPolicy::INTERACTIVE.next_delay(self.failed, None, context.time_left, context.chance) {
            Some(wait) => {
                tracing::debug!(error, "retrying");
                AfterFailure::AgainAt(context.now.plus(wait))
            }
            None => AfterFailure::End(Unsent::Failed(error)),
        }
    }
}

/// Notes that Slack rejects the app.
pub(in crate::core) fn on_app_rejection(error: &str, context: &mut SendContext) -> AfterFailure {
    if context.channels.add_app_rejection(error) {
        tracing::error!(
            error,
            "Slack rejected the app: check the bot token and its scopes; delivery stopped, no finding is lost"
        );
    }
    AfterFailure::End(Unsent::NotTried)
}
