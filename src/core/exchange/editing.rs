//! Edits a message.

use super::{Exchange, SearchFor, Stage, posted, updated};
use crate::core::channels::Channels;
use crate::core::delivery_log::{Action, Location, log_finding_at, log_redirect};
use crate::core::outbox::DeliveryResult;
use crate::core::send::{AfterFailure, SendContext, on_app_rejection};
use crate::finding::Finding;
use crate::message::{Addressing, Message, MessageContent, MessageForm, Writer};
use crate::plan::{Delivery, Queue};
use crate::slack::{MessageRef, SlackError};

impl Exchange {
    pub(super) fn edit(&self, form: MessageForm, writer: &dyn Writer) -> (MessageRef, Message) {
        if let (Delivery::Post(f, _), Some(earlier)) = (&self.delivery, &self.earlier) {
            return (earlier.clone(), self.finding(f, &Addressing::default(), form, writer));
        }
        match &self.delivery {
            Delivery::Redirect { id, old, channel, .. } => (
                old.clone(),
                writer.write(&MessageContent::Redirect { id, to_channel: channel, link: self.link.as_deref() }, form),
            ),
            Delivery::Update(f, update) => {
                (update.message.clone(), self.edited(f, update.intended_channel.as_deref(), form, writer))
            }
            Delivery::Refresh(f, refresh) => {
                (refresh.message.clone(), self.edited(f, refresh.intended_channel.as_deref(), form, writer))
            }
            _ => unreachable!("a new message is not edited"),
        }
    }

    /// An edit mentions nobody. It still shows, and its metadata says, which channel rejected the message.
    fn edited(&self, f: &Finding, intended_channel: Option<&str>, form: MessageForm, writer: &dyn Writer) -> Message {
        self.finding(f, &Addressing { intended_channel, ..Addressing::default() }, form, writer)
    }

    pub(super) fn on_updated(&mut self, result: Result<(), SlackError>, context: &mut SendContext) {
        let Stage::Edit(forms, attempts) = &mut self.stage else { return };
        let form = forms.current();
        let failure = match result {
            Ok(()) => return self.on_edited(form, context.channels),
            Err(failure) => failure,
        };
        let next = match failure {
            SlackError::RateLimited(wait) => {
                attempts.on_rate_limit(&Queue::Edits, wait, context);
                AfterFailure::Again
            }
            // What no form can express by an edit is posted again.
            SlackError::ContentRejected(error) | SlackError::Unclassified(error) if forms.simplify(&error) => {
                AfterFailure::Again
            }
            SlackError::ContentRejected(_)
            | SlackError::Unclassified(_)
            | SlackError::MessageNotFound(_)
            | SlackError::ThreadRejected(_)
            | SlackError::ChannelRejected(_)
            | SlackError::Restricted(_) => return self.on_uneditable(context.channels),
            SlackError::AppRejected(error) => on_app_rejection(&error, context),
            SlackError::NotSent(error) | SlackError::OutcomeUnknown(error) => {
                attempts.on_failure(format!("chat.update: {error}"), context)
            }
        };
        self.follow(next, context.channels);
    }

    fn on_edited(&mut self, form: MessageForm, channels: &Channels) {
        match &self.delivery {
            Delivery::Redirect { id, old, .. } => {
                log_redirect(id, Location::of(&channels.name(&old.channel), old));
                self.finish(DeliveryResult::Completed);
            }
            Delivery::Refresh(f, refresh) => {
                log_finding_at(Action::Updated, f, &refresh.message, channels);
                self.finish(DeliveryResult::Completed);
            }
            Delivery::Update(f, update) => {
                log_finding_at(Action::Updated, f, &update.message, channels);
                let done = updated(update, false);
                self.is_minimal |= form == MessageForm::Minimal;
                self.stage = if update.reply.is_some() { Stage::Replies } else { Stage::Ended(done) };
            }
            Delivery::Post(f, _) => {
                let Some(earlier) = self.earlier.take() else { return };
                log_finding_at(Action::Updated, f, &earlier, channels);
                self.is_minimal |= form == MessageForm::Minimal;
                self.finish(posted(earlier.into(), None, None, String::new()));
            }
            _ => {}
        }
    }

    /// The message does not exist any more, or can no longer be edited. That of a finding is posted again; an earlier run
    /// may have done so without recording it, and reconciling does not show that, because the state has the revision.
    pub(super) fn on_uneditable(&mut self, channels: &Channels) {
        self.stage = match self.delivery {
            Delivery::Update(..) => self.read_history(SearchFor::Repost, channels),
            Delivery::Post(..) => {
                self.earlier = None;
                self.related.clear();
                self.search_or_send(channels)
            }
            _ => Stage::Ended(DeliveryResult::Completed),
        };
    }

    /// The result of a reply that was posted.
    pub(super) fn replied(&self) -> DeliveryResult {
        match &self.delivery {
            Delivery::Update(_, update) => updated(update, true),
            _ => DeliveryResult::Completed,
        }
    }
}
