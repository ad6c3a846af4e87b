//! Performs one delivery: its requests to Slack in order, and the actions after each response.

mod editing;
mod reading;
mod sending;

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::Target;
use crate::core::call::{Answer, Call};
use crate::core::channels::{Channels, NamedChannel};
use crate::core::outbox::DeliveryResult;
use crate::core::posted::{Past, PostedMessages};
use crate::core::send::{Attempts, Forms, OutgoingMessage, Place, Shared};
use crate::finding::Finding;
use crate::mention::Mention;
use crate::message::{Related, Writer};
use crate::plan::{Delivery, Destination, Queue, Update};
use crate::slack::{MessageRef, SentMessage};
use crate::state::{Outcome, fingerprint};
use crate::time::Timestamp;

/// Maximum difference between the clocks of Slack and GuardDuty: a reply about a revision is posted after that revision.
/// One about an earlier revision, which the state does not have, is posted after the posting intent.
const SKEW: Duration = Duration::from_hours(1);

/// A delivery in progress.
#[derive(Debug)]
pub(super) struct Exchange {
    delivery: Delivery,
    attempt: Attempt,
    step: Step,
    not_before: Timestamp,
    is_minimal: bool,
    /// Related messages, as far as their addresses are known.
    related: Vec<Related>,
    /// The address of the message to which this one points.
    link: Option<String>,
    /// The message about an earlier revision of the finding that was found in a thread: it is edited.
    earlier: Option<MessageRef>,
}

/// Whether the message may exist already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    /// An earlier attempt had an unknown outcome: the history is checked first.
    AfterUnknownOutcome,
}

/// What a delivery does next.
pub(super) enum NextAction {
    /// [`Exchange::call`] returns a request that reads.
    Read,
    /// [`Exchange::call`] returns a request that writes, within the rate limit of this queue.
    Write(Queue),
    WaitUntil(Timestamp),
    Ended(DeliveryResult),
}

#[derive(Debug)]
enum Step {
    /// Searches the threads of the same finding in other regions for its message.
    Threads(usize),
    /// Reads the history of channels.
    History {
        unread: VecDeque<NamedChannel>,
        posted: PostedMessages,
        purpose: Purpose,
    },
    /// Reads the addresses of related messages.
    Permalinks(usize),
    /// Reads the address of the message to which this one points.
    Link,
    Edit(Forms, Attempts),
    /// Searches the thread for the reply.
    Replies,
    Send(Content, OutgoingMessage),
    Ended(DeliveryResult),
}

/// Why the history is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// The message may have been posted.
    Message,
    /// The message does not exist any more, and may have been posted again.
    Repost,
    /// The reply may have been posted in the channel.
    Reply,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// The message of the delivery itself.
    Message,
    /// The message of a finding, again.
    Repost,
    Reply,
    /// The reply, in the channel.
    StandaloneReply,
}

impl Exchange {
    pub(super) fn new(delivery: Delivery, attempt: Attempt, channels: &Channels) -> Self {
        let mut exchange = Self {
            delivery,
            attempt,
            step: Step::Threads(0),
            not_before: Timestamp::default(),
            is_minimal: false,
            related: Vec::new(),
            link: None,
            earlier: None,
        };
        exchange.step = match &exchange.delivery {
            Delivery::Post(..) => Step::Threads(0),
            Delivery::Update(..) | Delivery::Refresh(..) => Step::Permalinks(0),
            Delivery::Redirect { now: SentMessage::Bot(_), .. } => Step::Link,
            Delivery::Redirect { now: SentMessage::Webhook(_), .. } => {
                Step::Edit(Forms::default(), Attempts::default())
            }
            Delivery::Reply(..) => Step::Replies,
            Delivery::Notice(_) | Delivery::Summary(_) | Delivery::Digest { .. } => exchange.check_history(channels),
        };
        exchange
    }

