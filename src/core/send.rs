//! Sends one message to Slack. If Slack rejects its content, a simpler form is sent. If a channel rejects it, it is sent to
//! the default channel. A rate limit is observed, and an attempt that certainly failed is repeated.

mod attempts;
mod forms;

use std::time::Duration;

use crate::config::Target;
use crate::core::channels::{AFTER_FIRST_MESSAGE, Channels};
use crate::core::mentions::Mentions;
use crate::core::rate_limit::RateLimiter;
use crate::mention::Mention;
use crate::message::{Addressing, MessageForm};
use crate::plan::{Destination, Queue};
use crate::slack::{SentMessage, SlackError, Thread};
use crate::time::Timestamp;
pub(super) use attempts::{Attempts, on_app_rejection};
pub(super) use forms::Forms;

/// A message to send, with its target and its attempts.
#[derive(Debug)]
pub(super) struct OutgoingMessage {
    pub target: Target,
    pub place: Place,
    /// The channel that rejected the message.
    intended_channel: Option<String>,
    mention: Option<Mention>,
    mentions: Mentions,
    forms: Forms,
    attempts: Attempts,
}

/// Where in its channel a message belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Channel,
    /// In a thread if it accepts the message, else in the channel.
    PreferThread(Thread),
    /// In a thread or nowhere.
    OnlyThread(Thread),
}

/// What is needed to send a message. Channels and rate limits are shared by all deliveries.
pub(super) struct SendContext<'a> {
    pub channels: &'a mut Channels,
    pub limiter: &'a mut RateLimiter,
    pub now: Timestamp,
    /// Time until the run must end.
    pub time_left: Duration,
    /// Spreads retries: from 0 to 1.
    pub chance: f64,
}

/// A message that Slack acknowledged, and the channel that rejected it first.
pub(super) struct Sent {
    pub at: SentMessage,
    pub form: MessageForm,
    pub intended_channel: Option<String>,
}

/// Reason why a message was not acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    Unknown(String),
    Failed(String),
    /// The default channel rejects all messages, which was logged: its queue stops for the run.
    Stopped(String),
    /// The message in whose thread the reply belongs does not exist any more.
    NotFound,
    /// The thread, or its channel, rejects the reply.
    NoReply(String),
    /// The run ends, the channel is closed, or Slack rejects the app.
    NotTried,
}

/// What follows from a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterFailure {
    /// Another try: at once, as far as the rate limits allow.
    Again,
    /// Another try at this time.
    AgainAt(Timestamp),
    End(Unsent),
}

impl OutgoingMessage {
    pub(super) fn new(to: &Destination, place: Place, channels: &Channels) -> Self {
        Self {
            target: to.target.clone(),
            place,
            intended_channel: None,
            mention: to.mention.clone(),
            mentions: channels.mentions(&to.target, to.mention.as_ref()),
            forms: Forms::default(),
            attempts: Attempts::default(),
        }
    }

    fn must_be_in_thread(&self) -> bool {
        matches!(self.place, Place::OnlyThread(..))
    }

    /// Makes the message in its current form, with the mention and the channel that it names.
    pub(super) fn addressed<T>(&self, make: impl FnOnce(MessageForm, &Addressing) -> T) -> T {
        let mention = self.mentions.sent();
        let omitted_mention = self.mentions.omitted();
        let addressing = Addressing {
            mention: mention.as_ref(),
            omitted_mention: omitted_mention.as_ref(),
            intended_channel: self.intended_channel.as_deref(),
        };
        make(self.forms.current(), &addressing)
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
        if channels.is_closed(self.target.name()) { Err(Unsent::NotTried) } else { Ok(()) }
    }

    pub(super) fn on_sent(&self, at: SentMessage, context: &mut SendContext) -> Sent {
        context.channels.add_rejected_mentions(&self.target, &self.mentions);
        if context.channels.note_id(self.target.name(), at.channel()) {
            context.limiter.hold(&Queue::Channel(at.channel().to_owned()), AFTER_FIRST_MESSAGE, context.now);
        }
        Sent { at, form: self.forms.current(), intended_channel: self.intended_channel.clone() }
    }

