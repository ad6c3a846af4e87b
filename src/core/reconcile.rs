//! Reconciles the state with Slack: reads the posted messages that the state does not contain, after a run that crashed or
//! could not save its state.

use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;
use std::task::Poll;

use crate::config::{Config, Target};
use crate::core::Core;
use crate::core::agenda::Step;
use crate::core::channels::{Channels, NamedChannel};
use crate::core::event::{ChannelHistory, Query, QueryResponse};
use crate::core::posted::PostedMessages;
use crate::finding::Finding;
use crate::slack::HistoryError;
use crate::state::{FindingRecord, State};
use crate::time::Timestamp;

/// Messages of earlier runs that Slack may have and the state does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlierPosts {
    /// Time from which they may have been posted.
    pub since: Timestamp,
    /// Time from which the history shows all of them.
    pub readable_at: Option<Timestamp>,
    /// A run ended without recording all its messages: nothing is posted in a channel whose history cannot be read.
    pub is_unclean: bool,
}

impl Core<'_> {
    /// If the history of the default channel cannot be read, nothing is reconciled, and the digest plans are dropped: only the
    /// history could complete them. Their findings may be posted again.
    pub(super) fn skip_reconciliation_without_history(&mut self) {
        if !self.channels.is_readable(&self.channels.default.target) {
            self.state.drop_digest_plans(|_| false);
            self.earlier = None;
        }
    }

    /// Reconciles before anything is announced, if there is something to announce. A dry run announces nothing.
    pub(super) fn reconcile_first(&mut self, findings: Vec<Rc<Finding>>) {
        if self.config.dry_run || !self.has_something_to_announce(&findings) {
            return;
        }
        if self.posted.is_some() {
            return self.apply_history(&findings);
        }
        let wait = self.earlier.and_then(|earlier| earlier.readable_at).map(|time| time.duration_since(self.now));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            tracing::info!(
                wait_seconds = wait.as_secs(),
                "a previous run may have posted messages; waiting for Slack history to catch up"
            );
        }
        self.do_first([Step::Reconcile(findings)]);
    }

    fn has_something_to_announce(&self, findings: &[Rc<Finding>]) -> bool {
        let state = &self.state;
        findings.iter().any(|f| !state.is_processed(&f.id, f.updated))
            || !state.notices.is_empty()
            || !state.digest_plans.is_empty()
            || self.summary_due().is_some()
    }

    /// Reads the history of every channel that may have been posted to. It is the only way to know what is in Slack: if the
    /// run must end before, nothing is announced.
    pub(super) fn reconcile(&mut self, findings: Vec<Rc<Finding>>) -> Option<Step> {
        let Some(earlier) = self.earlier else {
            self.set_posted(PostedMessages::default(), &findings);
            return None;
        };
        if earlier.readable_at.is_some_and(|time| self.now < time) && !self.is_stopping() {
            return Some(Step::Reconcile(findings));
        }
        let channels = channels_to_read(self.config, &self.channels, &self.state);
        let oldest = self.history_range.oldest;
        let Poll::Ready(response) = self.query(|| Query::Histories { channels, oldest }) else {
            return Some(Step::Reconcile(findings));
        };
        let Some(QueryResponse::Histories(histories)) = response.filter(|_| !self.is_stopping()) else { return None };
        let posted = self.read_histories(histories, &earlier);
        self.set_posted(posted, &findings);
        None
    }

    fn read_histories(&mut self, histories: Vec<ChannelHistory>, earlier: &EarlierPosts) -> PostedMessages {
        let mut posted = PostedMessages::default();
        for ChannelHistory { channel, messages } in histories {
            match messages {
                Ok(messages) => posted.add(&channel, messages, &self.history_range),
                Err(error) => self.on_unread_history(channel, &error, earlier),
            }
        }
        posted
    }

    fn on_unread_history(&mut self, channel: NamedChannel, error: &HistoryError, earlier: &EarlierPosts) {
        let NamedChannel { name: channel, id } = channel;
        match error {
            HistoryError::Denied(error) => {
                let hint = match error.as_str() {
                    "not_in_channel" => "; invite the app to the channel",
                    error if error.contains("scope") => "; add the scopes channels:history and groups:history",
                    _ => "",
                };
                tracing::warn!(
                    channel,
                    error,
                    "channel history is not readable; duplicates are possible after a crash{hint}"
                );
                self.channels.set_unreadable(id);
            }
            HistoryError::Unavailable(error) => {
                let after_unclean_shutdown = earlier.is_unclean;
                tracing::warn!(channel, error, after_unclean_shutdown, "failed to read channel history");
                self.channels.set_history_unread();
                if after_unclean_shutdown {
                    self.channels.close(id);
                }
            }
        }
    }

    /// Records what the history shows. Digests that an earlier run planned and did not post are planned again. The plans of
    /// a channel that could not be read are kept: its digests may have been posted.
    fn set_posted(&mut self, mut posted: PostedMessages, findings: &[Rc<Finding>]) {
        self.channels.set_standalone_replies(mem::take(&mut posted.standalone_replies));
        self.posted = Some(posted);
        self.apply_history(findings);
        let channels = &self.channels;
        self.state.drop_digest_plans(|plan| channels.is_closed(&plan.channel));
    }

    /// Treats findings and digests in the history as delivered.
    fn apply_history(&mut self, findings: &[Rc<Finding>]) {
        let Some(posted) = &self.posted else { return };
        let state = &mut self.state;
        let source_id = |f: &Finding| state.source(&f.origin.source_key()).map(|source| source.id);
        let source_ids = findings.iter().filter_map(|f| Some((f.id.as_str(), source_id(f)?))).collect();
        let reconciliation = posted.mark_delivered(state, &source_ids, self.now);
        if !reconciliation.findings.is_empty() || reconciliation.digests > 0 {
            tracing::info!(
                findings = reconciliation.findings.len(),
                digests = reconciliation.digests,
                "reconciled with Slack history: already delivered"
            );
        }
        for f in findings.iter().filter(|f| state.is_processed(&f.id, f.updated)).cloned().collect::<Vec<_>>() {
            self.on_processed_before(&f);
        }
    }

    /// Notes that a finding arrived whose revision is processed. The history may have shown its message before.
    pub(super) fn on_processed_before(&mut self, f: &Finding) {
        if self.state.complete_reconciled(f) {
            self.schedule_escalation(f);
        }
        self.sources.set_processed(&f.id, f.updated);
    }
}

/// Names by ID of all channels that are configured, that a plan names, or that have a message of ours although they are
/// configured no longer.
fn channels_to_read(config: &Config, known: &Channels, state: &State) -> BTreeMap<String, String> {
    let configured = config.targets();
    let routed = configured.iter().filter(|target| matches!(target, Target::Channel(_))).map(Target::name);
    let planned = state.digest_plans.values().map(|plan| plan.channel.as_str());
    let posted = state.findings.values().filter_map(FindingRecord::bot_message);
    let names = [known.default.name()].into_iter().chain(routed).chain(planned);
    let names = names.chain(state.channels.keys().map(String::as_str)).chain(posted.map(|at| at.channel.as_str()));
    let mut channels = BTreeMap::new();
    for name in names {
        if let Some(id) = known.id(name) {
            channels.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    channels
}
