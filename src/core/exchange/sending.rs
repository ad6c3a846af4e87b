//! Sends a message, and handles its outcome.

use super::{Content, Exchange, Stage, posted, reply_destination, root, updated};
use crate::core::channels::Channels;
use crate::core::delivery_log::{Action, Location, log_digest, log_finding, log_notice, log_summary};
use crate::core::outbox::DeliveryResult;
use crate::core::send::{AfterFailure, OutgoingMessage, Place, SendContext, Sent, Unsent};
use crate::finding::Finding;
use crate::message::{
    self, Addressing, Message, MessageContent, MessageForm, Placement, RenderContext, ReplyContent, Writer,
};
use crate::plan::{Delivery, Reply, Update};
use crate::slack::{ReplyId, SentMessage, SlackError, Thread};
use crate::state::fingerprint;

impl Exchange {
    pub(super) fn send(&self, content: Content, channels: &Channels) -> Stage {
        let outgoing = match (&self.delivery, content) {
            (_, Content::Reply) => {
                let (_, reply) = self.reply();
                let thread = Thread { ts: root(&reply.message).to_owned(), is_broadcast: reply.is_broadcast() };
                OutgoingMessage::new(&reply_destination(reply), Place::OnlyThread(thread), channels)
            }
            (_, Content::StandaloneReply) => {
                OutgoingMessage::new(&reply_destination(self.reply().1), Place::Channel, channels)
            }
            (Delivery::Post(_, post), _) => {
                let parent = post
                    .reply_to
                    .as_ref()
                    .map(|at| Place::PreferThread(Thread { ts: at.ts.clone(), is_broadcast: false }));
                OutgoingMessage::new(&post.to, parent.unwrap_or(Place::Channel), channels)
            }
            (delivery, _) => {
                OutgoingMessage::new(delivery.destination().unwrap_or(&channels.default), Place::Channel, channels)
            }
        };
        log_unreadable(&self.delivery, content);
        Stage::Send(content, outgoing)
    }

    pub(super) fn write(
        &self,
        content: Content,
        form: MessageForm,
        addressing: &Addressing,
        writer: &dyn Writer,
    ) -> Message {
        let placement = match content {
            Content::Message | Content::Repost => None,
            Content::Reply => Some(Placement::Thread),
            Content::StandaloneReply => Some(Placement::Channel { message_link: self.link.as_deref() }),
        };
        if let Some(placement) = placement {
            let (f, reply) = self.reply();
            let content = ReplyContent { addressing: *addressing, placement, ..reply.content() };
            return writer.write(&MessageContent::Reply(f, content), form);
        }
        match &self.delivery {
            Delivery::Notice(notice) => writer.write(&MessageContent::Notice(notice), form),
            Delivery::Summary(summary) => writer.write(&MessageContent::Summary(&summary.content), form),
            Delivery::Digest { id, findings, .. } => {
                let findings = findings.iter().map(AsRef::as_ref).collect();
                writer.write(&MessageContent::Digest { id, findings, addressing: *addressing }, form)
            }
            Delivery::Post(f, _) | Delivery::Update(f, _) | Delivery::Refresh(f, _) => {
                self.finding(f, addressing, form, writer)
            }
            Delivery::Reply(..) => unreachable!("a reply has no other content"),
            Delivery::Redirect { .. } => unreachable!("a redirect is an edit"),
        }
    }

    pub(super) fn finding(
        &self,
        f: &Finding,
        addressing: &Addressing,
        form: MessageForm,
        writer: &dyn Writer,
    ) -> Message {
        let (seen, marks) = match &self.delivery {
            Delivery::Post(_, post) => (&post.known_attributes, None),
            Delivery::Update(_, update) => (&update.known_attributes, Some(&update.marks)),
            Delivery::Refresh(_, refresh) => (&refresh.known_attributes, Some(&refresh.marks)),
            _ => unreachable!("no other delivery is about one finding"),
        };
        // A message that is posted again has no reactions.
        let marks = marks.filter(|_| matches!(self.stage, Stage::Edit(..)));
        let context = RenderContext {
            known_attributes: seen,
            related: &self.related,
            marks,
            ..RenderContext::addressed(addressing)
        };
        writer.write(&MessageContent::Finding(f, context), form)
    }

    pub(super) fn on_posted(&mut self, result: Result<SentMessage, SlackError>, context: &mut SendContext) {
        let Stage::Send(content, outgoing) = &mut self.stage else { return };
        let content = *content;
        match result {
            Ok(at) => {
                let sent = outgoing.on_sent(at, context);
                self.on_sent(content, sent, context.channels);
            }
            Err(failure) => {
                let next = outgoing.on_failure(failure, context);
                self.follow(next, context.channels);
            }
        }
    }

