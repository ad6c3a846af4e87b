//! Reads reactions from Slack, within its limits.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use crate::config;
use crate::guardduty::Detector;
use crate::run::engine::Engine;
use crate::slack::{At, Chat, Failure, Reaction};
use crate::state::Triage;
use crate::state::store::Store;
use crate::triage::{Reactors, ReadAfter, live_messages, read_next, read_reactions};
use crate::user::UserId;

/// Pages of history that are read of one channel, 200 messages each, and of all channels.
const PAGES: usize = 5;
const ALL_PAGES: usize = 40;
/// Calls of `reactions.get` in one run, and of `users.info`.
const SINGLE_READS: usize = 20;
/// Time that recurrences wait for the reactions.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a run knows of reactions.
#[derive(Default)]
pub(in crate::run) struct Reactions {
    /// The recent messages were read, or could not be.
    pub(super) is_read: bool,
    /// The token may read reactions.
    is_permitted: bool,
    may_read_users: bool,
    bots: BTreeSet<UserId>,
    people: BTreeSet<UserId>,
    users_read: usize,
    /// Channel and `ts` of the messages whose reactions need no reading by themselves.
    done: HashSet<(String, String)>,
    /// Findings of which this run announced a revision.
    pub(super) announced: HashSet<String>,
    /// Findings whose reactions were read.
    pub(super) read: HashSet<String>,
    /// The state differs from the saved one.
    pub(super) has_changed: bool,
    /// Findings that are to be archived since this run.
    pub(super) new_intents: HashSet<String>,
}

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// Reads the reactions on the recent messages of each channel, once a run.
    pub(super) async fn read_recent_reactions(&mut self, triage: &config::Triage) {
        if self.reactions.is_read || !self.may_triage() {
            return;
        }
        self.reactions.is_read = true;
        let messages = live_messages(&self.record.state);
        if messages.is_empty() || !self.read_access().await {
            return;
        }
        let chat = self.chat;
        let reading = self.within(PATIENCE, read_channels(chat, &messages)).await;
        let Some(channels) = reading else {
            tracing::warn!("reactions were not read: Slack did not answer in time");
            return;
        };
        let mut read = Vec::new();
        for (id, entry) in &self.record.state.findings {
            let Some(at) = entry.at.as_ref() else { continue };
            let Some(recent) = channels.get(&at.channel) else { continue };
            let Some(reactions) = recent.messages.get(&at.ts) else { continue };
            read.push((id.clone(), at.clone(), reactions.clone()));
        }
        for (channel, recent) in channels {
            self.reactions.bots.extend(recent.bots);
            // A message that the complete history does not show was deleted.
            let is_gone = |ts: &&String| !recent.has_older && !recent.messages.contains_key(*ts);
            let threads = self.thread_messages(&channel);
            let gone = messages[&channel].iter().filter(|ts| is_gone(ts) && !threads.contains(*ts));
            self.reactions.done.extend(gone.map(|ts| (channel.clone(), ts.clone())));
        }
        self.reactions.bots.extend(self.record.state.triage.bots.iter().cloned());
        let reactors = Reactors { config: triage, bots: &self.reactions.bots };
        read.retain(|(_, _, reactions)| !reactors.is_cut_short(reactions));
        self.reactions.done.extend(read.iter().map(|(_, at, _)| (at.channel.clone(), at.ts.clone())));
        for (id, _, reactions) in &read {
            let after = self.read_after(id);
            self.note_reactions(triage, id, reactions, after).await;
        }
    }

    fn read_after(&self, id: &str) -> ReadAfter {
        if self.reactions.announced.contains(id) { ReadAfter::Announcement } else { ReadAfter::NoChange }
    }

    /// Messages in the threads of others: the history of a channel does not show them.
    fn thread_messages(&self, channel: &str) -> BTreeSet<String> {
        let all = self.record.state.findings.values().filter_map(|entry| entry.at.as_ref());
        all.filter(|at| at.channel == channel && at.thread.is_some()).map(|at| at.ts.clone()).collect()
    }

    /// Returns false, with one warning, if the token may not read reactions.
    async fn read_access(&mut self) -> bool {
        let chat = self.chat;
        match self.within(PATIENCE, chat.reaction_access()).await {
            Some(Ok(access)) if access.reactions => {
                self.reactions.bots.extend(access.own);
                self.reactions.may_read_users = access.users;
                self.reactions.is_permitted = true;
            }
            Some(Ok(_)) => tracing::warn!(
                docs = "docs/slack.md",
                "the bot token lacks the scope reactions:read; triage is off for this run"
            ),
            Some(Err(error)) => tracing::warn!(%error, "reactions were not read: Slack does not tell the scopes"),
            None => tracing::warn!("reactions were not read: Slack did not answer in time"),
        }
        self.reactions.is_permitted
    }

    /// Reads the reactions on older messages one by one, the next ones in rotation.
    pub(super) async fn read_older_reactions(&mut self, triage: &config::Triage) {
        if !self.reactions.is_permitted || !self.may_triage() {
            return;
        }
        let done = &self.reactions.done;
        let is_unread = |at: &At| !done.contains(&(at.channel.clone(), at.ts.clone()));
        let mut next = self.unread_escalations();
        next.truncate(SINGLE_READS);
        let escalations = next.len();
        next.extend(read_next(&self.record.state, SINGLE_READS - next.len(), is_unread));
        let chat = self.chat;
        for (number, (id, at)) in next.into_iter().enumerate() {
            let reactions = match self.within(PATIENCE, chat.reactions(&at)).await {
                Some(Ok(reactions)) => Some(reactions),
                // The message, or its channel, is not accessible any more: nothing is known, and the others are read.
                Some(Err(
                    Failure::Gone(_)
                    | Failure::Channel(_)
                    | Failure::Restricted(_)
                    | Failure::Reply(_)
                    | Failure::Content(_)
                    | Failure::Unclassified(_),
                )) => None,
                Some(Err(error)) => {
                    tracing::info!(%error, "older reactions were not all read; the next run continues");
                    return;
                }
                None => return,
            };
            if number >= escalations {
                self.record.state.note_reactions_read_to(&id);
            }
            let Some(reactions) = reactions else { continue };
            let after = self.read_after(&id);
            self.note_reactions(triage, &id, &reactions, after).await;
        }
    }

    /// What the reactions on one message change. Whoever is new is looked up first: bots do not count. Returns `None` if
    /// that fails, for then nothing is known.
    pub(super) async fn change_of(
        &mut self,
        triage: &config::Triage,
        id: &str,
        reactions: &[Reaction],
        after: ReadAfter,
    ) -> Option<Triage> {
        loop {
            let entry = self.record.state.findings.get(id)?;
            let known = entry.triage.as_deref();
            let voices = Reactors { config: triage, bots: &self.reactions.bots }.voices(reactions);
            let change = read_reactions(known, entry.archived, &voices, triage.mode, after)?;
            let before = entry.marks();
            let marks = [
                (&change.marks.acknowledged, &before.acknowledged),
                (&change.marks.resolved, &before.resolved),
                (&change.marks.muted, &before.muted),
            ];
            let is_new = |user: &UserId| self.reactions.may_read_users && !self.reactions.people.contains(user);
            let new = marks.into_iter().filter(|(now, before)| now != before).filter_map(|(now, _)| now.clone());
            let Some(user) = new.into_iter().find(is_new) else { return Some(change) };
            self.look_up(user).await?;
        }
    }

    /// Returns `None` if Slack does not tell whether a user is a bot.
    async fn look_up(&mut self, user: UserId) -> Option<()> {
        if self.reactions.users_read >= SINGLE_READS {
            return None;
        }
        self.reactions.users_read += 1;
        let chat = self.chat;
        let answer = self.within(PATIENCE, chat.is_bot(&user)).await?;
        match answer {
            Ok(true) => {
                self.record.state.note_bot(&user);
                self.reactions.bots.insert(user);
            }
            Ok(false) => _ = self.reactions.people.insert(user),
            Err(error) => {
                tracing::warn!(%error, user = %user, "cannot tell whether a user is a bot; the next run reads the reaction again");
                return None;
            }
        }
        Some(())
    }
}

/// The recent messages of each channel that could be read.
async fn read_channels<C: Chat>(
    chat: &C,
    messages: &crate::triage::Messages,
) -> BTreeMap<String, crate::slack::RecentReactions> {
    let mut read = BTreeMap::new();
    let mut pages_left = ALL_PAGES;
    for (channel, timestamps) in messages {
        let Some(oldest) = timestamps.first().filter(|_| pages_left > 0) else { continue };
        match chat.recent_reactions(channel, oldest, PAGES.min(pages_left)).await {
            Ok((recent, pages)) => {
                pages_left -= pages;
                read.insert(channel.clone(), recent);
            }
            Err(Failure::Channel(error)) => {
                pages_left -= 1;
                tracing::debug!(channel, error, "channel is not accessible; its reactions are not read");
            }
            Err(error) => {
                pages_left -= 1;
                tracing::warn!(channel, %error, "reactions of a channel were not read; the next run reads them");
            }
        }
    }
    read
}
