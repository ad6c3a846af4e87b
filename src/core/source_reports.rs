//! Handles the results of reading sources: records them in the state, announces changes, and passes findings to planning.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{Regions, Role};
use crate::core::Core;
use crate::core::agenda::Step;
use crate::core::event::UnusableIdentity;
use crate::finding::{Finding, FindingCounts};
use crate::guardduty::{ReadError, SourceKey, TransientReason};
use crate::plan::source_health::{self, Observation, SourceStatus};
use crate::plan::source_notices;
use crate::poll::source::SourceReport;
use crate::poll::watched;
use crate::source_key::{IdentityKey, SourceOrIdentity};
use crate::state::DetectorStatus;

/// What the sources showed and was not planned yet.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    pub findings: Vec<Rc<Finding>>,
    /// Findings whose archiving was looked up.
    pub looked_up: Vec<Rc<Finding>>,
    pub excluded: Vec<SourceOrIdentity>,
    /// Sources new to the state, and what was open in them before.
    pub new_sources: Vec<(SourceOrIdentity, Option<FindingCounts>)>,
}

impl Arrived {
    pub(super) fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.looked_up.is_empty() && self.excluded.is_empty() && self.new_sources.is_empty()
    }
}

impl Core<'_> {
    /// Announces that the sources of an identity that could not be used can be read again, once every identity can, and
    /// removes its entry. Until the state has all sources, the entry has the time from which those without a state are read.
    pub(super) fn announce_usable_identities(&mut self) {
        let is_in_state = |key: &SourceKey| self.state.source(key).is_some();
        let are_all_known = self.sources.is_discovered() && self.sources.tracks.keys().all(is_in_state);
        if self.is_identity_unusable || !are_all_known {
            return;
        }
        let keys = self.state.sources.keys().filter(|key| key.is_identity());
        for key in keys.cloned().collect::<Vec<_>>() {
            if let Some(source) = self.state.remove_source(&key) {
                self.queue_notices(source_health::recovery(&key, &source, self.epoch, self.now).into_iter().collect());
            }
        }
    }

    pub(super) fn on_sources_discovered(&mut self, result: Result<Vec<SourceKey>, UnusableIdentity>) {
        self.sources.count_discovery();
        match result {
            Ok(sources) => {
                for source in sources {
                    let request =
                        self.sources.first_request(source, &self.state, &self.capacity, &self.known, self.now);
                    request.into_iter().for_each(|request| self.request(request));
                }
            }
            Err(unusable) => self.on_unusable_identity(&unusable),
        }
    }

    /// Records that the sources of an identity are unreadable. Only the state shows which ones they are.
    fn on_unusable_identity(&mut self, u: &UnusableIdentity) {
        tracing::error!(identity = u.identity, error = %u.error, reason = u.error.reason(), "cannot use AWS identity");
        self.tally.problems.insert(format!("{}: {}", u.identity, u.error));
        self.is_identity_unusable = true;
        let others: Vec<&str> = self.config.aws.roles.iter().filter_map(Role::account).collect();
        let is_of_identity = |key: &SourceOrIdentity| match (key.account(), u.account.as_deref()) {
            (Some(account), Some(own)) => account == own,
            (Some(account), None) => !others.contains(&account),
            (None, own) => own.is_none() && key.is_identity(),
        };
        let mut keys: Vec<SourceOrIdentity> =
            self.state.sources.keys().filter(|k| is_of_identity(k)).cloned().collect();
        if keys.is_empty() {
            let identity = u.account.clone().map_or(IdentityKey::Pod, IdentityKey::Account);
            keys.push(SourceOrIdentity::Identity(identity));
        }
        for key in keys {
            self.record_health(&key, &SourceStatus::Unreadable(&u.error));
        }
    }

    /// Records the result of a source.
    pub(super) fn on_source_read(&mut self, mut report: SourceReport) {
        self.sources.count_response();
        let key = report.key.clone();
        if !report.warnings.is_empty() {
            let error = report.warnings.join("; ");
            tracing::warn!(source = %key, error, "optional GuardDuty checks failed");
        }
        if report.is_first_read {
            self.note_first_report(&key, &report);
        }
        if let Some(error) = report.error().filter(|_| self.is_polled(&key)) {
            tracing::error!(source = %key, %error, reason = error.reason(), "failed to read source");
            self.tally.problems.insert(format!("{key}: {error}"));
        }
        let Some(source_id) = self.state.source(&key).map(|s| s.id) else { return };
        self.note_unfetched(&report, source_id);
        let new = self.sources.record(&mut report, self.now);
        if let Some(track) = self.sources.tracks.get_mut(&key) {
            track.source_id = source_id;
        }
        let (new_findings, has_more) = (new.len(), report.batch.rest.is_some());
        tracing::debug!(source = %key, new_findings, has_more, "source read");
        self.arrived.findings.extend(new);
        self.arrived.looked_up.append(&mut report.looked_up);
    }

    fn note_first_report(&mut self, key: &SourceKey, report: &SourceReport) {
        let status = match (report.error(), &report.detector_id) {
            (Some(error), _) => SourceStatus::Unreadable(error),
            (None, Ok(Some(id))) => {
                SourceStatus::Detector { id, enabled: report.detector_info.as_ref().map(|info| info.enabled) }
            }
            (None, _) => SourceStatus::NoDetector,
        };
        if matches!(status, SourceStatus::NoDetector) && !self.has_all_regions() {
            tracing::warn!(source = %key, "no GuardDuty detector in this region; nothing can be found there");
        }
        let entry = SourceOrIdentity::Source(key.clone());
        if self.record_health(&entry, &status) {
            self.arrived.new_sources.push((entry, report.open_before.clone()));
        }
        // The detector identifies messages in the history that are about this source, even if the list is incomplete.
        if let Ok(Some(id)) = &report.detector_id {
            self.state.note_detector(key, id);
        }
        self.compare_configuration(key, report);
    }

    fn has_all_regions(&self) -> bool {
        matches!(self.config.aws.regions, Regions::All { .. })
    }

    /// Notes the health of a source, and announces changes. Returns true if the source is new and polled.
    fn record_health(&mut self, key: &SourceOrIdentity, status: &SourceStatus) -> bool {
        let (start, has_all_regions) = (self.sources.start, self.has_all_regions());
        let (source, is_new) = self.state.source_or_insert(key, start);
        let was_excluded = source.detector_status == DetectorStatus::Excluded;
        let observation = Observation { key, status, is_new, has_all_regions, epoch: self.epoch, now: self.now };
        let (mut source, notices) = observation.update(source);
        source.last_configured_at = Some(self.now);
        let is_excluded = source.detector_status == DetectorStatus::Excluded;
        if was_excluded && !is_excluded {
            source.reset_to(start);
        }
        self.state.set_source(key, source);
        if is_excluded && is_new {
            self.arrived.excluded.push(key.clone());
        }
        self.queue_notices(notices);
        (is_new || was_excluded) && !is_excluded
    }

    fn compare_configuration(&mut self, key: &SourceKey, report: &SourceReport) {
        let Some(mut source) = self.state.source(key).cloned() else { return };
        if let Some(last) = &report.looked_up_to {
            source.archive_cursor = Some(last.clone());
        }
        let notices = watched::compare(key, &mut source, &mut self.state.shared_sets, report, self.epoch, self.now);
        self.state.set_source(&key.clone().into(), source);
        self.queue_notices(notices);
    }

    /// Notes the findings that were listed and not returned: they are given up after a day, unless they are returned.
    fn note_unfetched(&mut self, report: &SourceReport, source_id: u32) {
        for id in &report.batch.unchanged {
            self.state.remove_unfetched(id);
        }
        for id in &report.batch.unfetched {
            let since = self.state.note_unfetched(id, source_id, self.now);
            tracing::warn!(
                finding_id = id,
                source = %report.key,
                since = since.to_rfc3339(),
                "finding was listed but not returned by GetFindings; the next run retries"
            );
            self.tally.problems.insert(format!("{}: finding listed but not returned by GetFindings", report.key));
        }
    }

    /// Queues one notice for all new sources, one for all regions that are left out. A state that has these sources must
    /// have the notices, too: no later run finds the sources new.
    pub(super) fn announce_sources(&mut self) {
        let new_sources = std::mem::take(&mut self.arrived.new_sources);
        let known: Vec<&FindingCounts> = new_sources.iter().filter_map(|(_, open)| open.as_ref()).collect();
        let open = (!known.is_empty()).then(|| sum(&known));
        let keys: Vec<SourceOrIdentity> = new_sources.iter().map(|(key, _)| key.clone()).collect();
        let lookback = self.look_back();
        let mut notices = Vec::new();
        let is_any_known = !keys.is_empty() || self.sources.tracks.values().any(|t| t.is_read);
        if self.is_new_installation && is_any_known {
            self.is_new_installation = false;
            notices.push(source_notices::no_state_notice(lookback, open.as_ref(), self.epoch));
        } else if self.state.saved_at.is_some() {
            notices.extend(source_notices::new_sources_notice(&keys, lookback, open.as_ref(), self.epoch));
        }
        let excluded = std::mem::take(&mut self.arrived.excluded);
        notices.extend(source_notices::excluded_regions_notice(&excluded, self.epoch));
        self.queue_notices(notices);
    }

    /// Period for which new sources are read; in whole minutes where it is longer than configured.
    fn look_back(&self) -> Duration {
        let more = self.begun.duration_since(self.sources.start).saturating_sub(self.config.lookback);
        self.config.lookback + Duration::from_secs(more.as_secs().div_ceil(60) * 60)
    }

    /// Returns true if a source is polled: a region that is left out is not.
    pub(super) fn is_polled(&self, key: &SourceKey) -> bool {
        self.state.source(key).is_some_and(|s| s.detector_status != DetectorStatus::Excluded)
    }

    pub(super) fn is_new_or_polled(&self, key: &SourceKey) -> bool {
        self.state.source(key).is_none() || self.is_polled(key)
    }

    /// Announces the sources that did not respond within the run's time, while there is still time to do so. A run that a
    /// signal ended early does not announce them.
    pub(super) fn announce_unanswered_sources(&mut self) {
        self.note_unanswered_sources();
        if self.is_over() {
            return;
        }
        self.announce_sources();
        if self.is_notice_due() {
            self.do_first([Step::AnnounceArrived]);
        }
    }

    fn note_unanswered_sources(&mut self) {
        if self.is_shutdown_requested || self.checkpoints.has_conflict() {
            return;
        }
        let unanswered = self.sources.tracks.iter().filter(|(_, t)| !t.is_read).map(|(key, _)| key.clone());
        for key in unanswered.filter(|key| self.is_new_or_polled(key)).collect::<Vec<_>>() {
            let error = ReadError::Transient {
                reason: TransientReason::Timeout,
                text: "no response within RUN_TIMEOUT".into(),
            };
            tracing::error!(source = %key, %error, reason = error.reason(), "failed to read source");
            self.tally.problems.insert(format!("{key}: {error}"));
            let key = SourceOrIdentity::Source(key);
            if self.record_health(&key, &SourceStatus::Unreadable(&error)) {
                self.arrived.new_sources.push((key, None));
            }
        }
    }
}

fn sum(all: &[&FindingCounts]) -> FindingCounts {
    let mut total = FindingCounts::new();
    for (level, count) in all.iter().flat_map(|o| o.iter()) {
        *total.entry(*level).or_default() += count;
    }
    total
}