    /// Decides what follows from a failure.
    pub(super) fn on_failure(&mut self, failure: SlackError, context: &mut SendContext) -> AfterFailure {
        match failure {
            SlackError::RateLimited(wait) => {
                let queue = context.channels.queue(&self.target);
                self.attempts.on_rate_limit(&queue, wait, context);
                AfterFailure::Again
            }
            SlackError::ContentRejected(error) if self.forms.simplify(&error) => AfterFailure::Again,
            SlackError::ContentRejected(error) => AfterFailure::End(Unsent::Failed(error)),
            SlackError::Restricted(error) | SlackError::Unclassified(error) if self.mentions.omit_next() => {
                let channel = self.target.name();
                tracing::warn!(channel, error, "channel may reject the mention; sending without it");
                AfterFailure::Again
            }
            SlackError::Unclassified(error) if self.forms.simplify(&error) => AfterFailure::Again,
            SlackError::Unclassified(error) if self.is_last_resort(context.channels) => {
                AfterFailure::End(Unsent::Failed(error))
            }
            SlackError::MessageNotFound(_) if self.must_be_in_thread() => AfterFailure::End(Unsent::NotFound),
            SlackError::Restricted(error)
            | SlackError::Unclassified(error)
            | SlackError::ChannelRejected(error)
            | SlackError::ThreadRejected(error)
            | SlackError::MessageNotFound(error) => self.on_rejection(&error, context.channels),
            SlackError::AppRejected(error) => on_app_rejection(&error, context),
            SlackError::NotSent(error) => self.attempts.on_failure(self.with_method(&error), context),
            SlackError::OutcomeUnknown(error) if context.channels.is_readable(&self.target) => {
                AfterFailure::End(Unsent::Unknown(self.with_method(&error)))
            }
            // Nothing shows whether the message exists: a duplicate is better than a loss.
            SlackError::OutcomeUnknown(error) => self.attempts.on_failure(self.with_method(&error), context),
        }
    }

    /// Finds another target or place for a message that a channel or a thread rejects.
    fn on_rejection(&mut self, error: &str, channels: &mut Channels) -> AfterFailure {
        let channel = self.target.name().to_owned();
        if error.starts_with("channel_not_found") && channels.add_renamed(&channel) {
            return AfterFailure::Again;
        }
        match self.place {
            Place::OnlyThread(..) => return AfterFailure::End(Unsent::NoReply(error.to_owned())),
            Place::PreferThread(_) => {
                self.place = Place::Channel;
                self.forms = Forms::default();
                return AfterFailure::Again;
            }
            Place::Channel => {}
        }
        let reason = format!("{channel}: {error}");
        let is_new = channels.add_rejection(&self.target, &reason);
        if channels.is_default(&self.target) {
            if is_new {
                tracing::error!(channel, error, "default channel rejects messages; its queue stops for this run");
            }
            return AfterFailure::End(Unsent::Stopped(reason));
        }
        tracing::warn!(channel, error, "channel rejected the message; using the default channel");
        self.fall_back(channels);
        AfterFailure::Again
    }

    fn fall_back(&mut self, channels: &Channels) {
        let rejecting = self.target.name().to_owned();
        let to = Destination { mention: self.mention.clone(), ..channels.default.clone() };
        *self = Self { intended_channel: Some(rejecting), ..Self::new(&to, Place::Channel, channels) };
    }

    /// Returns true if there is no other channel to try.
    fn is_last_resort(&self, channels: &Channels) -> bool {
        self.place == Place::Channel && channels.is_default(&self.target)
    }

    fn with_method(&self, error: &str) -> String {
        match self.target {
            Target::Channel(_) => format!("chat.postMessage: {error}"),
            Target::Webhook { .. } => format!("webhook: {error}"),
        }
    }
}

#[cfg(test)]
mod tests;