    fn on_sent(&mut self, content: Content, sent: Sent, channels: &Channels) {
        self.is_minimal |= sent.form == MessageForm::Minimal;
        let channel = channels.name(sent.at.channel());
        let location = Location::of_sent(&channel, &sent.at);
        let done = match &self.delivery {
            Delivery::Notice(notice) => {
                if sent.form == MessageForm::Minimal {
                    let lines = notice.lines.join("; ");
                    tracing::warn!(notice_id = %notice.id, notice = notice.title, lines, "complete notice");
                }
                log_notice(notice, location);
                DeliveryResult::Completed
            }
            Delivery::Summary(summary) => {
                log_summary(&summary.content.id, location);
                DeliveryResult::Completed
            }
            Delivery::Digest { id, findings, .. } => {
                let findings: Vec<&Finding> = findings.iter().map(AsRef::as_ref).collect();
                log_digest(id, &findings, location);
                DeliveryResult::Digested
            }
            Delivery::Post(f, post) => {
                log_finding(Action::Posted, f, location);
                posted(sent.at, sent.intended_channel, post.superseded.clone(), fingerprint(&post.related))
            }
            Delivery::Update(f, update) if content == Content::Repost => {
                log_finding(Action::Posted, f, location);
                posted(sent.at, sent.intended_channel, None, fingerprint(&update.related))
            }
            Delivery::Update(f, update) => {
                log_finding(Action::Replied, f, location);
                updated(update, true)
            }
            Delivery::Reply(f, _) => {
                log_finding(Action::Replied, f, location);
                DeliveryResult::Completed
            }
            Delivery::Refresh(..) | Delivery::Redirect { .. } => DeliveryResult::Completed,
        };
        self.finish(done);
    }

    pub(super) fn follow(&mut self, next: AfterFailure, channels: &Channels) {
        match next {
            AfterFailure::Again => {}
            AfterFailure::AgainAt(time) => self.not_before = time,
            AfterFailure::End(unsent) => self.on_unsent(unsent, channels),
        }
    }

    pub(super) fn on_unsent(&mut self, unsent: Unsent, channels: &Channels) {
        if let Stage::Send(Content::Reply, _) = &self.stage {
            let (_, reply) = self.reply();
            match unsent {
                Unsent::NoReply(error) => return self.reply_in_channel(&error),
                // The message, which was just edited, is in the thread of another message, and that one was deleted.
                // A reply about a deleted message is still posted.
                Unsent::NotFound
                    if reply.message.thread_ts.is_some() || matches!(self.delivery, Delivery::Reply(..)) =>
                {
                    return self.reply_in_channel("thread_not_found");
                }
                Unsent::NotFound => return self.on_uneditable(channels),
                _ => {}
            }
        }
        self.finish(match unsent {
            Unsent::Unknown(error) => DeliveryResult::Unknown(error),
            Unsent::Failed(error) | Unsent::NoReply(error) => DeliveryResult::Failed(error),
            Unsent::Stopped(error) => DeliveryResult::Stopped(error),
            Unsent::NotFound => DeliveryResult::Failed("the message of the thread does not exist".into()),
            Unsent::NotTried => DeliveryResult::NotTried,
        });
    }

    fn reply_in_channel(&mut self, error: &str) {
        let channel = &self.reply().1.message.channel;
        tracing::warn!(channel, error, "thread rejects the reply; posting to the channel");
        self.stage = Stage::Link;
    }

    pub(super) fn reply_id(&self) -> ReplyId {
        let (f, reply) = self.reply();
        let reason = message::reply_reason(&reply.content());
        ReplyId::new(&f.id, &f.updated_at, reason.as_deref())
    }

    /// The finding in whose thread is replied, and the reply.
    pub(super) fn reply(&self) -> (&Finding, &Reply) {
        match &self.delivery {
            Delivery::Update(f, Update { reply: Some(reply), .. }) | Delivery::Reply(f, reply) => (f, reply),
            _ => unreachable!("nothing else replies"),
        }
    }
}

/// Logs the raw text of a finding of which only the ID could be read: its message contains nothing else.
fn log_unreadable(delivery: &Delivery, content: Content) {
    if matches!(content, Content::Reply | Content::StandaloneReply) {
        return;
    }
    for f in delivery.findings() {
        if let Some(raw) = &f.raw {
            tracing::warn!(
                finding_id = f.id,
                finding = &**raw,
                "only the ID of a finding can be read; sending the minimal form"
            );
        }
    }
}
