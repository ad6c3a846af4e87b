//! One delivery: the requests to Slack that it takes, one after another, and what follows from each answer.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::Target;
use crate::core::channels::Channels;
use crate::core::delivery_log::{Action, Place as LogPlace, log_digest, log_finding, log_notice, log_redirect};
use crate::core::outbox::{Answer, Call, Done};
use crate::core::posted::{Past, PostedMessages};
use crate::core::send::{Attempts, Forms, Next, Place, Sent, Shared, Unsent, Way, on_app_rejection};
use crate::finding::Finding;
use crate::message::{self, Addressing, Form, Life, Message, News, Placement, Related, Reopened, Wording};
use crate::plan::{Act, Destination, Queue, Update, Word};
use crate::slack::{At, Failure, HistoryError, OwnMessage, ReplyId};
use crate::state::{Outcome, RelatedMessage, fingerprint};
use crate::time::Millis;

/// Maximum difference between the clocks of Slack and GuardDuty: a reply about a revision is posted after that revision.
const SKEW: Duration = Duration::from_secs(3600);

/// A delivery under way.
#[derive(Debug)]
pub(super) struct Talk {
    act: Act,
    /// It was tried before with an unknown outcome, so that the history is checked first.
    again: bool,
    step: Step,
    not_before: Millis,
    is_minimal: bool,
    /// Related messages, as far as their addresses are known.
    related: Vec<Related>,
    /// The address of the message to which this one points.
    link: Option<String>,
}

/// What a delivery does next.
pub(super) enum Turn {
    /// [`Talk::call`] returns a request that reads.
    Read,
    /// [`Talk::call`] returns a request that writes, within the rate limit of this queue.
    Write(Queue),
    WaitUntil(Millis),
    Done(Done),
}

#[derive(Debug)]
enum Step {
    /// Looks for the finding's message in the threads of the same finding in other regions.
    Threads(usize),
    /// Reads the history of channels: their names and IDs.
    History {
        unread: VecDeque<(String, String)>,
        posted: PostedMessages,
        purpose: Purpose,
    },
    /// Reads the addresses of related messages.
    Permalinks(usize),
    /// Reads the address of the message to which this one points.
    Link,
    Edit(Forms, Attempts),
    /// Looks for the reply in the thread.
    Replies,
    Send(Content, Way),
    Ended(Done),
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
    /// The message of the act itself.
    Message,
    /// The message of a finding, again.
    Repost,
    Reply,
    /// The reply, in the channel.
    StandaloneReply,
}

impl Talk {
    pub(super) fn new(act: Act, again: bool, channels: &Channels) -> Self {
        let mut talk = Self {
            act,
            again,
            step: Step::Threads(0),
            not_before: Millis::default(),
            is_minimal: false,
            related: Vec::new(),
            link: None,
        };
        talk.step = match &talk.act {
            Act::Post(..) => Step::Threads(0),
            Act::Update(..) | Act::Refresh(..) => Step::Permalinks(0),
            Act::Point { .. } => Step::Link,
            Act::Escalate(..) => Step::Replies,
            Act::Notice(_) | Act::Summary(_) | Act::Digest { .. } => talk.check_history(channels),
        };
        talk
    }

