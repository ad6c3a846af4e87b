//! A dry run prints the arguments of each call to Slack that a run would make, one JSON document per line.

use std::rc::Rc;

use serde_json::Value;

use crate::finding::Finding;
use crate::message::{self, Addressing, Form, Life, Message, News, Wording};
use crate::output::Output;
use crate::plan::{Delivery, Destination, Update, Word};
use crate::slack::At;

/// Prints deliveries instead of sending them.
pub(super) struct Printer<'a> {
    pub(super) wording: &'a Wording,
    pub(super) output: &'a Output,
    /// Where notices go.
    pub(super) default: Destination,
}

impl Printer<'_> {
    pub(super) fn print(&self, delivery: &Delivery) {
        match delivery {
            Delivery::Notice(notice) => self.post(self.default.name(), None, &message::notice(notice, Form::Full)),
            Delivery::Post(f, post) => {
                let message = self.finding(f, post.to.mention.as_deref(), &post.seen);
                self.post(post.to.name(), post.parent.as_ref().map(|parent| parent.ts.as_str()), &message);
            }
            Delivery::Update(f, update) => {
                let marks = Some(&update.marks);
                let life = Life { archived: f.archived, traits_seen: &update.seen, marks, ..Life::default() };
                self.update(&update.at, &message::finding(f, &life, self.wording, Form::Full));
                if let Some(word) = &update.word {
                    self.reply(f, update, word);
                }
            }
            Delivery::Summary(summary) => {
                self.post(self.default.name(), None, &message::summary(&summary.summary, Form::Full));
            }
            Delivery::Reply(f, update) => update.word.iter().for_each(|word| self.reply(f, update, word)),
            Delivery::Refresh(f, refresh) => {
                let marks = Some(&refresh.marks);
                let life = Life { archived: f.archived, traits_seen: &refresh.seen, marks, ..Life::default() };
                self.update(&refresh.at, &message::finding(f, &life, self.wording, Form::Full));
            }
            Delivery::Digest { id, to, findings } => {
                let findings: Vec<&Finding> = findings.iter().map(Rc::as_ref).collect();
                let addressing = Addressing { mention: to.mention.as_deref(), ..Addressing::default() };
                let message = message::digest(id, &findings, self.wording, &addressing, Form::Full);
                self.post(to.name(), None, &message);
            }
            Delivery::Redirect { id, old, channel, .. } => {
                self.update(old, &message::moved(id, channel, None, Form::Full))
            }
        }
    }

    fn finding(&self, f: &Finding, mention: Option<&str>, seen: &[String]) -> Message {
        let life = Life { archived: f.archived, traits_seen: seen, mention, ..Life::default() };
        message::finding(f, &life, self.wording, Form::Full)
    }

    fn reply(&self, f: &Finding, update: &Update, word: &Word) {
        let mention = update.to.mention.as_deref().filter(|_| word.is_call());
        let news = News { addressing: Addressing { mention, ..Addressing::default() }, ..word.news() };
        let root = update.at.thread.as_deref().unwrap_or(&update.at.ts);
        self.post(&update.at.channel, Some(root), &message::reply(f, &news, self.wording, Form::Full));
    }

    fn post(&self, channel: &str, thread: Option<&str>, message: &Message) {
        self.line(channel, thread.map(|ts| ("thread_ts", ts)), message.payload());
    }

    fn update(&self, at: &At, message: &Message) {
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
