//! Oracle for triage: reactions on messages, the findings that runs archive for them, escalations and summaries.

use std::collections::{BTreeMap, BTreeSet};

use guardduty_slack::slack::{MessageRef, Reaction as Read};
use guardduty_slack::state::{Archiving, FindingRecord};
use guardduty_slack::time::Timestamp;
use guardduty_slack::user::UserId;

use crate::bugs;
use crate::fake_slack::{FakeSlack, Once, SimMessage};
use crate::history::Reaction;
use crate::world::{BEGIN, World, name};

/// `SLACK_TRIAGE_USERS`
pub(crate) const LISTED: [&str; 2] = ["U0ALICE", "U0BOB"];
/// Another user in the channel.
pub(crate) const STRANGER: &str = "U0EVE";
pub(crate) const ACKNOWLEDGE: &str = "eyes";
pub(crate) const RESOLVE: &str = "white_check_mark";
/// `SLACK_SUMMARY`: five minutes after the start of the history.
pub(crate) const SUMMARY: &str = "daily 06:45";
const SUMMARY_DUE: i64 = BEGIN + 300_000;

impl World {
    /// Returns the reactions on the messages of a channel since `oldest`.
    pub(crate) fn recent_reactions(&self, channel: &str, oldest: &str) -> BTreeMap<String, Vec<Read>> {
        let matches = |m: &&SimMessage| {
            m.channel == channel && m.thread.is_none() && !m.forged && m.deleted.is_none() && m.ts.as_str() >= oldest
        };
        let slack = self.slack.borrow();
        let messages = slack.messages.iter().filter(matches);
        messages.map(|m| (m.ts.clone(), read(&bugs::reactions(self, m)))).collect()
    }

    pub(crate) fn reactions_at(&self, at: &MessageRef) -> Option<Vec<Read>> {
        let matches = |m: &&SimMessage| m.channel == at.channel && m.ts == at.ts && m.deleted.is_none();
        self.slack.borrow().messages.iter().find(matches).map(|m| read(&bugs::reactions(self, m)))
    }
}

/// Groups reactions by emoji, as Slack does.
fn read(reactions: &[Reaction]) -> Vec<Read> {
    let emoji: BTreeSet<&str> = reactions.iter().map(|r| r.emoji).collect();
    let reaction = |name: &str| {
        let users = reactions.iter().filter(|r| r.emoji == name).filter_map(|r| UserId::parse(r.user)).collect();
        Read { name: name.to_owned(), users, is_complete: true }
    };
    emoji.into_iter().map(reaction).collect()
}

impl World {
    /// Archives or unarchives a finding for a run, and checks that the archive intent was saved before.
    pub(crate) fn archive(&self, id: &str, is_archive: bool) {
        let wanted = if is_archive { Archiving::Archive } else { Archiving::Unarchive };
        let store = self.store.borrow();
        let entry = store.state().and_then(|s| s.findings.get(id));
        if entry.and_then(|e| e.triage.as_ref()?.archiving) != Some(wanted) {
            self.report_violation(format!("{wanted:?} {id} is called without a saved intent"));
        }
        let finding = id[1..].parse().expect("a finding's number");
        self.archivings.borrow_mut().push((self.now(), finding, is_archive));
    }

    pub(crate) fn check_triage(&self) {
        self.check_summaries();
        if self.history.setup.triage == "off" {
            return;
        }
        for f in 0..self.history.setup.findings.len() {
            self.check_archived_once(f);
            self.check_escalation(f);
            self.check_marks(f);
        }
    }

    /// A finding is archived at most once for each resolution by a listed person.
    fn check_archived_once(&self, f: usize) {
        let calls = self.archivings.borrow().iter().filter(|(_, finding, archived)| *finding == f && *archived).count();
        let (slack, id) = (self.slack.borrow(), name(f));
        let added = slack.messages.iter().filter(|m| m.is_about(&id)).flat_map(|m| &m.added);
        let resolutions = added.filter(|(_, r)| r.emoji == RESOLVE && LISTED.contains(&r.user)).count();
        if calls > resolutions {
            self.report_violation(format!("{id} was archived {calls} times for {resolutions} resolutions"));
        }
    }