    pub(super) fn is_refresh(&self) -> bool {
        matches!(self.act, Act::Refresh(..))
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.step, Step::Ended(_))
    }

    /// Returns the act, and whether Slack shows its findings in the minimal form only.
    pub(super) fn end(self) -> (Act, bool) {
        (self.act, self.is_minimal)
    }

    /// Decides what is next, and passes the steps that need no request.
    pub(super) fn next(&mut self, now: Millis, channels: &mut Channels) -> Turn {
        if now < self.not_before && !self.has_ended() {
            return Turn::WaitUntil(self.not_before);
        }
        loop {
            match &mut self.step {
                Step::Threads(n) => match (&self.act, *n) {
                    (Act::Post(_, post), n) if n < post.threads.len() => {
                        let target = Target::Channel(post.threads[n].channel.clone());
                        if channels.is_readable(&target) {
                            return Turn::Read;
                        }
                        self.step = Step::Threads(n + 1);
                    }
                    _ => self.step = self.check_message(channels),
                },
                Step::History { unread, .. } if !unread.is_empty() => return Turn::Read,
                Step::History { .. } => self.on_history(channels),
                Step::Permalinks(n) if *n < self.act.related().len() => return Turn::Read,
                Step::Permalinks(_) => {
                    self.step = match &self.act {
                        Act::Post(..) => self.send(Content::Message, channels),
                        _ => Step::Edit(Forms::default(), Attempts::default()),
                    }
                }
                Step::Link => return Turn::Read,
                Step::Replies => {
                    let (_, update) = self.reply_of();
                    if channels.is_readable(&Target::Channel(update.at.channel.clone())) {
                        return Turn::Read;
                    }
                    self.check_standalone_reply(channels);
                }
                Step::Edit(..) => return Turn::Write(Queue::Edits),
                Step::Send(_, way) => match way.prepare(channels) {
                    Ok(()) => return Turn::Write(channels.queue(&way.target)),
                    Err(unsent) => self.on_unsent(unsent, channels),
                },
                Step::Ended(done) => return Turn::Done(done.clone()),
            }
        }
    }

    /// The request of the present step.
    pub(super) fn call(&self, wording: &Wording, past: &Past, channels: &Channels) -> Call {
        match &self.step {
            Step::Threads(n) => {
                let Act::Post(f, post) = &self.act else { unreachable!("only a post looks into threads") };
                let at = &post.threads[*n];
                Call::Replies { channel: at.channel.clone(), thread: at.ts.clone(), oldest: oldest_reply(f) }
            }
            Step::History { unread, .. } => Call::History { channel: unread[0].1.clone(), oldest: past.oldest },
            Step::Permalinks(n) => Call::Permalink { at: self.act.related()[*n].at.clone() },
            Step::Link => Call::Permalink { at: self.linked_message().clone() },
            Step::Replies => {
                let (f, update) = self.reply_of();
                let (channel, thread) = (update.at.channel.clone(), root(&update.at).to_owned());
                Call::Replies { channel, thread, oldest: oldest_reply(f) }
            }
            Step::Edit(forms, _) => {
                let (at, message) = self.edit(forms.now(), wording);
                Call::Update { at, message }
            }
            Step::Send(content, way) => Call::Post {
                to: channels.address(&way.target),
                message: way.addressed(|form, addressing| self.write(*content, form, addressing, wording)),
                thread: match &way.place {
                    Place::Channel => None,
                    Place::PreferThread(ts) => Some((ts.clone(), false)),
                    Place::OnlyThread(ts, broadcast) => Some((ts.clone(), *broadcast)),
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

    fn finish(&mut self, done: Done) {
        self.step = Step::Ended(done);
    }
}

/// Reading.
impl Talk {
    fn check_message(&self, channels: &Channels) -> Step {
        if self.again { self.read_history(Purpose::Message, channels) } else { Step::Permalinks(0) }
    }

    /// The first step of a message without threads and links.
    fn check_history(&self, channels: &Channels) -> Step {
        if self.again { self.read_history(Purpose::Message, channels) } else { self.send(Content::Message, channels) }
    }

    /// Reads the history of the channel of the act and of the default channel, as far as they can be read.
    fn read_history(&self, purpose: Purpose, channels: &Channels) -> Step {
        let to = match (&self.act, purpose) {
            (Act::Update(_, update) | Act::Escalate(_, update), Purpose::Reply) => {
                reply_destination(update, None, channels)
            }
            (act, _) => act.destination().unwrap_or(&channels.default).clone(),
        };
        let mut unread: VecDeque<(String, String)> = VecDeque::new();
        for target in [&to.target, &channels.default.target] {
            let id = channels.id(target.name()).filter(|_| channels.is_readable(target));
            if let Some(id) = id.filter(|id| unread.iter().all(|(_, other)| other != id)) {
                unread.push_back((target.name().to_owned(), id));
            }
        }
        Step::History { unread, posted: PostedMessages::default(), purpose }
    }

    fn on_messages(&mut self, messages: Result<Vec<OwnMessage>, HistoryError>, past: &Past, channels: &Channels) {
        match &mut self.step {
            Step::Threads(n) => {
                let n = *n;
                self.on_thread_of_other_region(n, messages, channels);
            }
            Step::History { unread, posted, .. } => {
                let Some((name, id)) = unread.pop_front() else { return };
                match messages {
                    Ok(messages) => posted.add((&name, &id), messages, past),
                    Err(HistoryError::Denied(_)) => {}
                    Err(error) => {
                        let error = format!("outcome unknown, and cannot read channel history: {error}");
                        self.finish(Done::Unknown(error));
                    }
                }
            }
            Step::Replies => match messages {
                Ok(replies) => {
                    let reply = self.reply_id();
                    match replies.iter().any(|m| m.reply_id() == reply) {
                        true => self.finish_reply(),
                        false => self.check_standalone_reply(channels),
                    }
                }
                Err(HistoryError::Denied(_)) => self.check_standalone_reply(channels),
                Err(error) => self.finish(Done::Failed(format!("cannot read the thread: {error}"))),
            },
            _ => {}
        }
    }

    fn on_thread_of_other_region(
        &mut self,
        n: usize,
        messages: Result<Vec<OwnMessage>, HistoryError>,
        channels: &Channels,
    ) {
        let Act::Post(f, post) = &self.act else { return };
        let messages = match messages {
            Ok(messages) => messages,
            Err(HistoryError::Denied(_)) => Vec::new(),
            Err(error) => return self.finish(Done::Failed(format!("cannot read the thread: {error}"))),
        };
        let root = &post.threads[n];
        match messages.into_iter().find(|m| m.event_type == "guardduty_finding" && is_about(m, f)) {
            Some(m) => {
                let at = At { channel: root.channel.clone(), ts: m.ts, thread: Some(root.ts.clone()) };
                self.log(Action::FoundInHistory, f, &at, channels);
                self.finish(posted(at, None, None, String::new()));
            }
            None => self.step = Step::Threads(n + 1),
        }
    }

    /// All channels were read.
    fn on_history(&mut self, channels: &Channels) {
        let Step::History { posted: found, purpose, .. } = &self.step else { return };
        let done = match (&self.act, purpose) {
            (Act::Notice(notice), _) => found.notices.contains(&notice.id).then(|| {
                tracing::info!(notice_id = notice.id, notice = notice.title, "notice found in history");
                Done::Said
            }),
            (Act::Summary(summary), _) => found.summaries.contains(&summary.summary.id).then(|| {
                tracing::info!(summary_id = summary.summary.id, "summary found in history");
                Done::Said
            }),
            (Act::Digest { id, findings, .. }, _) => found.digests.contains(id).then(|| {
                tracing::info!(digest_id = id, findings = findings.len(), "digest found in history");
                Done::Digested
            }),
            (Act::Post(f, post), _) => found.finding(&f.id, f.updated).map(|at| {
                self.log(Action::FoundInHistory, f, &at, channels);
                posted(at, None, post.old.clone(), String::new())
            }),
            (Act::Update(f, update), Purpose::Repost) => {
                let newer = found.finding(&f.id, f.updated).filter(|at| at.ts > update.at.ts);
                newer.map(|at| {
                    self.log(Action::FoundInHistory, f, &at, channels);
                    posted(at, None, None, String::new())
                })
            }
            (Act::Update(_, update), _) => {
                let is_found = self.reply_id().is_some_and(|reply| found.standalone_replies.contains(&reply));
                is_found.then(|| updated(update, true))
            }
            (Act::Escalate(..), _) => {
                let is_found = self.reply_id().is_some_and(|reply| found.standalone_replies.contains(&reply));
                is_found.then_some(Done::Said)
            }
            (Act::Refresh(..) | Act::Point { .. }, _) => None,
        };
        self.step = match (done, purpose) {
            (Some(done), _) => Step::Ended(done),
            (None, Purpose::Repost) => self.send(Content::Repost, channels),
            (None, Purpose::Reply) => self.send(Content::Reply, channels),
            (None, Purpose::Message) if matches!(self.act, Act::Post(..)) => Step::Permalinks(0),
            (None, Purpose::Message) => self.send(Content::Message, channels),
        };
    }

    fn on_permalink(&mut self, link: Option<String>, channels: &Channels) {
        match &self.step {
            Step::Permalinks(n) => {
                let n = *n;
                let RelatedMessage { relation, title, .. } = &self.act.related()[n];
                let related = link.map(|permalink| Related { relation: *relation, title: title.clone(), permalink });
                self.related.extend(related);
                self.step = Step::Permalinks(n + 1);
            }
            Step::Link => {
                self.link = link;
                self.step = match self.act {
                    Act::Point { .. } => Step::Edit(Forms::default(), Attempts::default()),
                    _ => self.send(Content::StandaloneReply, channels),
                };
            }
            _ => {}
        }
    }

    /// The message whose address is read.
    fn linked_message(&self) -> &At {
        match &self.act {
            Act::Point { now, .. } => now,
            Act::Update(_, update) | Act::Escalate(_, update) => &update.at,
            _ => unreachable!("only a redirect and a reply point to a message"),
        }
    }

    /// The thread does not contain the reply. A message in the channel may have announced what the thread rejected: of an
    /// earlier run that did not record it, or of this run with an unknown outcome.
    fn check_standalone_reply(&mut self, channels: &Channels) {
        if self.reply_id().is_some_and(|reply| channels.has_standalone_reply(&reply)) {
            return self.finish_reply();
        }
        self.step = match self.again {
            true => self.read_history(Purpose::Reply, channels),
            false => self.send(Content::Reply, channels),
        };
    }
}

/// Editing.
impl Talk {
    fn edit(&self, form: Form, wording: &Wording) -> (At, Message) {
        match &self.act {
            Act::Point { id, old, channel, .. } => {
                (old.clone(), message::moved(id, channel, self.link.as_deref(), form))
            }
            Act::Update(f, update) => (update.at.clone(), self.finding(f, &Addressing::default(), form, wording)),
            Act::Refresh(f, refresh) => (refresh.at.clone(), self.finding(f, &Addressing::default(), form, wording)),
            _ => unreachable!("a new message is not edited"),
        }
    }

    fn on_updated(&mut self, result: Result<(), Failure>, shared: &mut Shared) {
        let Step::Edit(forms, attempts) = &mut self.step else { return };
        let form = forms.now();
        let failure = match result {
            Ok(()) => return self.on_edited(form, shared.channels),
            Err(failure) => failure,
        };
        let next = match failure {
            Failure::RateLimited(wait) => {
                attempts.on_rate_limit(&Queue::Edits, wait, shared);
                Next::Again
            }
            // What no form can express by an edit is posted again.
            Failure::Content(error) | Failure::Unclassified(error) if forms.simplify(&error) => Next::Again,
            Failure::Content(_)
            | Failure::Unclassified(_)
            | Failure::Gone(_)
            | Failure::Reply(_)
            | Failure::Channel(_)
            | Failure::Restricted(_) => return self.on_message_not_found(shared.channels),
            Failure::App(error) => on_app_rejection(&error, shared),
            Failure::Unsent(error) | Failure::Unknown(error) => {
                attempts.on_failure(format!("chat.update: {error}"), shared)
            }
        };
        self.follow(next, shared.channels);
    }

    fn on_edited(&mut self, form: Form, channels: &Channels) {
        match &self.act {
            Act::Point { id, old, .. } => {
                log_redirect(id, LogPlace { channel: &channels.name(&old.channel), at: old });
                self.finish(Done::Said);
            }
            Act::Refresh(f, refresh) => {
                self.log(Action::Updated, f, &refresh.at, channels);
                self.finish(Done::Said);
            }
            Act::Update(f, update) => {
                self.log(Action::Updated, f, &update.at, channels);
                let done = updated(update, false);
                self.is_minimal |= form == Form::Bare;
                self.step = if update.word.is_some() { Step::Replies } else { Step::Ended(done) };
            }
            _ => {}
        }
    }

    /// The message does not exist any more, or can no longer be edited. That of a finding is posted again; an earlier run
    /// may have done so without recording it, and reconciling does not show that, because the state has the revision.
    fn on_message_not_found(&mut self, channels: &Channels) {
        self.step = match self.act {
            Act::Update(..) => self.read_history(Purpose::Repost, channels),
            _ => Step::Ended(Done::Said),
        };
    }

    /// The reply was posted.
    fn finish_reply(&mut self) {
        self.finish(match &self.act {
            Act::Update(_, update) => updated(update, true),
            _ => Done::Said,
        });
    }
}

/// Sending.
impl Talk {
    fn send(&self, content: Content, channels: &Channels) -> Step {
        let way = match (&self.act, content) {
            (Act::Update(_, update) | Act::Escalate(_, update), Content::Reply) => {
                let place = Place::OnlyThread(root(&update.at).to_owned(), is_call(update));
                Way::new(&reply_destination(update, mention(update), channels), place, channels)
            }
            (Act::Update(_, update) | Act::Escalate(_, update), Content::StandaloneReply) => {
                Way::new(&reply_destination(update, mention(update), channels), Place::Channel, channels)
            }
            (Act::Post(_, post), _) => {
                let parent = post.parent.as_ref().map(|at| Place::PreferThread(at.ts.clone()));
                Way::new(&post.to, parent.unwrap_or(Place::Channel), channels)
            }
            (act, _) => Way::new(act.destination().unwrap_or(&channels.default), Place::Channel, channels),
        };
        log_unreadable(&self.act, content);
        Step::Send(content, way)
    }

    fn write(&self, content: Content, form: Form, addressing: &Addressing, wording: &Wording) -> Message {
        match &self.act {
            Act::Notice(notice) => message::notice(notice, form),
            Act::Summary(summary) => message::summary(&summary.summary, form),
            Act::Digest { id, findings, .. } => {
                let findings: Vec<&Finding> = findings.iter().map(AsRef::as_ref).collect();
                message::digest(id, &findings, wording, addressing, form)
            }
            Act::Update(f, update) | Act::Escalate(f, update)
                if matches!(content, Content::Reply | Content::StandaloneReply) =>
            {
                let placement = match content {
                    Content::Reply => Placement::Thread,
                    _ => Placement::Channel { message_link: self.link.as_deref() },
                };
                reply(f, update, addressing, placement, form, wording)
            }
            Act::Post(f, _) | Act::Update(f, _) | Act::Refresh(f, _) => self.finding(f, addressing, form, wording),
            Act::Escalate(..) => unreachable!("an escalation is a reply"),
            Act::Point { .. } => unreachable!("a redirect is an edit"),
        }
    }

    fn finding(&self, f: &Finding, addressing: &Addressing, form: Form, wording: &Wording) -> Message {
        let (seen, marks) = match &self.act {
            Act::Post(_, post) => (&post.seen, None),
            Act::Update(_, update) => (&update.seen, Some(&update.marks)),
            Act::Refresh(_, refresh) => (&refresh.seen, Some(&refresh.marks)),
            _ => unreachable!("no other act is about one finding"),
        };
        // A message that is posted again has no reactions.
        let marks = marks.filter(|_| matches!(self.step, Step::Edit(..)));
        let life = Life {
            archived: f.archived,
            traits_seen: seen,
            related: &self.related,
            marks,
            ..Life::addressed(addressing)
        };
        message::finding(f, &life, wording, form)
    }

    fn on_posted(&mut self, result: Result<At, Failure>, shared: &mut Shared) {
        let Step::Send(content, way) = &mut self.step else { return };
        let content = *content;
        match result {
            Ok(at) => {
                let Step::Send(_, way) = std::mem::replace(&mut self.step, Step::Ended(Done::Left)) else { return };
                let sent = way.on_sent(at, shared);
                self.on_sent(content, sent, shared.channels);
            }
            Err(failure) => {
                let next = way.on_failure(failure, shared);
                self.follow(next, shared.channels);
            }
        }
    }

    fn on_sent(&mut self, content: Content, sent: Sent, channels: &Channels) {
        self.is_minimal |= sent.form == Form::Bare;
        let place = LogPlace { channel: &channels.name(&sent.at.channel), at: &sent.at };
        let done = match &self.act {
            Act::Notice(notice) => {
                if sent.form == Form::Bare {
                    let lines = notice.lines.join("; ");
                    tracing::warn!(notice_id = notice.id, notice = notice.title, lines, "complete notice");
                }
                log_notice(notice, place);
                Done::Said
            }
            Act::Summary(summary) => {
                let (summary_id, channel) = (&summary.summary.id, place.channel);
                tracing::info!(summary_id, channel, ts = sent.at.ts, "summary posted");
                Done::Said
            }
            Act::Digest { id, findings, .. } => {
                let findings: Vec<&Finding> = findings.iter().map(AsRef::as_ref).collect();
                log_digest(id, &findings, place);
                Done::Digested
            }
            Act::Post(f, post) => {
                log_finding(Action::Posted, f, place);
                posted(sent.at, sent.meant, post.old.clone(), fingerprint(&post.related))
            }
            Act::Update(f, update) if content == Content::Repost => {
                log_finding(Action::Posted, f, place);
                posted(sent.at, sent.meant, None, fingerprint(&update.related))
            }
            Act::Update(f, update) => {
                log_finding(Action::Replied, f, place);
                updated(update, true)
            }
            Act::Escalate(f, _) => {
                log_finding(Action::Replied, f, place);
                Done::Said
            }
            Act::Refresh(..) | Act::Point { .. } => Done::Said,
        };
        self.finish(done);
    }

    fn follow(&mut self, next: Next, channels: &Channels) {
        match next {
            Next::Again => {}
            Next::AgainAt(time) => self.not_before = time,
            Next::End(unsent) => self.on_unsent(unsent, channels),
        }
    }

    fn on_unsent(&mut self, unsent: Unsent, channels: &Channels) {
        if let (Step::Send(Content::Reply, _), Act::Update(_, update) | Act::Escalate(_, update)) =
            (&self.step, &self.act)
        {
            match unsent {
                Unsent::NoReply(error) => return self.reply_in_channel(&error),
                // The message, which was just edited, is in the thread of another message, and that one was deleted.
                // A call about a message that somebody deleted is made all the same.
                Unsent::NotFound if update.at.thread.is_some() || matches!(self.act, Act::Escalate(..)) => {
                    return self.reply_in_channel("thread_not_found");
                }
                Unsent::NotFound => return self.on_message_not_found(channels),
                _ => {}
            }
        }
        self.finish(match unsent {
            Unsent::Unknown(error) => Done::Unknown(error),
            Unsent::Failed(error) | Unsent::NoReply(error) => Done::Failed(error),
            Unsent::Stopped(error) => Done::Stopped(error),
            Unsent::NotFound => Done::Failed("the message of the thread does not exist".into()),
            Unsent::Left => Done::Left,
        });
    }

    fn reply_in_channel(&mut self, error: &str) {
        let channel = &self.reply_of().1.at.channel;
        tracing::warn!(channel, error, "thread rejects the reply; posting to the channel");
        self.step = Step::Link;
    }

    fn log(&self, action: Action, f: &Finding, at: &At, channels: &Channels) {
        log_finding(action, f, LogPlace { channel: &channels.name(&at.channel), at });
    }

    fn reply_id(&self) -> Option<ReplyId> {
        let (f, update) = self.reply_of();
        let word = update.word.as_ref()?;
        let reason = match (word.unacknowledged_for, word.reopened) {
            (Some(_), _) => Some(message::ESCALATION),
            (None, Some(Reopened::Unarchived)) => Some(message::UNARCHIVED),
            (None, Some(Reopened::Recurred) | None) => None,
        };
        Some(ReplyId::new(&f.id, &f.updated_at, reason))
    }

    /// The finding in whose thread is replied, and what is replied.
    fn reply_of(&self) -> (&Finding, &Update) {
        match &self.act {
            Act::Update(f, update) | Act::Escalate(f, update) => (f, update),
            _ => unreachable!("only updates and escalations reply"),
        }
    }
}

/// Logs a finding of which nothing but the ID could be read: its message says nothing else.
fn log_unreadable(act: &Act, content: Content) {
    if matches!(content, Content::Reply | Content::StandaloneReply) {
        return;
    }
    for f in act.findings() {
        if let Some(raw) = &f.raw {
            tracing::warn!(
                finding_id = f.id,
                finding = &**raw,
                "only the ID of a finding can be read; sending the minimal form"
            );
        }
    }
}

fn posted(at: At, meant: Option<String>, old: Option<At>, links: String) -> Done {
    Done::Settled(Outcome::Posted { at, meant, old, links })
}

fn updated(update: &Update, spoke: bool) -> Done {
    Done::Settled(Outcome::Updated { spoke, links: fingerprint(&update.related) })
}

/// The `ts` of the thread of a message.
fn root(at: &At) -> &str {
    at.thread.as_deref().unwrap_or(&at.ts)
}

fn oldest_reply(f: &Finding) -> Millis {
    f.updated.minus(SKEW)
}

fn is_call(update: &Update) -> bool {
    update.word.as_ref().is_some_and(Word::is_call)
}

fn mention(update: &Update) -> Option<String> {
    update.to.mention.clone().filter(|_| is_call(update))
}

/// Replies go where the message is.
fn reply_destination(update: &Update, mention: Option<String>, channels: &Channels) -> Destination {
    Destination { target: Target::Channel(update.at.channel.clone()), mention, ..channels.default.clone() }
}

fn reply(
    f: &Finding,
    update: &Update,
    addressing: &Addressing,
    placement: Placement,
    form: Form,
    wording: &Wording,
) -> Message {
    let none = Word::default();
    let news = News { addressing: *addressing, placement, ..update.word.as_ref().unwrap_or(&none).news() };
    message::reply(f, &news, wording, form)
}

/// Returns true if a message of our own is about just this revision of a finding.
fn is_about(m: &OwnMessage, f: &Finding) -> bool {
    let is = |key: &str, value: &str| m.event.get(key).and_then(|v| v.as_str()) == Some(value);
    is("finding_id", &f.id) && is("updated_at", &f.updated_at)
}
