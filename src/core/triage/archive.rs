//! Archives resolved findings in GuardDuty after the intent was saved, and unarchives findings whose resolution was
//! withdrawn.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::core::Core;
use crate::core::agenda::{Findings, Step};
use crate::core::event::{DetectorRef, FindingIds, Query, QueryResponse};
use crate::core::triage::TriageStep;
use crate::core::write_ahead::Intent;
use crate::guardduty::{ArchiveChange, PAGE_SIZE, ReadError};
use crate::state::Archiving;

/// One request that archives findings of a source, or unarchives them.
#[derive(Debug)]
pub(in crate::core) struct ArchiveCall {
    /// The ID of the source.
    source_id: u32,
    change: ArchiveChange,
    ids: Vec<String>,
}

impl Core<'_> {
    /// Carries out the saved intents about these findings, and records which of them are archived now. A failure is a
    /// warning, and the next run tries again.
    pub(super) fn begin_archiving(&mut self, findings: Findings) {
        let calls = if self.config.dry_run { VecDeque::new() } else { self.archive_calls(&findings) };
        self.do_first([Step::Triage(TriageStep::ChangeArchiving { calls, findings })]);
    }

    fn archive_calls(&mut self, findings: &Findings) -> VecDeque<ArchiveCall> {
        let mut due: BTreeMap<(u32, bool), Vec<String>> = BTreeMap::new();
        for (id, f) in findings {
            let Some(entry) = self.state.findings.get(id) else { continue };
            let intent = entry.triage.as_ref().and_then(|triage| triage.archiving);
            match (intent, f.archived) {
                (Some(Archiving::Archive), false) => due.entry((entry.source_id, true)).or_default().push(id.clone()),
                (Some(Archiving::Unarchive), true) => due.entry((entry.source_id, false)).or_default().push(id.clone()),
                // The call of a run that died took effect; or somebody else archived the finding, whose it remains.
                (Some(Archiving::Archive), true) if !self.reactions.new_intents.contains(id) => {
                    self.state.set_archiving(id, Some(Archiving::Archived), true);
                }
                (Some(Archiving::Archive), true) => self.state.set_archiving(id, None, true),
                (Some(Archiving::Unarchive), false) => self.state.set_archiving(id, None, false),
                (Some(Archiving::Archived) | None, _) => {}
            }
        }
        let mut calls = VecDeque::new();
        for ((source_id, is_archive), mut ids) in due {
            ids.sort_unstable();
            let change = if is_archive { ArchiveChange::Archive } else { ArchiveChange::Unarchive };
            calls.extend(ids.chunks(PAGE_SIZE).map(|ids| ArchiveCall { source_id, change, ids: ids.to_vec() }));
        }
        calls
    }

    pub(super) fn change_archiving(
        &mut self,
        mut calls: VecDeque<ArchiveCall>,
        mut findings: Findings,
    ) -> Option<Step> {
        while let Some(call) = calls.front() {
            let Poll::Ready(is_done) = self.request_change(call) else {
                return Some(Step::Triage(TriageStep::ChangeArchiving { calls, findings }));
            };
            if is_done {
                self.note_change(call, &mut findings);
            }
            calls.pop_front();
        }
        self.do_first([Step::Triage(TriageStep::ShowMarks(findings))]);
        None
    }

    /// Returns false if the findings are not archived, or unarchived.
    fn request_change(&mut self, call: &ArchiveCall) -> Poll<bool> {
        // A query in progress was permitted when it began.
        let is_permitted = self.queries.is_open() || self.may_archive();
        let Some(detector) = self.sources.detector(call.source_id).filter(|_| is_permitted) else {
            return Poll::Ready(false);
        };
        debug_assert!(call.ids.iter().all(|id| Intent::Archiving(id).is_in(&self.state)), "{call:?}");
        let ids = || FindingIds { detector: detector.clone(), ids: call.ids.clone() };
        let query = || Query::ChangeArchiving(ids(), call.change);
        Poll::Ready(match std::task::ready!(self.query_within(Duration::MAX, query)) {
            Some(QueryResponse::ArchivingChanged(Ok(()))) => true,
            Some(QueryResponse::ArchivingChanged(Err(error))) => {
                log_failed_change(&detector, call, &error);
                false
            }
            _ => false,
        })
    }

    fn note_change(&mut self, call: &ArchiveCall, findings: &mut Findings) {
        let (archiving, is_archived) = match call.change {
            ArchiveChange::Archive => (Some(Archiving::Archived), true),
            ArchiveChange::Unarchive => (None, false),
        };
        for id in &call.ids {
            let resolved_by = self.state.findings.get(id).and_then(|entry| entry.marks().resolved);
            let user = resolved_by.map(|user| user.to_string()).unwrap_or_default();
            match call.change {
                ArchiveChange::Archive => tracing::info!(finding_id = id, user, "finding archived in GuardDuty"),
                ArchiveChange::Unarchive => tracing::info!(finding_id = id, "finding unarchived in GuardDuty"),
            }
            self.state.set_archiving(id, archiving, is_archived);
            self.checkpoints.count_delivery();
            if let Some(f) = findings.get_mut(id) {
                Rc::make_mut(f).archived = is_archived;
            }
        }
    }
}

fn log_failed_change(detector: &DetectorRef, call: &ArchiveCall, error: &ReadError) {
    let source = &detector.source;
    tracing::warn!(
        %source, findings = call.ids.len(), %error, reason = error.reason(), docs = "docs/slack.md",
        "failed to archive or unarchive resolved findings in GuardDuty; the next run retries"
    );
}
