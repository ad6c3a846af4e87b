//! What the sources answer: noted in the state, announced where it is news, handed on to be told.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{Regions, Role};
use crate::guardduty::{Detector, ReadError, Reason};
use crate::message::{Level, Notice};
use crate::plan::silence::{self, Open, Reading};
use crate::run::engine::{Engine, PATIENCE};
use crate::run::intake::Unreachable;
use crate::run::look::Look;
use crate::run::poll::{Known, Room};
use crate::run::watched;
use crate::slack::Chat;
use crate::state::Standing;
use crate::state::store::Store;

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// What stood for the sources of an identity that could not be used, once every identity can.
    pub(super) fn back_in_reach(&mut self) {
        if self.unreachable || !self.intake.identities.is_empty() {
            return;
        }
        let now = self.clock.now();
        let keys: Vec<String> = self.record.state.sources.keys().filter(|k| k.ends_with("/*")).cloned().collect();
        for key in keys {
            if let Some(source) = self.record.state.remove_source(&key) {
                self.announce(silence::recovery(&key, &source, self.stamp, now).into_iter().collect());
            }
        }
    }

    pub(super) fn identified(&mut self, identity: Result<Vec<D>, Unreachable>, room: &Rc<Room>, known: &Rc<Known>) {
        match identity {
            Ok(sources) => {
                let (state, now) = (&self.record.state, self.clock.now());
                for source in sources {
                    self.intake.first_look(source, state, room, known, now);
                }
            }
            Err(unreachable) => self.unreachable(&unreachable),
        }
    }

    /// Nothing is known of an identity's sources but what the state remembers.
    pub(super) fn unreachable(&mut self, u: &Unreachable) {
        tracing::error!(identity = u.identity, error = %u.error, reason = u.error.reason(), "cannot use AWS identity");
        self.tally.problems.insert(format!("{}: {}", u.identity, u.error));
        self.unreachable = true;
        let others: Vec<&str> = self.config.aws.roles.iter().filter_map(role_account).collect();
        let mine = |key: &str| {
            let account = key.split('/').next().unwrap_or_default();
            u.account.as_deref().map_or_else(|| !others.contains(&account), |a| a == account)
        };
        let mut keys: Vec<String> = self.record.state.sources.keys().filter(|k| mine(k)).cloned().collect();
        if keys.is_empty() {
            keys.push(format!("{}/*", u.account.as_deref().unwrap_or(&u.identity)));
        }
        for key in keys {
            self.stand(&key, &Reading::Failed(&u.error));
        }
    }

    /// Notes what a source answered.
    pub(super) fn seen(&mut self, mut look: Look) {
        let key = look.key.to_string();
        if !look.warnings.is_empty() {
            let error = look.warnings.join("; ");
            tracing::warn!(source = key, error, "optional GuardDuty checks failed");
        }
        if look.first {
            self.first_seen(&key, &look);
        }
        if let Some(error) = look.error().filter(|_| self.is_polled(&key)) {
            tracing::error!(source = key, %error, reason = error.reason(), "failed to read source");
            self.tally.problems.insert(format!("{key}: {error}"));
        }
        let Some(n) = self.record.state.sources.get(&key).map(|s| s.n) else { return };
        self.missing(&look, n);
        let fresh = self.intake.take(&mut look);
        if let Some(track) = self.intake.tracks.get_mut(&key) {
            track.n = n;
        }
        let (new_findings, has_more) = (fresh.len(), look.window.next.is_some());
        tracing::debug!(source = key, new_findings, has_more, "source read");
        self.arrived.findings.extend(fresh);
        self.arrived.looked_up.append(&mut look.looked_up);
    }

    pub(super) fn first_seen(&mut self, key: &str, look: &Look) {
        let reading = match (look.error(), &look.detector) {
            (Some(error), _) => Reading::Failed(error),
            (None, Ok(Some(id))) => {
                Reading::Detector { id, enabled: look.status.as_ref().map(|status| status.enabled) }
            }
            (None, _) => Reading::NoDetector,
        };
        if matches!(reading, Reading::NoDetector) && !matches!(self.config.aws.regions, Regions::All { .. }) {
            tracing::warn!(source = key, "no GuardDuty detector in this region; nothing can be found there");
        }
        if self.stand(key, &reading) {
            self.arrived.newcomers.push((key.to_owned(), look.open_before.clone()));
        }
        // A message in history is known to be about this source by its detector, also where the list broke off.
        if let Ok(Some(id)) = &look.detector {
            self.record.state.note_detector(key, id);
        }
        self.watch(key, look);
    }

    /// Notes how a source stands, and what is to be announced of it. Whether it is a newcomer that is looked at.
    pub(super) fn stand(&mut self, key: &str, reading: &Reading) -> bool {
        let (now, all) = (self.clock.now(), matches!(self.config.aws.regions, Regions::All { .. }));
        let start = self.intake.start;
        let (source, new) = self.record.state.source(key, start);
        let was_out = source.standing == Standing::LeftOut;
        let (mut source, notices) = silence::standing(key, source, new, all, reading, self.stamp, now);
        source.configured = Some(now);
        let out = source.standing == Standing::LeftOut;
        if was_out && !out {
            source.begin(start);
        }
        self.record.state.set_source(key, source);
        if out && new {
            self.arrived.left_out.push(key.to_owned());
        }
        self.announce(notices);
        (new || was_out) && !out
    }

    pub(super) fn watch(&mut self, key: &str, look: &Look) {
        let now = self.clock.now();
        let Some(mut source) = self.record.state.sources.get(key).cloned() else { return };
        if let Some(last) = &look.looked_up_to {
            source.looked_up.clone_from(last);
        }
        let notices = watched::compare(key, &mut source, look, self.stamp, now);
        self.record.state.set_source(key, source);
        self.announce(notices);
    }

    /// What was listed and not told when asked for is given up after a day.
    pub(super) fn missing(&mut self, look: &Look, n: u32) {
        let now = self.clock.now();
        for id in &look.window.missing {
            let since = self.record.state.note_unfetched(id, n, now);
            tracing::warn!(
                finding_id = id,
                source = %look.key,
                since = since.iso(),
                "finding was listed but not returned by GetFindings; the next run retries"
            );
            self.tally.problems.insert(format!("{}: finding listed but not returned by GetFindings", look.key));
        }
    }

    pub(super) fn announce(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            log_queued(&notice);
            self.record.state.queue_notice(notice);
        }
    }

    /// One notice for all newcomers, one for all regions that are left out.
    pub(super) fn announce_sources(&mut self) {
        let newcomers = std::mem::take(&mut self.arrived.newcomers);
        let known: Vec<&Open> = newcomers.iter().filter_map(|(_, open)| open.as_ref()).collect();
        let open = (!known.is_empty()).then(|| sum(&known));
        let keys: Vec<String> = newcomers.iter().map(|(key, _)| key.clone()).collect();
        let lookback = self.look_back();
        let mut notices = Vec::new();
        if self.afresh && self.intake.tracks.values().any(|t| t.looked) {
            self.afresh = false;
            notices.push(silence::afresh(lookback, open.as_ref(), self.stamp));
        } else if !keys.is_empty() && self.record.state.saved.is_some() {
            notices.push(silence::new_sources(&keys, lookback, open.as_ref(), self.stamp));
        }
        let out = std::mem::take(&mut self.arrived.left_out);
        if !out.is_empty() {
            notices.push(silence::left_out(&out, self.stamp));
        }
        self.announce(notices);
    }

    /// How far back sources are read that are new; in whole minutes where it is farther than configured.
    fn look_back(&self) -> Duration {
        let farther = self.begun().since(self.intake.start).saturating_sub(self.config.lookback);
        self.config.lookback + Duration::from_secs(farther.as_secs().div_ceil(60) * 60)
    }

    /// Whether a source is one that is polled: a region that is left out is none.
    pub fn is_polled(&self, key: &str) -> bool {
        self.record.state.sources.get(key).is_some_and(|s| s.standing != Standing::LeftOut)
    }

    /// Sources that did not answer within the run's time. One that a signal cut short says nothing about them.
    pub(super) fn unheard(&mut self) {
        if self.stop.is_told() || self.record.conflict.is_some() {
            return;
        }
        let silent = self.intake.tracks.iter().filter(|(_, t)| !t.looked).map(|(key, _)| key.clone());
        for key in silent.collect::<Vec<_>>() {
            let error = ReadError::Passing { reason: Reason::Timeout, text: "no response within RUN_TIMEOUT".into() };
            tracing::error!(source = key, %error, reason = error.reason(), "failed to read source");
            self.tally.problems.insert(format!("{key}: {error}"));
            self.stand(&key, &Reading::Failed(&error));
        }
    }

    /// What was listed for a day and never told is passed; a notice names it in the next run.
    pub(super) fn give_up_unfetched(&mut self) {
        let now = self.clock.now();
        let channel = self.channels.default.name().to_owned();
        for id in self.record.state.give_up_unfetched(PATIENCE, &channel, now) {
            tracing::error!(finding_id = id, "finding given up: not returned by GetFindings for 24 h");
            let title = format!("Finding given up: {id} was listed but not returned by GetFindings for 24 h");
            self.announce(vec![self.stamp.notice(&format!("unfetched-{id}"), Level::Warning, title, vec![])]);
        }
    }
}

/// Logs at the level of the notice that it waits for its delivery.
pub(super) fn log_queued(notice: &Notice) {
    let (notice_id, notice, level) = (&notice.id, &notice.title, notice.level);
    match level {
        Level::Warning => tracing::warn!(notice_id, notice, "notice queued"),
        Level::Info | Level::Resolved => tracing::info!(notice_id, notice, "notice queued"),
    }
}

/// The account of `arn:aws:iam::123456789012:role/name`.
fn role_account(role: &Role) -> Option<&str> {
    match role {
        Role::Own => None,
        Role::Arn(arn) => arn.split(':').nth(4),
    }
}

fn sum(all: &[&Open]) -> Open {
    let mut total = Open::new();
    for (band, count) in all.iter().flat_map(|o| o.iter()) {
        *total.entry(*band).or_default() += count;
    }
    total
}
