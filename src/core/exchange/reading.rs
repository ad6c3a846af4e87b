//! Reads threads, history and addresses from Slack before a message is sent.

use std::collections::VecDeque;

use super::{Attempt, Content, Exchange, SearchFor, Stage, posted, reply_destination, updated};
use crate::core::channels::{Channels, NamedChannel};
use crate::core::delivery_log::{Action, log_finding_at};
use crate::core::outbox::DeliveryResult;
use crate::core::posted::{HistoryRange, PostedMessages};
use crate::core::replies::PostedReplies;
use crate::core::send::{Attempts, Forms};
use crate::finding::SeverityLevel;
use crate::message::Related;
use crate::plan::{Changes, Delivery, ReplySubject};
use crate::slack::{BotMessage, HistoryError, MessageRef, SentMessage};
use crate::state::{PostedFinding, RelatedMessage};

impl Exchange {
    /// A message whose outcome may be unknown is searched for in the history before it is sent.
    pub(super) fn search_or_send(&self, channels: &Channels) -> Stage {
        match self.attempt {
            Attempt::First => self.send_message(channels),
            Attempt::AfterUnknownOutcome => self.read_history(SearchFor::Message, channels),
        }
    }

    /// The message of a finding needs the addresses of the messages to which it links.
    fn send_message(&self, channels: &Channels) -> Stage {
        match self.delivery {
            Delivery::Post(..) => Stage::Permalinks(0),
            _ => self.send(Content::Message, channels),
        }
    }

    /// Reads the history of the channel of the delivery and of the default channel, as far as they can be read.
    pub(super) fn read_history(&self, search_for: SearchFor, channels: &Channels) -> Stage {
        let to = match search_for {
            SearchFor::StandaloneReply => reply_destination(self.reply().1),
            SearchFor::Message | SearchFor::Repost => self.delivery.destination().unwrap_or(&channels.default).clone(),
        };
        let mut unread: VecDeque<NamedChannel> = VecDeque::new();
        for target in [&to.target, &channels.default.target] {
            let id = channels.id(target.name()).filter(|_| channels.is_readable(target));
            if let Some(id) = id.filter(|id| unread.iter().all(|other| other.id != *id)) {
                unread.push_back(NamedChannel { name: target.name().to_owned(), id });
            }
        }
        Stage::History { unread, posted: PostedMessages::default(), search_for }
    }

    pub(super) fn on_messages(
        &mut self,
        messages: Result<Vec<BotMessage>, HistoryError>,
        range: &HistoryRange,
        channels: &Channels,
    ) {
        match &mut self.stage {
            Stage::Threads(n) => {
                let n = *n;
                self.on_thread_of_other_region(n, messages, range, channels);
            }
            Stage::History { unread, posted, .. } => {
                let Some(channel) = unread.pop_front() else { return };
                match messages {
                    Ok(messages) => posted.add(&channel, messages, range),
                    Err(HistoryError::Denied(_)) => {}
                    Err(error) => {
                        let error = format!("cannot read channel history: {error}");
                        self.finish(DeliveryResult::Unknown(error));
                    }
                }
            }
            Stage::Replies => match messages {
                Ok(replies) => self.on_replies(&replies, channels),
                Err(HistoryError::Denied(_)) => self.check_standalone_reply(channels),
                Err(error) => self.finish(DeliveryResult::Failed(format!("cannot read the thread: {error}"))),
            },
            _ => {}
        }
    }

    fn on_replies(&mut self, messages: &[BotMessage], channels: &Channels) {
        let mut replies = PostedReplies::default();
        messages.iter().for_each(|m| replies.add(m));
        match self.result_after(&replies) {
            Some(result) => self.finish(result),
            None => self.check_standalone_reply(channels),
        }
    }

    /// The result, if the posted replies make this one needless: they contain this reply, or called people about the same
    /// increase of the severity level. Such a call is about a revision that the state does not have, because the run that
    /// posted it died. What else is new is left to the next reply.
    fn result_after(&self, replies: &PostedReplies) -> Option<DeliveryResult> {
        let (f, reply) = self.reply();
        if replies.contains(&f.id, &self.reply_id()) {
            return Some(self.replied());
        }
        match (&self.delivery, &reply.subject) {
            (Delivery::Update(_, update), ReplySubject::Changes(Changes { previous_severity: Some(_), since, .. })) => {
                let is_called = replies.has_call(&f.id, *since, f.severity_level());
                is_called.then(|| updated(update, false))
            }
            _ => None,
        }
    }

