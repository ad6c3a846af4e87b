//! Saying one thing: an act becomes messages, Slack's answers become what is recorded.
//!
//! A message whose outcome is unknown is not sent again before Slack was looked into.

use std::rc::Rc;
use std::time::Duration;

use crate::config::Target;
use crate::finding::Finding;
use crate::message::{self, Addressing, Form, Life, News, Placement, Related, Reopened};
use crate::plan::{Act, Destination, Mark, Post, Update, Word};
use crate::run::delivery_log::{Action, Place, log_digest, log_finding, log_notice, log_redirect};
use crate::run::desk::Desk;
use crate::run::recall::{Memory, Past};
use crate::run::send::{Sent, Unsent};
use crate::run::triage::time_for_triage;
use crate::slack::{At, Chat, HistoryError, OwnMessage, ReplyId};
use crate::state::{Outcome, RelatedMessage, fingerprint};

/// What came of an act.
#[derive(Debug)]
pub enum Done {
    /// The finding's state is settled.
    Settled(Outcome),
    Digested,
    /// A notice, or a pointer, stands.
    Said,
    /// It may have taken effect.
    Unknown(String),
    /// Slack refused it, or could not be reached.
    Failed(String),
    /// The default channel rejects messages: its queue stops for the run.
    Stopped(String),
    /// Not tried, or not to its end: the run is over, or the app is refused.
    Left,
}