    /// A finding is escalated at most once, and once if nobody on the list reacts.
    fn check_escalation(&self, f: usize) {
        let (slack, id) = (self.slack.borrow(), name(f));
        let calls: Vec<&Once> = slack.escalations.iter().filter(|call| call.id == id).collect();
        if calls.len() > 1 {
            self.report_violation(format!("{id} was escalated twice, by runs {} and {}", calls[0].run, calls[1].run));
        }
        let Some(message) = self.only_message(&slack, f) else { return };
        let is_handled = message.added.iter().any(|(_, r)| LISTED.contains(&r.user));
        if self.history.setup.escalate && !is_handled && calls.is_empty() {
            self.report_violation(format!("{id} was not escalated"));
        }
    }

    /// State, message and GuardDuty match the reactions of listed people.
    fn check_marks(&self, f: usize) {
        let (slack, store, id) = (self.slack.borrow(), self.store.borrow(), name(f));
        let Some(message) = self.only_message(&slack, f) else { return };
        let Some(entry) = store.state().and_then(|s| s.findings.get(&id)) else { return };
        let first =
            |emoji| message.reactions.iter().find(|r| r.emoji == emoji && LISTED.contains(&r.user)).map(|r| r.user);
        let marks = entry.marks();
        for (emoji, marked) in [(ACKNOWLEDGE, &marks.acknowledged), (RESOLVE, &marks.resolved)] {
            let marked = marked.as_ref().map(ToString::to_string);
            if marked.as_deref() != first(emoji) {
                self.report_violation(format!(
                    "the {emoji} of {id} is by {:?}, and {marked:?} is recorded",
                    first(emoji)
                ));
            }
        }
        let named_users = LISTED.iter().chain([&STRANGER]).filter(|user| message.text.contains(**user));
        let reacted: BTreeSet<&str> = message.reactions.iter().map(|r| r.user).filter(|u| LISTED.contains(u)).collect();
        let strangers: Vec<&&str> = named_users.filter(|user| !reacted.contains(**user)).collect();
        if !strangers.is_empty() {
            self.report_violation(format!("the message of {id} names {strangers:?}"));
        }
        let resolver = first(RESOLVE);
        if resolver.is_some_and(|user| !message.text.contains(user)) {
            self.report_violation(format!("the message of {id} does not name the person who resolved it"));
        }
        let is_archived = self.archived(f, self.now());
        if is_archived != (self.history.setup.triage == "archive" && resolver.is_some()) || is_stale(entry) {
            self.report_violation(format!("{id} is archived: {is_archived}, and resolved by {resolver:?}"));
        }
    }

    /// Returns the message of a finding with one revision that was archived by runs only.
    fn only_message<'w>(&self, slack: &'w FakeSlack, f: usize) -> Option<&'w SimMessage> {
        let id = name(f);
        let mut messages = slack.messages.iter().filter(|m| m.is_about(&id));
        let message = messages.next().filter(|m| messages.next().is_none() && m.deleted.is_none())?;
        let is_plain =
            self.revisions(f).len() == 1 && self.finding_histories[f].archived.is_empty() && message.thread.is_none();
        is_plain.then_some(message)
    }

    /// One summary is posted for the due time, after a run that started later.
    fn check_summaries(&self) {
        let slack = self.slack.borrow();
        let mut ids: BTreeSet<&str> = BTreeSet::new();
        for summary in &slack.summaries {
            if !ids.insert(&summary.id) {
                self.report_violation(format!("{} was posted twice, again by run {}", summary.id, summary.run));
            }
        }
        let due = Timestamp(SUMMARY_DUE);
        let began = self.store.borrow().versions.first().is_some_and(|(at, _)| *at < due);
        let has_run = self.runs.borrow().iter().any(|run| run.has_ended() && run.started > due);
        if self.history.setup.summary && began && has_run && ids.is_empty() {
            self.report_violation("the summary was not posted".into());
        }
    }
}

fn is_stale(entry: &FindingRecord) -> bool {
    entry.triage.as_ref().is_some_and(|triage| triage.is_due())
}
