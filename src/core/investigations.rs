//! Announces results of GuardDuty investigations in the threads of their findings, after the announcements of findings.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::core::Core;
use crate::core::agenda::{FetchPurpose, Findings, Queues, Step};
use crate::core::event::{DetectorRef, Query, QueryResponse};
use crate::finding::{Assessment, Finding, investigated_finding};
use crate::guardduty::{DetectorInfo, Investigation, ReadError, SourceKey, TransientReason};
use crate::plan::{Delivery, Queue, Reply, ReplySubject};

/// Maximum age of a result that is announced: nobody follows an older thread.
const MAX_RESULT_AGE: Duration = Duration::from_hours(24);
/// Maximum number of results that a run announces.
const MAX_RESULTS: usize = 10;
/// Time for the calls to GuardDuty.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// An investigation of a finding whose thread does not have the result.
#[derive(Debug)]
pub(super) struct DueInvestigation {
    finding: String,
    investigation: String,
    detector: DetectorRef,
}

#[derive(Debug)]
pub(super) enum InvestigationStep {
    Begin,
    /// Lists the investigations of the sources whose accounts can start some.
    List(Vec<DetectorRef>),
    ReadAssessments {
        due: VecDeque<DueInvestigation>,
        findings: Findings,
        replies: Queues,
    },
}

impl Core<'_> {
    /// Replies to findings with the results of their investigations, each once.
    pub(super) fn announce_investigations(&mut self, step: InvestigationStep) -> Option<Step> {
        match step {
            InvestigationStep::Begin => self.begin_investigations(),
            InvestigationStep::List(detectors) => return self.list_investigations(detectors),
            InvestigationStep::ReadAssessments { due, findings, replies } => {
                return self.read_assessments(due, findings, replies);
            }
        }
        None
    }

    fn begin_investigations(&mut self) {
        let has_messages = self.state.findings.values().any(|entry| entry.message.is_some());
        if !self.may_triage() || !has_messages {
            return;
        }
        let mut detectors = self.sources.detectors();
        detectors.retain(|of| self.can_investigate(&of.source));
        if !detectors.is_empty() {
            self.do_first([Step::Investigations(InvestigationStep::List(detectors))]);
        }
    }

    fn list_investigations(&mut self, detectors: Vec<DetectorRef>) -> Option<Step> {
        let Poll::Ready(response) = self.query_within(READ_TIMEOUT, || Query::Investigations(detectors.clone())) else {
            return Some(Step::Investigations(InvestigationStep::List(detectors)));
        };
        let Some(QueryResponse::Investigations(lists)) = response else { return None };
        let due = self.due_investigations(&detectors, lists);
        if !due.is_empty() {
            let ids: Vec<String> = due.iter().map(|due| due.finding.clone()).collect();
            self.begin_fetching(&ids, FetchPurpose::Investigations(due));
        }
        None
    }

    /// Selects the investigations whose results are due.
    fn due_investigations(
        &mut self,
        detectors: &[DetectorRef],
        lists: Vec<Result<Vec<Investigation>, ReadError>>,
    ) -> Vec<DueInvestigation> {
        let mut due: BTreeMap<(String, String), DueInvestigation> = BTreeMap::new();
        for (detector, list) in detectors.iter().zip(lists) {
            let Some(list) = self.keep_readable(&detector.source, list) else { continue };
            for investigation in list {
                let Some(finding) = self.finding_due(&investigation) else { continue };
                let id = (finding.clone(), investigation.id.clone());
                let investigation = investigation.id;
                due.insert(id, DueInvestigation { finding, investigation, detector: detector.clone() });
            }
        }
        due.into_values().take(MAX_RESULTS).collect()
    }

    pub(super) fn begin_assessments(&mut self, due: Vec<DueInvestigation>, findings: Findings) {
        let (due, replies) = (due.into(), Queues::new());
        self.do_first([Step::Investigations(InvestigationStep::ReadAssessments { due, findings, replies })]);
    }

    fn read_assessments(
        &mut self,
        mut due: VecDeque<DueInvestigation>,
        findings: Findings,
        mut replies: Queues,
    ) -> Option<Step> {
        while let Some(first) = due.front() {
            if let Some(f) = findings.get(&first.finding) {
                let Poll::Ready(assessment) = self.read_assessment(first) else {
                    let step = InvestigationStep::ReadAssessments { due, findings, replies };
                    return Some(Step::Investigations(step));
                };
                if let Some(reply) = assessment.and_then(|assessment| self.reply_with(f, assessment)) {
                    let channel = self.channels.name(&reply.message.channel);
                    replies.entry(Queue::Channel(channel)).or_default().push(Delivery::Reply(f.clone(), reply));
                }
            }
            due.pop_front();
        }
        self.deliver(replies);
        None
    }

    fn read_assessment(&mut self, due: &DueInvestigation) -> Poll<Option<Assessment>> {
        let query = || Query::Assessment(due.detector.clone(), due.investigation.clone());
        Poll::Ready(match std::task::ready!(self.query_within(READ_TIMEOUT, query)) {
            Some(QueryResponse::Assessment(Ok(assessment))) => Some(assessment),
            Some(QueryResponse::Assessment(Err(error))) => {
                let (source, finding_id) = (&due.detector.source, &due.finding);
                tracing::warn!(%source, finding_id, %error, "cannot read an investigation; the next run retries");
                None
            }
            _ => None,
        })
    }

    fn can_investigate(&self, key: &SourceKey) -> bool {
        let status = self.sources.tracks.get(key).and_then(|track| track.detector_info.as_ref());
        status.is_some_and(DetectorInfo::can_investigate)
    }

    /// An operation or a permission that is missing is one warning until it is there.
    fn keep_readable<T>(&mut self, key: &SourceKey, list: Result<T, ReadError>) -> Option<T> {
        let error = match list {
            Ok(list) => {
                self.state.note_investigations(key, true);
                return Some(list);
            }
            Err(error) => error,
        };
        let is_rejected = matches!(error, ReadError::Transient { reason: TransientReason::Rejected, .. });
        let is_lasting = error.is_lasting() || is_rejected;
        if !is_lasting || self.state.note_investigations(key, false) {
            tracing::warn!(source = %key, %error, "cannot list investigations; their results are not announced");
        }
        None
    }

    /// The finding that an investigation is about, if its thread is to have the result.
    fn finding_due(&mut self, investigation: &Investigation) -> Option<String> {
        let id = investigated_finding(&investigation.prompt)?;
        let is_recent = self.now.duration_since(investigation.ended) < MAX_RESULT_AGE;
        let entry = self.state.findings.get(id).filter(|_| is_recent)?;
        let has_thread = entry.bot_message().is_some();
        let is_due = has_thread && !entry.has_investigation(&investigation.id) && !self.tried.contains(id);
        if is_due && entry.marks().muted.is_some() {
            self.state.set_investigated(id, &investigation.id);
            return None;
        }
        is_due.then(|| id.to_owned())
    }

    fn reply_with(&self, f: &Finding, assessment: Assessment) -> Option<Reply> {
        let message = self.state.findings.get(&f.id)?.bot_message()?.clone();
        Some(Reply { message, mention: None, subject: ReplySubject::Investigation(Rc::new(assessment)) })
    }
}
