//! Sends one message to Slack. If Slack rejects its content, a simpler form is sent. If a channel rejects it, it is sent to
//! the default channel. A rate limit is observed, and an attempt that certainly failed is repeated.

use std::time::Duration;

use crate::config::Target;
use crate::core::call::Thread;
use crate::core::channels::{AFTER_FIRST_MESSAGE, Channels};
use crate::core::mentions::Mentions;
use crate::core::rate_limit::RateLimiter;
use crate::mention::Mention;
use crate::message::{Addressing, MessageForm};
use crate::plan::{Destination, Queue};
use crate::retry::RetryPolicy;
use crate::slack::{SentMessage, SlackError};
use crate::time::Timestamp;

/// A message that Slack acknowledged, and the channel that rejected it first.
pub(super) struct Sent {
    pub at: SentMessage,
    pub form: MessageForm,
    pub meant: Option<String>,
}

/// Reason why a message was not acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    Unknown(String),
    Failed(String),
    /// The default channel rejects messages as such, which was logged: its queue stops for the run.
    Stopped(String),
    /// The message in whose thread the reply belongs does not exist any more.
    NotFound,
    /// The thread, or its channel, rejects the reply.
    NoReply(String),
    Left,
}

/// What follows from a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another try: at once, as far as the rate limits allow.
    Again,
    /// Another try at this time.
    AgainAt(Timestamp),
    End(Unsent),
}

/// What a delivery shares with the others.
pub struct Shared<'a> {
    pub channels: &'a mut Channels,
    pub limiter: &'a mut RateLimiter,
    pub now: Timestamp,
    /// Time until the run must end.
    pub left: Duration,
    /// Spreads retries: from 0 to 1.
    pub chance: f64,
}

/// Number of attempts that certainly, or harmlessly, failed, and of rate limits met.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failed: u32,
    rate_limited: u32,
}

impl Attempts {
    /// Blocks a queue for the time that Slack requests. Without `Retry-After`, the time grows.
    pub(super) fn on_rate_limit(&mut self, queue: &Queue, asked: Option<Duration>, shared: &mut Shared) {
        self.rate_limited += 1;
        let wait = asked.unwrap_or_else(|| RetryPolicy::RATE_LIMIT.backoff(self.rate_limited, shared.chance));
        let wait_seconds = wait.as_secs_f64();
        match queue {
            Queue::Edits => tracing::info!(wait_seconds, "Slack rate limit reached for edits; waiting"),
            Queue::Channel(channel) => tracing::info!(channel, wait_seconds, "Slack rate limit reached; waiting"),
        }
        shared.limiter.hold(queue, wait, shared.now);
    }

    pub(super) fn on_failure(&mut self, error: String, shared: &Shared) -> Next {
        self.failed += 1;
        match RetryPolicy::INTERACTIVE.next_delay(self.failed, None, shared.left, shared.chance) {
            Some(wait) => {
                tracing::debug!(error, "retrying");
                Next::AgainAt(shared.now.plus(wait))
            }
            None => Next::End(Unsent::Failed(error)),
        }
    }
}

/// Notes that Slack rejects the app.
pub(super) fn on_app_rejection(error: &str, shared: &mut Shared) -> Next {
    if shared.channels.add_app_rejection(error) {
        tracing::error!(
            error,
            "Slack rejected the app: check the bot token and its scopes; delivery stopped, no finding is lost"
        );
    }
    Next::End(Unsent::Left)
}

/// The thread in which a message belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Channel,
    /// In a thread if it accepts the message, else in the channel.
    PreferThread(Thread),
    /// In a thread or nowhere.
    OnlyThread(Thread),
}

/// A message to send, with its target and its attempts.
#[derive(Debug)]
pub(super) struct OutgoingMessage {
    pub target: Target,
    pub place: Place,
    /// The channel that rejected the message.
    meant: Option<String>,
    mention: Option<Mention>,
    mentions: Mentions,
    forms: Forms,
    attempts: Attempts,
}

impl OutgoingMessage {
    pub(super) fn new(to: &Destination, place: Place, channels: &Channels) -> Self {
        Self {
            target: to.target.clone(),
            place,
            meant: None,
            mention: to.mention.clone(),
            mentions: channels.mentions(&to.target, to.mention.as_ref()),
            forms: Forms::default(),
            attempts: Attempts::default(),
        }
    }

    fn must_be_in_thread(&self) -> bool {
        matches!(self.place, Place::OnlyThread(..))
    }

    /// The mention and the channel that the text names, for a function that makes the message.
    pub(super) fn addressed<T>(&self, make: impl FnOnce(MessageForm, &Addressing) -> T) -> T {
        let mention = self.mentions.sent();
        let omitted_mention = self.mentions.omitted();
        let addressing = Addressing {
            mention: mention.as_ref(),
            omitted_mention: omitted_mention.as_ref(),
            refused_channel: self.meant.as_deref(),
        };
        make(self.forms.now(), &addressing)
    }

