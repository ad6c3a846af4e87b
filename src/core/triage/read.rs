//! Reads reactions from Slack, within its limits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::Poll;
use std::time::Duration;

use crate::config;
use crate::core::Core;
use crate::core::agenda::Step;
use crate::core::event::{Query, QueryResponse};
use crate::core::triage::{ReactionsOf, TriageStep};
use crate::slack::{MessageRef, RecentReactions, SlackError};
use crate::state::{Archiving, FindingRecord, Triage};
use crate::triage::{Messages, ReactionRules, ReadAfter, live_messages, read_next, read_reactions};
use crate::user::UserId;

/// Maximum number of calls of `reactions.get` in one run, and of `users.info`.
const MAX_SINGLE_READS: usize = 20;
/// Time that recurrences wait for the reactions.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// What reactions change.
enum Change {
    None,
    Triage(Box<Triage>),
    /// Bots do not count: this user must be looked up first.
    UnknownUser(UserId),
}

/// Recent messages.
impl Core<'_> {
    pub(super) fn read_recent_reactions(&mut self) {
        if self.reactions.is_recent_read || !self.may_triage() {
            return;
        }
        self.reactions.is_recent_read = true;
        let messages = live_messages(&self.state);
        if !messages.is_empty() {
            self.do_first([Step::Triage(TriageStep::ReadAccess(messages))]);
        }
    }

    /// Continues only if the token may read reactions. Otherwise there is one warning.
    pub(super) fn read_access(&mut self, messages: Messages) -> Option<Step> {
        let Poll::Ready(response) = self.query_within(READ_TIMEOUT, || Query::ReactionAccess) else {
            return Some(Step::Triage(TriageStep::ReadAccess(messages)));
        };
        match response {
            Some(QueryResponse::ReactionAccess(Ok(access))) if access.reactions => {
                self.reactions.bots.extend(access.own);
                self.reactions.may_read_users = access.users;
                self.reactions.is_permitted = true;
                self.do_first([Step::Triage(TriageStep::ReadChannels(messages))]);
            }
            Some(QueryResponse::ReactionAccess(Ok(_))) => tracing::warn!(
                docs = "docs/slack.md",
                "the bot token lacks the scope reactions:read; triage is off for this run"
            ),
            Some(QueryResponse::ReactionAccess(Err(error))) => {
                tracing::warn!(%error, "reactions were not read: Slack does not return the scopes");
            }
            _ => tracing::warn!("reactions were not read: Slack did not answer in time"),
        }
        None
    }

    pub(super) fn read_channels(&mut self, messages: Messages) -> Option<Step> {
        let Poll::Ready(response) = self.query_within(READ_TIMEOUT, || Query::RecentReactions(messages.clone())) else {
            return Some(Step::Triage(TriageStep::ReadChannels(messages)));
        };
        match response {
            Some(QueryResponse::RecentReactions(channels)) => self.on_recent_reactions(&messages, channels),
            _ => tracing::warn!("reactions were not read: Slack did not answer in time"),
        }
        None
    }

    fn on_recent_reactions(&mut self, messages: &Messages, channels: BTreeMap<String, RecentReactions>) {
        let Some(triage) = &self.config.slack.triage else { return };
        let mut read = Vec::new();
        for (id, entry) in &self.state.findings {
            let Some(at) = entry.bot_message() else { continue };
            let Some(recent) = channels.get(&at.channel) else { continue };
            let Some(reactions) = recent.messages.get(&at.ts) else { continue };
            read.push((at.clone(), ReactionsOf { finding: id.clone(), reactions: reactions.clone() }));
        }
        for (channel, recent) in channels {
            self.reactions.bots.extend(recent.bots);
            // A message that the complete history does not show was deleted.
            let is_deleted = |ts: &&String| !recent.has_older && !recent.messages.contains_key(*ts);
            let threads = self.thread_messages(&channel);
            let timestamps = messages.get(&channel).into_iter().flatten();
            let deleted = timestamps.filter(|ts| is_deleted(ts) && !threads.contains(*ts));
            self.reactions.covered_messages.extend(deleted.map(|ts| (channel.clone(), ts.clone())));
        }
        self.reactions.bots.extend(self.state.triage.bots.iter().cloned());
        let rules = ReactionRules { config: triage, bots: &self.reactions.bots };
        read.retain(|(_, of)| !rules.is_cut_short(&of.reactions));
        self.reactions.covered_messages.extend(read.iter().map(|(at, _)| (at.channel.clone(), at.ts.clone())));
        let read = read.into_iter().map(|(_, of)| of).collect();
        self.do_first([Step::Triage(TriageStep::NoteReactions(read))]);
    }

    /// Messages in the threads of others: the history of a channel does not show them.
    fn thread_messages(&self, channel: &str) -> BTreeSet<String> {
        let all = self.state.findings.values().filter_map(FindingRecord::bot_message);
        all.filter(|at| at.channel == channel && at.thread_ts.is_some()).map(|at| at.ts.clone()).collect()
    }
}

