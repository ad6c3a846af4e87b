//! Prints the deliveries of a dry run: the arguments of each call that would post or edit a message, one JSON document per
//! line.

use std::rc::Rc;

use serde_json::Value;

use crate::finding::{Attribute, Finding};
use crate::mention::Mention;
use crate::message::{self, Addressing, Message, MessageForm, MessageOptions, RenderContext, ReplyContent};
use crate::output::Output;
use crate::plan::{Delivery, Destination, Reply};
use crate::slack::MessageRef;

/// Prints deliveries instead of sending them.
pub(super) struct Printer<'a> {
    pub(super) wording: &'a MessageOptions,
    pub(super) output: &'a Output,
    /// Where notices go.
    pub(super) default: Destination,
}

impl Printer<'_> {
    pub(super) fn print(&self, delivery: &Delivery) {
        match delivery {
            Delivery::Notice(notice) => {
                self.post(self.default.name(), None, &message::notice(notice, MessageForm::Blocks));
            }
            Delivery::Post(f, post) => {
                let message = self.finding(f, post.to.mention.as_ref(), &post.known_attributes);
                self.post(post.to.name(), post.reply_to.as_ref().map(|parent| parent.ts.as_str()), &message);
            }
            Delivery::Update(f, update) => {
                let marks = Some(&update.marks);
                let known_attributes = &update.known_attributes;
                let context = RenderContext { known_attributes, marks, ..RenderContext::default() };
                self.update(&update.message, &message::finding(f, &context, self.wording, MessageForm::Blocks));
                if let Some(reply) = &update.reply {
                    self.reply(f, reply);
                }
            }
            Delivery::Summary(summary) => {
                self.post(self.default.name(), None, &message::summary(&summary.content, MessageForm::Blocks));
            }
            Delivery::Reply(f, reply) => self.reply(f, reply),
            Delivery::Refresh(f, refresh) => {
                let marks = Some(&refresh.marks);
                let known_attributes = &refresh.known_attributes;
                let context = RenderContext { known_attributes, marks, ..RenderContext::default() };
                self.update(&refresh.message, &message::finding(f, &context, self.wording, MessageForm::Blocks));
            }
            Delivery::Digest { id, to, findings } => {
                let findings: Vec<&Finding> = findings.iter().map(Rc::as_ref).collect();
                let addressing = Addressing { mention: to.mention.as_ref(), ..Addressing::default() };
                let message = message::digest(id, &findings, self.wording, &addressing, MessageForm::Blocks);
                self.post(to.name(), None, &message);
            }
            Delivery::Redirect { id, old, channel, .. } => {
                self.update(old, &message::redirect(id, channel, None, MessageForm::Blocks));
            }
        }
    }

    fn finding(&self, f: &Finding, mention: Option<&Mention>, seen: &[Attribute]) -> Message {
        let context = RenderContext { known_attributes: seen, mention, ..RenderContext::default() };
        message::finding(f, &context, self.wording, MessageForm::Blocks)
    }

    fn reply(&self, f: &Finding, reply: &Reply) {
        let addressing = Addressing { mention: reply.mention.as_ref(), ..Addressing::default() };
        let content = ReplyContent { addressing, ..reply.content() };
        let root = reply.message.thread_ts.as_deref().unwrap_or(&reply.message.ts);
        self.post(&reply.message.channel, Some(root), &message::reply(f, &content, self.wording, MessageForm::Blocks));
    }

    fn post(&self, channel: &str, thread: Option<&str>, message: &Message) {
        self.line(channel, thread.map(|ts| ("thread_ts", ts)), message.payload());
    }

    fn update(&self, at: &MessageRef, message: &Message) {
        self.line(&at.channel, Some(("ts", &at.ts)), message.content());
    }

    fn line(&self, channel: &str, place: Option<(&str, &str)>, message: Value) {
        self.output.line(arguments(channel, place, message));
    }
}

fn arguments(channel: &str, place: Option<(&str, &str)>, payload: Value) -> Value {
    let mut arguments = payload;
    arguments["channel"] = channel.into();
    if let Some((name, ts)) = place {
        arguments[name] = ts.into();
    }
    arguments
}