    /// Avoids a channel that is known to reject messages. It may still accept replies. Returns an error if nothing may be
    /// sent.
    pub(super) fn prepare(&mut self, channels: &Channels) -> Result<(), Unsent> {
        if !self.must_be_in_thread() {
            if !channels.is_default(&self.target) && channels.rejection(&self.target).is_some() {
                self.fall_back(channels);
            }
            if let Some(reason) = channels.rejection(&self.target) {
                return Err(Unsent::Stopped(reason.to_owned()));
            }
        }
        if channels.is_closed(self.target.name()) { Err(Unsent::Left) } else { Ok(()) }
    }

    pub(super) fn on_sent(self, at: SentMessage, shared: &mut Shared) -> Sent {
        shared.channels.add_mentions(&self.target, &self.mentions);
        if shared.channels.learn(self.target.name(), at.channel()) {
            shared.limiter.hold(&Queue::Channel(at.channel().to_owned()), AFTER_FIRST_MESSAGE, shared.now);
        }
        Sent { at, form: self.forms.now(), meant: self.meant }
    }

    /// Decides what follows from a failure.
    pub(super) fn on_failure(&mut self, failure: SlackError, shared: &mut Shared) -> Next {
        match failure {
            SlackError::RateLimited(wait) => {
                let queue = shared.channels.queue(&self.target);
                self.attempts.on_rate_limit(&queue, wait, shared);
                Next::Again
            }
            SlackError::ContentRejected(error) if self.forms.simplify(&error) => Next::Again,
            SlackError::ContentRejected(error) => Next::End(Unsent::Failed(error)),
            SlackError::Restricted(error) | SlackError::Unclassified(error) if self.mentions.omit_next() => {
                let channel = self.target.name();
                tracing::warn!(channel, error, "channel may reject the mention; sending without it");
                Next::Again
            }
            SlackError::Unclassified(error) if self.forms.simplify(&error) => Next::Again,
            SlackError::Unclassified(error) if self.is_last_resort(shared.channels) => Next::End(Unsent::Failed(error)),
            SlackError::MessageNotFound(_) if self.must_be_in_thread() => Next::End(Unsent::NotFound),
            SlackError::Restricted(error)
            | SlackError::Unclassified(error)
            | SlackError::ChannelRejected(error)
            | SlackError::Reply(error)
            | SlackError::MessageNotFound(error) => self.on_rejection(&error, shared.channels),
            SlackError::AppRejected(error) => on_app_rejection(&error, shared),
            SlackError::NotSent(error) => self.attempts.on_failure(self.call(&error), shared),
            SlackError::OutcomeUnknown(error) if shared.channels.is_readable(&self.target) => {
                Next::End(Unsent::Unknown(self.call(&error)))
            }
            // Nothing shows whether the message exists: a duplicate is better than a loss.
            SlackError::OutcomeUnknown(error) => self.attempts.on_failure(self.call(&error), shared),
        }
    }

    /// Finds another target or place for a message that a channel or a thread rejects.
    fn on_rejection(&mut self, error: &str, channels: &mut Channels) -> Next {
        let channel = self.target.name().to_owned();
        if error.starts_with("channel_not_found") && channels.add_renamed(&channel) {
            return Next::Again;
        }
        match self.place {
            Place::OnlyThread(..) => return Next::End(Unsent::NoReply(error.to_owned())),
            Place::PreferThread(_) => {
                self.place = Place::Channel;
                self.forms = Forms::default();
                return Next::Again;
            }
            Place::Channel => {}
        }
        let reason = format!("{channel}: {error}");
        let is_new = channels.add_rejection(&self.target, &reason);
        if channels.is_default(&self.target) {
            if is_new {
                tracing::error!(channel, error, "default channel rejects messages; its queue stops for this run");
            }
            return Next::End(Unsent::Stopped(reason));
        }
        tracing::warn!(channel, error, "channel rejected the message; using the default channel");
        self.fall_back(channels);
        Next::Again
    }

    fn fall_back(&mut self, channels: &Channels) {
        let rejecting = self.target.name().to_owned();
        let to = Destination { mention: self.mention.clone(), ..channels.default.clone() };
        *self = Self { meant: Some(rejecting), ..Self::new(&to, Place::Channel, channels) };
    }

    /// Returns true if there is no other channel to try.
    fn is_last_resort(&self, channels: &Channels) -> bool {
        self.place == Place::Channel && channels.is_default(&self.target)
    }

    fn call(&self, error: &str) -> String {
        match self.target {
            Target::Channel(_) => format!("chat.postMessage: {error}"),
            Target::Webhook { .. } => format!("webhook: {error}"),
        }
    }
}

/// The forms of a message, simpler each time Slack rejects its content.
#[derive(Debug)]
pub(super) struct Forms(MessageForm);

impl Default for Forms {
    fn default() -> Self {
        Self(MessageForm::Blocks)
    }
}

impl Forms {
    pub(super) fn now(&self) -> MessageForm {
        self.0
    }

    /// Returns false if there is no simpler form.
    pub(super) fn simplify(&mut self, error: &str) -> bool {
        let simpler = match self.0 {
            MessageForm::Blocks => MessageForm::Text,
            MessageForm::Text => MessageForm::Minimal,
            MessageForm::Minimal => return false,
        };
        let form = self.0.name();
        tracing::warn!(error, form, "Slack rejected the message content; retrying with a simpler form");
        self.0 = simpler;
        true
    }
}

#[cfg(test)]
mod tests;
