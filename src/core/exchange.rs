//! Performs one delivery: its requests to Slack in order, and the actions after each response.

mod editing;
mod reading;
mod sending;

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::Target;
use crate::core::call::{Call, CallResponse};
use crate::core::channels::{Channels, NamedChannel};
use crate::core::outbox::DeliveryResult;
use crate::core::posted::{HistoryRange, PostedMessages};
use crate::core::send::{Attempts, Forms, OutgoingMessage, Place, SendContext};
use crate::finding::Finding;
use crate::message::{Related, Writer};
use crate::plan::{Delivery, Destination, Queue, Reply, Update};
use crate::slack::{MessageRef, SentMessage};
use crate::state::{Outcome, fingerprint};
use crate::time::Timestamp;

/// Maximum difference between the clocks of Slack and GuardDuty: a reply about a revision is posted after that revision.
/// One about an earlier revision, which the state does not have, is posted after the posting intent.
const MAX_SKEW_OF_GUARDDUTY: Duration = Duration::from_hours(1);

/// A delivery in progress.
#[derive(Debug)]
pub(super) struct Exchange {
    delivery: Delivery,
    attempt: Attempt,
    stage: Stage,
    not_before: Timestamp,
    is_minimal: bool,
    /// Related messages, as far as their addresses are known.
    related: Vec<Related>,
    /// The address of the message to which this one points.
    link: Option<String>,
    /// The message about an earlier revision of the finding that was found in a thread: it is edited.
    earlier: Option<MessageRef>,
}

/// Whether the message may exist already. Once the history shows that it does not, this is the first attempt again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    /// An earlier attempt had an unknown outcome: the history is checked first.
    AfterUnknownOutcome,
}

/// What a delivery does next.
pub(super) enum NextAction {
    /// [`Exchange::request`] returns a request that reads.
    Read,
    /// [`Exchange::request`] returns a request that writes, within the rate limit of this queue.
    Write(Queue),
    WaitUntil(Timestamp),
    Ended(DeliveryResult),
}

