//! The agenda of a run: steps that are performed in order. A step can insert other steps before the remaining ones.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use crate::core::Core;
use crate::core::checkpoint::DueSave;
use crate::core::event::FindingIds;
use crate::core::full_log::PageOfSource;
use crate::core::investigations::{DueInvestigation, InvestigationStep};
use crate::core::summary::SummaryStep;
use crate::core::triage::TriageStep;
use crate::finding::Finding;
use crate::plan::{Delivery, DueSummary, Queue};
use crate::time::Timestamp;

/// Deliveries by queue.
pub(super) type Queues = BTreeMap<Queue, Vec<Delivery>>;
/// Findings by ID.
pub(super) type Findings = HashMap<String, Rc<Finding>>;

/// Findings that are announced together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub findings: Vec<Rc<Finding>>,
    /// Findings whose archiving was looked up.
    pub looked_up: Vec<Rc<Finding>>,
}

/// One step of a run.
#[derive(Debug)]
pub(super) enum Step {
    /// Waits until every source has responded, or until the planning deadline.
    Gather {
        planning_deadline: Timestamp,
    },
    AnnounceUsableIdentities,
    /// Announces what arrived, and gathers more as long as there is more.
    NextBatch,
    GatherMore,
    AnnounceUnansweredSources,
    AnnounceArrived,
    /// Announces what waited: recurrences for the reactions, siblings for a message.
    AnnounceLater(Batch),
    FinishBatch,
    AnnounceBatch(Batch),
    /// Reads the history of the channels, and treats these findings as delivered if it contains them.
    Reconcile(Vec<Rc<Finding>>),
    PlanBatch(Batch),
    WaitForSave(DueSave),
    BeginDelivery(Queues),
    DeliverQueues {
        end_of_grace: Option<Timestamp>,
    },
    Redirect,
    LogInFull(VecDeque<PageOfSource>),
    Triage(TriageStep),
    /// Reads findings by ID, a page at a time, for the step that needs them.
    FetchFindings {
        pages: VecDeque<FindingIds>,
        found: Findings,
        purpose: FetchPurpose,
    },
    Investigations(InvestigationStep),
    Summary(SummaryStep),
    Close,
    Finish {
        save: DueSave,
        last_success: Option<Timestamp>,
    },
}

/// What findings are read for.
#[derive(Debug)]
pub(super) enum FetchPurpose {
    Escalations(Vec<String>),
    Marks,
    Investigations(Vec<DueInvestigation>),
    Summary { summary: Box<DueSummary>, ids: Vec<String> },
}

impl Core<'_> {
    pub(super) fn first_agenda() -> VecDeque<Step> {
        VecDeque::from([
            Step::AnnounceUsableIdentities,
            Step::NextBatch,
            Step::AnnounceUnansweredSources,
            Step::Triage(TriageStep::ReadRecent),
            Step::Triage(TriageStep::ReadOlder),
            Step::Triage(TriageStep::Escalate),
            Step::Triage(TriageStep::CarryOut),
            Step::Investigations(InvestigationStep::Begin),
            Step::Summary(SummaryStep::Begin),
            Step::Close,
        ])
    }

    /// Puts steps before those that are left: those of a later call come before those of an earlier one.
    pub(super) fn do_first<const N: usize>(&mut self, steps: [Step; N]) {
        for step in steps.into_iter().rev() {
            self.agenda.push_front(step);
        }
    }

    /// Carries out the agenda up to the first step that must wait.
    pub(super) fn proceed(&mut self) {
        while let Some(step) = self.agenda.pop_front() {
            if let Some(waiting) = self.perform(step) {
                self.agenda.push_front(waiting);
                return;
            }
        }
    }

    /// Returns the step if it must wait.
    fn perform(&mut self, step: Step) -> Option<Step> {
        match step {
            Step::Gather { planning_deadline } => return self.gather(planning_deadline),
            Step::AnnounceUsableIdentities => self.announce_usable_identities(),
            Step::NextBatch => self.begin_batch(),
            Step::GatherMore => self.gather_more(),
            Step::AnnounceUnansweredSources => self.announce_unanswered_sources(),
            Step::AnnounceArrived => self.announce_arrived(),
            Step::AnnounceLater(batch) => self.announce_later(batch),
            Step::FinishBatch => self.finish_batch(),
            Step::AnnounceBatch(batch) => self.announce_batch(batch),
            Step::Reconcile(findings) => return self.reconcile(findings),
            Step::PlanBatch(batch) => self.plan_batch(batch),
            Step::WaitForSave(save) => return self.is_waiting_for(save).then_some(Step::WaitForSave(save)),
            Step::BeginDelivery(queues) => return self.begin_delivery(queues),
            Step::DeliverQueues { end_of_grace } => return self.deliver_queues(end_of_grace),
            Step::Redirect => self.redirect(),
            Step::LogInFull(pages) => return self.log_in_full(pages),
            Step::Triage(step) => return self.triage(step),
            Step::FetchFindings { pages, found, purpose } => return self.fetch_findings(pages, found, purpose),
            Step::Investigations(step) => return self.announce_investigations(step),
            Step::Summary(step) => return self.summarize(step),
            Step::Close => return self.close(),
            Step::Finish { save, last_success } => return self.finish(save, last_success),
        }
        None
    }

    /// Time at which the step that waits has more to do, if that is known.
    pub(super) fn wake_of_step(&self) -> Option<Timestamp> {
        match self.agenda.front()? {
            // If nothing arrived, the planning deadline passes, and the step still waits.
            Step::Gather { planning_deadline } => {
                [*planning_deadline, self.late_at()].into_iter().filter(|time| *time > self.now).min()
            }
            Step::Reconcile(_) => self.earlier.and_then(|earlier| earlier.readable_at),
            Step::DeliverQueues { end_of_grace } => self.outbox_wake_at.into_iter().chain(*end_of_grace).min(),
            _ => None,
        }
    }
}