    pub(super) fn is_refresh(&self) -> bool {
        matches!(self.delivery, Delivery::Refresh(..))
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.step, Step::Ended(_))
    }

    /// Returns the delivery, and whether Slack shows its findings in the minimal form only.
    pub(super) fn end(self) -> (Delivery, bool) {
        (self.delivery, self.is_minimal)
    }

    /// Decides what is next, and passes the steps that need no request.
    pub(super) fn next(&mut self, now: Timestamp, channels: &mut Channels) -> NextAction {
        if now < self.not_before && !self.has_ended() {
            return NextAction::WaitUntil(self.not_before);
        }
        loop {
            match &mut self.step {
                Step::Threads(n) => match (&self.delivery, *n) {
                    (Delivery::Post(_, post), n) if n < post.candidate_threads.len() => {
                        let target = Target::Channel(post.candidate_threads[n].channel.clone());
                        if channels.is_readable(&target) {
                            return NextAction::Read;
                        }
                        self.step = Step::Threads(n + 1);
                    }
                    _ => self.step = self.check_message(channels),
                },
                Step::History { unread, .. } if !unread.is_empty() => return NextAction::Read,
                Step::History { .. } => self.on_history(channels),
                Step::Permalinks(n) if *n < self.delivery.related().len() => return NextAction::Read,
                Step::Permalinks(_) => {
                    self.step = match &self.delivery {
                        Delivery::Post(..) if self.earlier.is_none() => self.send(Content::Message, channels),
                        _ => Step::Edit(Forms::default(), Attempts::default()),
                    }
                }
                Step::Link => return NextAction::Read,
                Step::Replies => {
                    let (_, update) = self.reply_of();
                    if channels.is_readable(&Target::Channel(update.message.channel.clone())) {
                        return NextAction::Read;
                    }
                    self.check_standalone_reply(channels);
                }
                Step::Edit(..) => return NextAction::Write(Queue::Edits),
                Step::Send(_, outgoing) => match outgoing.prepare(channels) {
                    Ok(()) => return NextAction::Write(channels.queue(&outgoing.target)),
                    Err(unsent) => self.on_unsent(unsent, channels),
                },
                Step::Ended(result) => return NextAction::Ended(result.clone()),
            }
        }
    }

    /// The request of the current step.
    pub(super) fn call(&self, writer: &dyn Writer, past: &Past, channels: &Channels) -> Call {
        let oldest_reply = |f: &Finding| f.updated.minus(SKEW).min(past.oldest);
        match &self.step {
            Step::Threads(n) => {
                let Delivery::Post(f, post) = &self.delivery else { unreachable!("only a post reads threads") };
                let at = &post.candidate_threads[*n];
                Call::Replies { channel: at.channel.clone(), thread: at.ts.clone(), oldest: oldest_reply(f) }
            }
            Step::History { unread, .. } => Call::History { channel: unread[0].id.clone(), oldest: past.oldest },
            Step::Permalinks(n) => Call::Permalink { at: self.delivery.related()[*n].at.clone() },
            Step::Link => Call::Permalink { at: self.linked_message().clone() },
            Step::Replies => {
                let (f, update) = self.reply_of();
                let (channel, thread) = (update.message.channel.clone(), root(&update.message).to_owned());
                // A reply that is posted only once may be older than the revision.
                let is_once = matches!(self.delivery, Delivery::Reply(..));
                let oldest = if is_once { update.message.posted() } else { oldest_reply(f) };
                Call::Replies { channel, thread, oldest }
            }
            Step::Edit(forms, _) => {
                let (at, message) = self.edit(forms.now(), writer);
                Call::Update { at, message }
            }
            Step::Send(content, outgoing) => Call::Post {
                to: channels.address(&outgoing.target),
                message: outgoing.addressed(|form, addressing| self.write(*content, form, addressing, writer)),
                thread: match &outgoing.place {
                    Place::Channel => None,
                    Place::PreferThread(thread) | Place::OnlyThread(thread) => Some(thread.clone()),
                },
            },
            Step::Ended(_) => unreachable!("a delivery that ended requests nothing"),
        }
    }

    pub(super) fn on_answer(&mut self, answer: Answer, past: &Past, shared: &mut Shared) {
        match answer {
            Answer::Messages(messages) => self.on_messages(messages, past, shared.channels),
            Answer::Permalink(link) => self.on_permalink(link, shared.channels),
            Answer::Updated(result) => self.on_updated(result, shared),
            Answer::Posted(result) => self.on_posted(result, shared),
        }
    }

    fn finish(&mut self, result: DeliveryResult) {
        self.step = Step::Ended(result);
    }
}

fn posted(at: SentMessage, meant: Option<String>, old: Option<MessageRef>, links: String) -> DeliveryResult {
    DeliveryResult::Processed(Outcome::Posted { at, meant, old, links })
}

fn updated(update: &Update, notified: bool) -> DeliveryResult {
    DeliveryResult::Processed(Outcome::Updated { notified, links: fingerprint(&update.related) })
}

/// The `ts` of the thread of a message, or of the message itself.
fn root(at: &MessageRef) -> &str {
    at.thread_ts.as_deref().unwrap_or(&at.ts)
}

/// Replies go where the message is.
fn reply_destination(update: &Update, mention: Option<Mention>, channels: &Channels) -> Destination {
    Destination { target: Target::Channel(update.message.channel.clone()), mention, ..channels.default.clone() }
}

#[cfg(test)]
mod tests;