impl<C: Chat> Desk<'_, C> {
    /// Says one thing. `again`: it was tried before with an unknown outcome, so Slack is looked into first.
    pub async fn say(&self, act: &Act, past: &Past, again: bool) -> Done {
        if self.over() {
            return Done::Left;
        }
        let said = match act {
            Act::Notice(notice) => self.notice(notice, past, again).await,
            Act::Post(f, post) => self.post(f, post, past, again).await,
            Act::Update(f, update) => self.update(f, update, past, again).await,
            Act::Digest { id, to, findings } => self.digest(id, to, findings, past, again).await,
            Act::Summary(summary) => self.summary(&summary.summary, past, again).await,
            Act::Escalate(f, update) => self.escalate(f, update, past, again).await,
            Act::Mark(f, mark) => self.mark(f, mark).await,
            Act::Point { id, old, now, channel } => self.point(id, old, now, channel).await,
        };
        said.unwrap_or_else(|unsent| match unsent {
            Unsent::Unknown(why) => Done::Unknown(why),
            Unsent::Failed(why) => Done::Failed(why),
            Unsent::Stopped(why) => Done::Stopped(why),
            Unsent::Gone => Done::Failed("the message of the thread does not exist".into()),
            Unsent::NoReply(why) => Done::Failed(why),
            Unsent::Left => Done::Left,
        })
    }

    async fn notice(&self, notice: &message::Notice, past: &Past, again: bool) -> Result<Done, Unsent> {
        if again && self.look(&self.default, past).await?.notices.contains(&notice.id) {
            tracing::info!(notice_id = notice.id, notice = notice.title, "notice found in history");
            return Ok(Done::Said);
        }
        let sent = self.send(&self.default, None, |form, _| message::notice(notice, form)).await?;
        if sent.form == Form::Bare {
            tracing::warn!(
                notice_id = notice.id,
                notice = notice.title,
                lines = notice.lines.join("; "),
                "complete notice"
            );
        }
        log_notice(notice, Place { channel: &self.channel_name(&sent.at.channel), at: &sent.at });
        Ok(Done::Said)
    }

    async fn summary(&self, summary: &message::Summary, past: &Past, again: bool) -> Result<Done, Unsent> {
        let summary_id = &summary.id;
        if again && self.look(&self.default, past).await?.summaries.contains(summary_id) {
            tracing::info!(summary_id, "summary found in history");
            return Ok(Done::Said);
        }
        let sent = self.send(&self.default, None, |form, _| message::summary(summary, form)).await?;
        let channel = self.channel_name(&sent.at.channel);
        tracing::info!(summary_id, channel, ts = sent.at.ts, "summary posted");
        Ok(Done::Said)
    }

    async fn digest(
        &self,
        id: &str,
        to: &Destination,
        findings: &[Rc<Finding>],
        past: &Past,
        again: bool,
    ) -> Result<Done, Unsent> {
        if again && self.look(to, past).await?.digests.contains(id) {
            tracing::info!(digest_id = id, findings = findings.len(), "digest found in history");
            return Ok(Done::Digested);
        }
        let findings: Vec<&Finding> = findings.iter().map(Rc::as_ref).collect();
        findings.iter().copied().for_each(log_unreadable);
        let write =
            |form: Form, addressing: &Addressing| message::digest(id, &findings, self.wording, addressing, form);
        let sent = self.send(to, None, write).await?;
        self.note_form(sent.form, &findings);
        log_digest(id, &findings, Place { channel: &self.channel_name(&sent.at.channel), at: &sent.at });
        Ok(Done::Digested)
    }

    async fn post(&self, f: &Finding, post: &Post, past: &Past, again: bool) -> Result<Done, Unsent> {
        for sibling in &post.threads {
            if let Some(at) = self.stands_below(f, sibling).await? {
                self.log(Action::FoundInHistory, f, &at);
                return Ok(Done::Settled(Outcome::Posted { at, meant: None, old: None, links: String::new() }));
            }
        }
        if again && let Some(at) = self.look(&post.to, past).await?.finding(&f.id, f.updated) {
            self.log(Action::FoundInHistory, f, &at);
            let old = post.old.clone();
            return Ok(Done::Settled(Outcome::Posted { at, meant: None, old, links: String::new() }));
        }
        let related = self.permalinks(&post.related).await?;
        let life = Life { traits_seen: &post.seen, related: &related, ..Life::default() };
        let sent = self.send_finding(f, &post.to, post.parent.as_ref(), &life).await?;
        let links = fingerprint(&post.related);
        Ok(Done::Settled(Outcome::Posted { at: sent.at, meant: sent.meant, old: post.old.clone(), links }))
    }

    async fn send_finding(
        &self,
        f: &Finding,
        to: &Destination,
        parent: Option<&At>,
        life: &Life<'_>,
    ) -> Result<Sent, Unsent> {
        log_unreadable(f);
        let write = |form: Form, addressing: &Addressing| {
            let life = Life {
                archived: f.archived,
                traits_seen: life.traits_seen,
                related: life.related,
                ..Life::addressed(addressing)
            };
            message::finding(f, &life, self.wording, form)
        };
        let sent = self.send(to, parent, write).await?;
        self.note_form(sent.form, &[f]);
        self.log(Action::Posted, f, &sent.at);
        Ok(sent)
    }

    /// The addresses of related messages, as far as Slack says where the workspace is.
    async fn permalinks(&self, messages: &[RelatedMessage]) -> Result<Vec<Related>, Unsent> {
        let mut related = Vec::with_capacity(messages.len());
        for RelatedMessage { relation, title, at } in messages {
            if let Some(permalink) = self.in_time(self.chat.permalink(at)).await? {
                related.push(Related { relation: *relation, title: title.clone(), permalink });
            }
        }
        Ok(related)
    }

    /// The log has findings in full that Slack shows in the minimal form.
    fn note_form(&self, form: Form, findings: &[&Finding]) {
        if form == Form::Bare {
            self.minimal.borrow_mut().extend(findings.iter().map(|f| f.id.clone()));
        }
    }

    fn log(&self, action: Action, f: &Finding, at: &At) {
        log_finding(action, f, Place { channel: &self.channel_name(&at.channel), at });
    }

    /// Edits the message, which may be repeated, then replies in its thread, which may not.
    async fn update(&self, f: &Finding, update: &Update, past: &Past, again: bool) -> Result<Done, Unsent> {
        let related = self.permalinks(&update.related).await?;
        let marks = Some(&update.marks);
        let life =
            Life { archived: f.archived, traits_seen: &update.seen, related: &related, marks, ..Life::default() };
        let Some(form) = self.edit(&update.at, |form| message::finding(f, &life, self.wording, form)).await? else {
            return self.anew(f, update, &life, past).await;
        };
        self.note_form(form, &[f]);
        self.log(Action::Updated, f, &update.at);
        let links = fingerprint(&update.related);
        let Some(word) = &update.word else { return Ok(Done::Settled(Outcome::Updated { spoke: false, links })) };
        match self.word(f, update, word, past, again).await {
            Ok(()) => Ok(Done::Settled(Outcome::Updated { spoke: true, links })),
            // Deleted just now.
            Err(Unsent::Gone) => self.anew(f, update, &life, past).await,
            Err(unsent) => Err(unsent),
        }
    }

    async fn escalate(&self, f: &Finding, update: &Update, past: &Past, again: bool) -> Result<Done, Unsent> {
        if let Some(word) = &update.word {
            self.word(f, update, word, past, again).await?;
        }
        Ok(Done::Said)
    }

    /// Shows on a finding's message what its reactions say, while there is time. A message that does not exist any more
    /// has no reactions.
    async fn mark(&self, f: &Finding, mark: &Mark) -> Result<Done, Unsent> {
        let related = self.permalinks(&mark.related).await?;
        let marks = Some(&mark.marks);
        let life = Life { archived: f.archived, traits_seen: &mark.seen, related: &related, marks, ..Life::default() };
        let limit = time_for_triage(self.stop.left(), self.config.run_timeout);
        let edit = self.edit(&mark.at, |form| message::finding(f, &life, self.wording, form));
        let Ok(edited) = tokio::time::timeout(limit, edit).await else { return Err(Unsent::Left) };
        if edited?.is_some() {
            self.log(Action::Updated, f, &mark.at);
        }
        Ok(Done::Said)
    }

    /// Posts a message again that does not exist any more, or can no longer be edited. An earlier run may have done so
    /// without recording it: reconciling at the start of a run does not show that, because the state knows the revision.
    async fn anew(&self, f: &Finding, update: &Update, life: &Life<'_>, past: &Past) -> Result<Done, Unsent> {
        if let Some(at) = self.look(&update.to, past).await?.finding(&f.id, f.updated)
            && at.ts > update.at.ts
        {
            self.log(Action::FoundInHistory, f, &at);
            return Ok(Done::Settled(Outcome::Posted { at, meant: None, old: None, links: String::new() }));
        }
        let sent = self.send_finding(f, &update.to, None, life).await?;
        let links = fingerprint(&update.related);
        Ok(Done::Settled(Outcome::Posted { at: sent.at, meant: sent.meant, old: None, links }))
    }

    /// Announces in the thread what is new, unless it was announced already; in the channel if the thread rejects replies.
    async fn word(&self, f: &Finding, update: &Update, word: &Word, past: &Past, again: bool) -> Result<(), Unsent> {
        let root = update.at.thread.as_deref().unwrap_or(&update.at.ts);
        let replies = self.thread(&update.at.channel, root, f).await?;
        let reply = reply_id(f, word);
        if replies.iter().any(|m| m.reply_id().as_ref() == Some(&reply)) {
            return Ok(());
        }
        let is_call = word.rose_from.is_some() || word.unacknowledged_for.is_some();
        let mention = update.to.mention.clone().filter(|_| is_call);
        let target = Target::Channel(update.at.channel.clone());
        let to = Destination { target, mention, ..self.default.clone() };
        if self.is_announced_in_channel(&reply, &to, past, again).await? {
            return Ok(());
        }
        let news = News {
            severity_was: word.rose_from,
            fresh: &word.fresh,
            count_was: word.count_was,
            reopened: word.reopened,
            unacknowledged_for: word.unacknowledged_for,
            ..News::default()
        };
        let write = |form: Form, addressing: &Addressing, placement: Placement| {
            message::reply(f, &News { addressing: *addressing, placement, ..news }, self.wording, form)
        };
        let parent = At { thread: None, ts: root.to_owned(), ..update.at.clone() };
        let replied =
            self.reply(&to, (&parent, is_call), |form, addressing| write(form, addressing, Placement::Thread));
        let rejection = match replied.await {
            Ok(sent) => {
                self.note_form(sent.form, &[f]);
                self.log(Action::Replied, f, &sent.at);
                return Ok(());
            }
            Err(Unsent::NoReply(why)) => why,
            // The message, which was just edited, is in the thread of another message, and that one was deleted.
            // A call about a message that somebody deleted is made all the same.
            Err(Unsent::Gone) if update.at.thread.is_some() || word.unacknowledged_for.is_some() => {
                "thread_not_found".to_owned()
            }
            Err(unsent) => return Err(unsent),
        };
        tracing::warn!(
            channel = update.at.channel,
            error = rejection,
            "thread rejects the reply; posting to the channel"
        );
        let link = self.in_time(self.chat.permalink(&update.at)).await?;
        let placement = Placement::Channel { message_link: link.as_deref() };
        let sent = self.send(&to, None, |form, addressing| write(form, addressing, placement)).await?;
        self.note_form(sent.form, &[f]);
        self.log(Action::Replied, f, &sent.at);
        Ok(())
    }

    /// Returns true if a message in the channel announced what a thread rejected. A run before this one may have posted it
    /// without recording it, or this run with an unknown outcome.
    async fn is_announced_in_channel(
        &self,
        reply: &ReplyId,
        to: &Destination,
        past: &Past,
        again: bool,
    ) -> Result<bool, Unsent> {
        if self.standalone_replies.borrow().contains(reply) {
            return Ok(true);
        }
        Ok(again && self.look(to, past).await?.standalone_replies.contains(reply))
    }

    /// The finding's own message in the thread of a sibling, if it stands there.
    async fn stands_below(&self, f: &Finding, sibling: &At) -> Result<Option<At>, Unsent> {
        let said = self.thread(&sibling.channel, &sibling.ts, f).await?;
        let own = said.into_iter().find(|m| m.event_type == "guardduty_finding" && tells(m, f));
        Ok(own.map(|m| At { channel: sibling.channel.clone(), ts: m.ts, thread: Some(sibling.ts.clone()) }))
    }

    /// What its own bot said in a thread since the finding was updated; nothing where that cannot be known.
    async fn thread(&self, channel: &str, root: &str, f: &Finding) -> Result<Vec<OwnMessage>, Unsent> {
        // A word about a state is said after that state; an hour allows for clocks that disagree.
        let oldest = f.updated.minus(Duration::from_secs(3600));
        if !self.is_readable(&Target::Channel(channel.to_owned())) {
            return Ok(Vec::new());
        }
        match self.in_time(self.chat.replies(channel, root, oldest)).await? {
            Ok(said) => Ok(said),
            Err(HistoryError::Denied(_)) => Ok(Vec::new()),
            Err(e) => Err(Unsent::Failed(format!("cannot read the thread: {e}"))),
        }
    }

    /// The old message says where its finding is told now; one that is gone needs not.
    async fn point(&self, id: &str, old: &At, now: &At, channel: &str) -> Result<Done, Unsent> {
        let link = self.in_time(self.chat.permalink(now)).await?;
        if self.edit(old, |form| message::moved(id, channel, link.as_deref(), form)).await?.is_some() {
            log_redirect(id, Place { channel: &self.channel_name(&old.channel), at: old });
        }
        Ok(Done::Said)
    }

    /// What Slack shows of this run's and its predecessors' messages in a channel, as far as it may be read.
    async fn look(&self, to: &Destination, past: &Past) -> Result<Memory, Unsent> {
        let mut memory = Memory::default();
        for target in [to, &self.default] {
            let Some(id) = self.channel_id(target.name()).filter(|_| self.is_readable(&target.target)) else {
                continue;
            };
            match self.in_time(self.chat.history(&id, past.oldest)).await? {
                Ok(messages) => memory.add((target.name(), &id), messages, past),
                Err(HistoryError::Denied(_)) => {}
                Err(e) => {
                    return Err(Unsent::Unknown(format!("outcome unknown, and cannot read channel history: {e}")));
                }
            }
        }
        Ok(memory)
    }
}

/// Logs a finding of which nothing but the ID could be read: its message says nothing else.
fn log_unreadable(f: &Finding) {
    if let Some(raw) = &f.raw {
        tracing::warn!(
            finding_id = f.id,
            finding = &**raw,
            "only the ID of a finding can be read; sending the minimal form"
        );
    }
}

fn reply_id(f: &Finding, word: &Word) -> ReplyId {
    let reason = match (word.unacknowledged_for, word.reopened) {
        (Some(_), _) => Some(message::ESCALATION),
        (None, Some(Reopened::Unarchived)) => Some(message::UNARCHIVED),
        (None, Some(Reopened::Recurred) | None) => None,
    };
    ReplyId::new(&f.id, &f.updated_at, reason)
}

/// Whether a message of our own is about just this state of a finding.
fn tells(m: &OwnMessage, f: &Finding) -> bool {
    let is = |key: &str, value: &str| m.event.get(key).and_then(|v| v.as_str()) == Some(value);
    is("finding_id", &f.id) && is("updated_at", &f.updated_at)
}