/// How far a delivery is: what it requests next.
#[derive(Debug)]
enum Stage {
    /// Searches the threads of the same finding in other regions for its message.
    Threads(usize),
    /// Reads the history of channels.
    History {
        unread: VecDeque<NamedChannel>,
        posted: PostedMessages,
        search_for: SearchFor,
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

/// What is searched for in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SearchFor {
    /// The message may have been posted.
    Message,
    /// The message does not exist any more, and may have been posted again.
    Repost,
    /// The reply may have been posted in the channel.
    StandaloneReply,
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
            stage: Stage::Threads(0),
            not_before: Timestamp::default(),
            is_minimal: false,
            related: Vec::new(),
            link: None,
            earlier: None,
        };
        exchange.stage = match &exchange.delivery {
            Delivery::Post(..) => Stage::Threads(0),
            Delivery::Update(..) | Delivery::Refresh(..) => Stage::Permalinks(0),
            Delivery::Redirect { new: SentMessage::Bot(_), .. } => Stage::Link,
            Delivery::Redirect { new: SentMessage::Webhook(_), .. } => {
                Stage::Edit(Forms::default(), Attempts::default())
            }
            Delivery::Reply(..) => Stage::Replies,
            Delivery::Notice(_) | Delivery::Summary(_) | Delivery::Digest { .. } => exchange.search_or_send(channels),
        };
        exchange
    }

    pub(super) fn is_refresh(&self) -> bool {
        matches!(self.delivery, Delivery::Refresh(..))
    }

    /// Returns true if an earlier attempt had an unknown outcome that the history has not shown yet.
    pub(super) fn is_unresolved(&self) -> bool {
        self.attempt == Attempt::AfterUnknownOutcome
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    /// Returns the delivery, and whether Slack shows its findings in the minimal form only.
    pub(super) fn end(self) -> (Delivery, bool) {
        (self.delivery, self.is_minimal)
    }

    /// Decides what is next, and skips the stages that need no request.
    pub(super) fn next(&mut self, now: Timestamp, channels: &mut Channels) -> NextAction {
        if now < self.not_before && !self.has_ended() {
            return NextAction::WaitUntil(self.not_before);
        }
        loop {
            match &mut self.stage {
                Stage::Threads(n) => match (&self.delivery, *n) {
                    (Delivery::Post(_, post), n) if n < post.candidate_threads.len() => {
                        let target = Target::Channel(post.candidate_threads[n].channel.clone());
                        if channels.is_readable(&target) {
                            return NextAction::Read;
                        }
                        self.stage = Stage::Threads(n + 1);
                    }
                    _ => self.stage = self.search_or_send(channels),
                },
                Stage::History { unread, .. } if !unread.is_empty() => return NextAction::Read,
                Stage::History { .. } => self.on_history(channels),
                Stage::Permalinks(n) if *n < self.delivery.related().len() => return NextAction::Read,
                Stage::Permalinks(_) => {
                    self.stage = match &self.delivery {
                        Delivery::Post(..) if self.earlier.is_none() => self.send(Content::Message, channels),
                        _ => Stage::Edit(Forms::default(), Attempts::default()),
                    }
                }
                Stage::Link => return NextAction::Read,
                Stage::Replies => {
                    let (_, reply) = self.reply();
                    if channels.is_readable(&Target::Channel(reply.message.channel.clone())) {
                        return NextAction::Read;
                    }
                    self.check_standalone_reply(channels);
                }
                Stage::Edit(..) => return NextAction::Write(Queue::Edits),
                Stage::Send(_, outgoing) => match outgoing.prepare(channels) {
                    Ok(()) => return NextAction::Write(channels.queue(&outgoing.target)),
                    Err(unsent) => self.on_unsent(unsent, channels),
                },
                Stage::Ended(result) => return NextAction::Ended(result.clone()),
            }
        }
    }

    /// The request of the current stage.
    pub(super) fn request(&self, writer: &dyn Writer, range: &HistoryRange, channels: &Channels) -> Call {
        let oldest_reply = |f: &Finding| f.updated.minus(MAX_SKEW_OF_GUARDDUTY).min(range.oldest);
        match &self.stage {
            Stage::Threads(n) => {
                let Delivery::Post(f, post) = &self.delivery else { unreachable!("only a post reads threads") };
                let at = &post.candidate_threads[*n];
                Call::Replies { channel: at.channel.clone(), thread: at.ts.clone(), oldest: oldest_reply(f) }
            }
            Stage::History { unread, .. } => Call::History { channel: unread[0].id.clone(), oldest: range.oldest },
            Stage::Permalinks(n) => Call::Permalink { at: self.delivery.related()[*n].at.clone() },
            Stage::Link => Call::Permalink { at: self.linked_message().clone() },
            Stage::Replies => {
                let (f, reply) = self.reply();
                let (channel, thread) = (reply.message.channel.clone(), root(&reply.message).to_owned());
                // A reply that is posted only once may be older than the revision.
                let is_once = matches!(self.delivery, Delivery::Reply(..));
                let oldest = if is_once { reply.message.posted() } else { oldest_reply(f) };
                Call::Replies { channel, thread, oldest }
            }
            Stage::Edit(forms, _) => {
                let (at, message) = self.edit(forms.current(), writer);
                Call::Update { at, message }
            }
            Stage::Send(content, outgoing) => Call::Post {
                to: channels.address(&outgoing.target),
                message: outgoing.addressed(|form, addressing| self.write(*content, form, addressing, writer)),
                thread: match &outgoing.place {
                    Place::Channel => None,
                    Place::PreferThread(thread) | Place::OnlyThread(thread) => Some(thread.clone()),
                },
            },
            Stage::Ended(_) => unreachable!("a delivery that ended requests nothing"),
        }
    }

    pub(super) fn on_answer(&mut self, response: CallResponse, range: &HistoryRange, context: &mut SendContext) {
        match response {
            CallResponse::Messages(messages) => self.on_messages(messages, range, context.channels),
            CallResponse::Permalink(link) => self.on_permalink(link, context.channels),
            CallResponse::Updated(result) => self.on_updated(result, context),
            CallResponse::Posted(result) => self.on_posted(result, context),
        }
    }

    fn finish(&mut self, result: DeliveryResult) {
        self.stage = Stage::Ended(result);
    }
}

fn posted(
    at: SentMessage,
    intended_channel: Option<String>,
    superseded: Option<MessageRef>,
    links: String,
) -> DeliveryResult {
    DeliveryResult::Processed(Outcome::Posted { at, intended_channel, superseded, links })
}

fn updated(update: &Update, notified: bool) -> DeliveryResult {
    DeliveryResult::Processed(Outcome::Updated { notified, links: fingerprint(&update.related) })
}

/// The `ts` of the thread of a message, or of the message itself.
fn root(at: &MessageRef) -> &str {
    at.thread_ts.as_deref().unwrap_or(&at.ts)
}

/// Replies go where the message is.
fn reply_destination(reply: &Reply) -> Destination {
    let target = Target::Channel(reply.message.channel.clone());
    Destination { target, mention: reply.mention.clone(), route: None }
}

#[cfg(test)]
mod tests;