/// Older messages.
impl Core<'_> {
    pub(super) fn read_older_reactions(&mut self) {
        if !self.reactions.is_permitted || !self.may_triage() {
            return;
        }
        let mut due = self.unread_escalations();
        due.truncate(MAX_SINGLE_READS);
        let escalations = due.len();
        let done = &self.reactions.covered_messages;
        let is_due = |at: &MessageRef| due.iter().any(|(_, other)| other == at);
        let is_unread = |at: &MessageRef| !done.contains(&(at.channel.clone(), at.ts.clone())) && !is_due(at);
        let others = read_next(&self.state, MAX_SINGLE_READS - escalations, is_unread);
        let unread = due.into_iter().chain(others).collect();
        self.do_first([Step::Triage(TriageStep::ReadMessages { unread, escalations })]);
    }

    pub(super) fn read_messages(
        &mut self,
        mut unread: VecDeque<(String, MessageRef)>,
        escalations: usize,
    ) -> Option<Step> {
        let (_, at) = unread.front()?;
        let Poll::Ready(response) = self.query_within(READ_TIMEOUT, || Query::Reactions(at.clone())) else {
            return Some(Step::Triage(TriageStep::ReadMessages { unread, escalations }));
        };
        let reactions = match response {
            Some(QueryResponse::Reactions(Ok(reactions))) => Some(reactions),
            // Nobody can acknowledge the finding there any more: people are called if its escalation is due.
            Some(QueryResponse::Reactions(Err(error))) if is_inaccessible(&error) => (escalations > 0).then(Vec::new),
            Some(QueryResponse::Reactions(Err(error))) => {
                tracing::info!(%error, "older reactions were not all read; the next run continues");
                return None;
            }
            _ => return None,
        };
        let (finding, _) = unread.pop_front()?;
        if escalations == 0 {
            self.state.note_reactions_read_to(&finding);
        }
        let escalations = escalations.saturating_sub(1);
        let rest = Step::Triage(TriageStep::ReadMessages { unread, escalations });
        match reactions {
            Some(reactions) => {
                let read = VecDeque::from([ReactionsOf { finding, reactions }]);
                self.do_first([Step::Triage(TriageStep::NoteReactions(read)), rest]);
            }
            None => self.do_first([rest]),
        }
        None
    }
}

/// The meaning of reactions.
impl Core<'_> {
    /// Records the meaning of reactions in the state. If a user cannot be looked up, nothing is known of that message.
    pub(super) fn note_reactions(&mut self, mut read: VecDeque<ReactionsOf>) -> Option<Step> {
        let triage = self.config.slack.triage.as_ref()?;
        while let Some(of) = read.front() {
            match self.change_of(triage, of) {
                Change::None => _ = self.reactions.read_findings.insert(of.finding.clone()),
                Change::Triage(change) => {
                    self.reactions.read_findings.insert(of.finding.clone());
                    self.set_triage(&of.finding, *change);
                }
                Change::UnknownUser(user) => match self.look_up(user) {
                    Poll::Pending => return Some(Step::Triage(TriageStep::NoteReactions(read))),
                    Poll::Ready(true) => continue,
                    Poll::Ready(false) => {}
                },
            }
            read.pop_front();
        }
        None
    }

    fn set_triage(&mut self, id: &str, change: Triage) {
        let before = self.state.findings.get(id).and_then(|entry| entry.triage.as_ref()?.archiving);
        if change.archiving == Some(Archiving::Archive) && before.is_none() {
            self.reactions.new_intents.insert(id.to_owned());
        }
        self.reactions.has_changed = true;
        self.state.set_triage(id, change, self.now);
    }

    fn change_of(&self, triage: &config::Triage, of: &ReactionsOf) -> Change {
        let Some(entry) = self.state.findings.get(&of.finding) else { return Change::None };
        let is_announced = self.reactions.announced_findings.contains(&of.finding);
        let after = if is_announced { ReadAfter::Announcement } else { ReadAfter::NoChange };
        let counted = ReactionRules { config: triage, bots: &self.reactions.bots }.count(&of.reactions);
        let known = entry.triage.as_deref();
        let Some(change) = read_reactions(known, entry.archived, &counted, triage.mode, after) else {
            return Change::None;
        };
        let before = entry.marks();
        let marks = [
            (&change.marks.acknowledged, &before.acknowledged),
            (&change.marks.resolved, &before.resolved),
            (&change.marks.muted, &before.muted),
        ];
        let is_new = |user: &UserId| self.reactions.may_read_users && !self.reactions.people.contains(user);
        let new = marks.into_iter().filter(|(now, before)| now != before).filter_map(|(now, _)| now.clone());
        if let Some(user) = new.into_iter().find(is_new) {
            return Change::UnknownUser(user);
        }
        Change::Triage(Box::new(change))
    }

    /// Returns false if it is not known whether a user is a bot.
    fn look_up(&mut self, user: UserId) -> Poll<bool> {
        // A query in progress was counted when it began.
        if !self.queries.is_open() {
            if self.reactions.users_read >= MAX_SINGLE_READS {
                return Poll::Ready(false);
            }
            self.reactions.users_read += 1;
        }
        Poll::Ready(match std::task::ready!(self.query_within(READ_TIMEOUT, || Query::IsBot(user.clone()))) {
            Some(QueryResponse::IsBot(Ok(true))) => {
                self.state.note_bot(&user);
                self.reactions.bots.insert(user);
                true
            }
            Some(QueryResponse::IsBot(Ok(false))) => {
                self.reactions.people.insert(user);
                true
            }
            // Slack will not show this user later either. It shows bots, so it is a person.
            Some(QueryResponse::IsBot(Err(error))) if is_inaccessible(&error) => {
                tracing::info!(%error, user = %user, "user cannot be looked up and counts as a person");
                self.reactions.people.insert(user);
                true
            }
            Some(QueryResponse::IsBot(Err(error))) => {
                tracing::warn!(%error, user = %user, "cannot determine whether a user is a bot; the next run reads the reaction again");
                false
            }
            _ => false,
        })
    }
}

/// Returns true if the message, its channel, or the user is not accessible, and will not be later.
fn is_inaccessible(error: &SlackError) -> bool {
    matches!(
        error,
        SlackError::MessageNotFound(_)
            | SlackError::ChannelRejected(_)
            | SlackError::Restricted(_)
            | SlackError::ThreadRejected(_)
            | SlackError::ContentRejected(_)
            | SlackError::Unclassified(_)
    )
}