    fn on_thread_of_other_region(
        &mut self,
        n: usize,
        messages: Result<Vec<BotMessage>, HistoryError>,
        range: &HistoryRange,
        channels: &Channels,
    ) {
        let Delivery::Post(f, post) = &self.delivery else { return };
        let messages = match messages {
            Ok(messages) => messages,
            Err(HistoryError::Denied(_)) => Vec::new(),
            Err(error) => return self.finish(DeliveryResult::Failed(format!("cannot read the thread: {error}"))),
        };
        let root = &post.candidate_threads[n];
        let mut thread = PostedMessages::default();
        thread.add(&NamedChannel { name: channels.name(&root.channel), id: root.channel.clone() }, messages, range);
        let Some(found) = thread.message_of(&f.id) else {
            self.stage = Stage::Threads(n + 1);
            return;
        };
        let at = MessageRef { thread_ts: Some(root.ts.clone()), ..found.at.clone() };
        if found.updated >= f.updated {
            log_finding_at(Action::FoundInHistory, f, &at, channels);
            let intended_channel = found.intended_channel.clone();
            return self.finish(posted(at.into(), intended_channel, None, String::new()));
        }
        // If the severity level increased, a new message calls the people.
        let is_increased = f.severity_level() > SeverityLevel::from_score(found.severity);
        if post.edits_earlier && !is_increased {
            self.earlier = Some(at);
            self.stage = Stage::Permalinks(0);
        } else {
            self.stage = Stage::Threads(n + 1);
        }
    }

    /// All channels were read.
    pub(super) fn on_history(&mut self, channels: &Channels) {
        let Stage::History { posted: found, search_for, .. } = &self.stage else { return };
        let done = match (&self.delivery, search_for) {
            (Delivery::Notice(notice), _) => found.notices.contains(&notice.id.to_string()).then(|| {
                tracing::info!(notice_id = %notice.id, notice = notice.title, "notice found in history");
                DeliveryResult::Completed
            }),
            (Delivery::Summary(summary), _) => found.summaries.contains(&summary.content.id).then(|| {
                tracing::info!(summary_id = summary.content.id, "summary found in history");
                DeliveryResult::Completed
            }),
            (Delivery::Digest { id, findings, .. }, _) => found.digests.contains(id).then(|| {
                tracing::info!(digest_id = id, findings = findings.len(), "digest found in history");
                DeliveryResult::Digested
            }),
            (Delivery::Post(f, post), _) => found.finding(&f.id, f.updated).map(|found| {
                log_finding_at(Action::FoundInHistory, f, &found.at, channels);
                posted_before(found, post.superseded.clone())
            }),
            (Delivery::Update(f, update), SearchFor::Repost) => {
                let newer = found.finding(&f.id, f.updated).filter(|found| found.at.ts > update.message.ts);
                newer.map(|found| {
                    log_finding_at(Action::FoundInHistory, f, &found.at, channels);
                    posted_before(found, None)
                })
            }
            (Delivery::Update(..) | Delivery::Reply(..), _) => self.result_after(&found.standalone_replies),
            (Delivery::Refresh(..) | Delivery::Redirect { .. }, _) => None,
        };
        let search_for = *search_for;
        self.attempt = Attempt::First;
        self.stage = match (done, search_for) {
            (Some(done), _) => Stage::Ended(done),
            (None, SearchFor::Repost) => self.send(Content::Repost, channels),
            (None, SearchFor::StandaloneReply) => self.send(Content::Reply, channels),
            (None, SearchFor::Message) => self.send_message(channels),
        };
    }

    pub(super) fn on_permalink(&mut self, link: Option<String>, channels: &Channels) {
        match &self.stage {
            Stage::Permalinks(n) => {
                let n = *n;
                let RelatedMessage { relation, title, .. } = &self.delivery.related()[n];
                let related = link.map(|permalink| Related { relation: *relation, title: title.clone(), permalink });
                self.related.extend(related);
                self.stage = Stage::Permalinks(n + 1);
            }
            Stage::Link => {
                self.link = link;
                self.stage = match self.delivery {
                    Delivery::Redirect { .. } => Stage::Edit(Forms::default(), Attempts::default()),
                    _ => self.send(Content::StandaloneReply, channels),
                };
            }
            _ => {}
        }
    }

    /// The message whose address is read.
    pub(super) fn linked_message(&self) -> &MessageRef {
        match &self.delivery {
            Delivery::Redirect { new: SentMessage::Bot(new), .. } => new,
            Delivery::Redirect { .. } => unreachable!("a redirect points to a message of a bot"),
            _ => &self.reply().1.message,
        }
    }

    /// The thread does not contain the reply. A message in the channel may have announced what the thread rejected: of an
    /// earlier run that did not record it, or of this run with an unknown outcome.
    pub(super) fn check_standalone_reply(&mut self, channels: &Channels) {
        if let Some(result) = self.result_after(channels.standalone_replies()) {
            return self.finish(result);
        }
        self.stage = match self.attempt {
            Attempt::First => self.send(Content::Reply, channels),
            Attempt::AfterUnknownOutcome => self.read_history(SearchFor::StandaloneReply, channels),
        };
    }
}

/// The message was posted already.
fn posted_before(found: &PostedFinding, superseded: Option<MessageRef>) -> DeliveryResult {
    posted(found.at.clone().into(), found.intended_channel.clone(), superseded, String::new())
}
