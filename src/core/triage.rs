//! Triage: reads reactions and performs their actions, after all announcements. Actions that remain at the end of a run are
//! left to the next run, which is not a failure.

mod archive;
mod escalate;
mod read;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

pub(super) use archive::ArchiveCall;

use crate::core::Core;
use crate::core::agenda::{FetchPurpose, Findings, Queues, Step};
use crate::core::event::{DetectorRef, FindingIds, Query, QueryResponse};
use crate::finding::Finding;
use crate::guardduty::{PAGE_SIZE, ReadError};
use crate::plan::{Delivery, Queue, Refresh};
use crate::slack::{MessageRef, Reaction};
use crate::state::FindingRecord;
use crate::triage::Messages;
use crate::user::UserId;

/// Maximum number of findings whose reactions a run carries out.
const MAX_CARRIED_OUT: usize = 200;

/// What a run knows of reactions.
#[derive(Default)]
pub(super) struct ReactionProgress {
    /// The recent messages were read, or could not be.
    is_recent_read: bool,
    /// The token may read reactions.
    is_permitted: bool,
    may_read_users: bool,
    bots: BTreeSet<UserId>,
    people: BTreeSet<UserId>,
    users_read: usize,
    /// Channel and `ts` of the messages whose reactions need no reading by themselves.
    covered_messages: HashSet<(String, String)>,
    /// Findings of which this run announced a revision.
    announced_findings: HashSet<String>,
    /// Findings whose reactions were read.
    read_findings: HashSet<String>,
    /// The state differs from the saved one.
    has_changed: bool,
    /// Findings for which this run recorded the intent to archive them.
    new_intents: HashSet<String>,
}

/// The reactions on the message of a finding.
#[derive(Debug)]
pub(super) struct ReactionsOf {
    finding: String,
    reactions: Vec<Reaction>,
}

#[derive(Debug)]
pub(super) enum TriageStep {
    /// Reads the reactions on the recent messages of each channel, once a run.
    ReadRecent,
    ReadAccess(Messages),
    ReadChannels(Messages),
    /// Records the meaning of reactions. Unknown users are looked up first.
    NoteReactions(VecDeque<ReactionsOf>),
    /// Reads the reactions on older messages one by one, the next ones in rotation.
    ReadOlder,
    /// The first `escalations` of them are read because an escalation is due.
    ReadMessages {
        unread: VecDeque<(String, MessageRef)>,
        escalations: usize,
    },
    Escalate,
    CarryOut,
    FetchDue(Vec<String>),
    ChangeArchiving {
        calls: VecDeque<ArchiveCall>,
        findings: Findings,
    },
    ShowMarks(Findings),
}

impl Core<'_> {
    pub(super) fn triage(&mut self, step: TriageStep) -> Option<Step> {
        self.config.slack.triage.as_ref()?;
        match step {
            TriageStep::ReadRecent => self.read_recent_reactions(),
            TriageStep::ReadAccess(messages) => return self.read_access(messages),
            TriageStep::ReadChannels(messages) => return self.read_channels(messages),
            TriageStep::NoteReactions(read) => return self.note_reactions(read),
            TriageStep::ReadOlder => self.read_older_reactions(),
            TriageStep::ReadMessages { unread, escalations } => return self.read_messages(unread, escalations),
            TriageStep::Escalate => self.escalate(),
            TriageStep::CarryOut => self.carry_out(),
            TriageStep::FetchDue(ids) => self.fetch_due(ids),
            TriageStep::ChangeArchiving { calls, findings } => return self.change_archiving(calls, findings),
            TriageStep::ShowMarks(findings) => self.show_marks(&findings),
        }
        None
    }

    /// Returns true if reactions may be read now. If the state cannot be saved, a removed reaction could not be detected.
    pub(super) fn may_triage(&self) -> bool {
        !self.is_over() && self.checkpoints.is_recorded() && !self.time_for_triage().is_zero()
    }

    /// Findings whose message, or archiving status, does not match the reactions.
    fn due_for_triage(&self) -> Vec<String> {
        let is_due = |entry: &FindingRecord| entry.triage.as_ref().is_some_and(|triage| triage.is_due());
        let due = self.state.findings.iter().filter(|(_, entry)| is_due(entry)).map(|(id, _)| id.clone());
        due.take(MAX_CARRIED_OUT).collect()
    }

    /// Saves what is to be done, then does it: archives, then updates the messages.
    fn carry_out(&mut self) {
        let due = self.due_for_triage();
        if due.is_empty() || !self.may_triage() {
            return;
        }
        let fetch = Step::Triage(TriageStep::FetchDue(due));
        if !self.reactions.has_changed || self.config.dry_run {
            return self.do_first([fetch]);
        }
        self.checkpoints.begin_posting();
        let save = self.save();
        self.do_first([Step::WaitForSave(save), fetch]);
    }

    fn fetch_due(&mut self, ids: Vec<String>) {
        if self.may_triage() {
            self.begin_fetching(&ids, FetchPurpose::Marks);
        }
    }

    /// Reads findings as GuardDuty has them now.
    pub(super) fn begin_fetching(&mut self, ids: &[String], purpose: FetchPurpose) {
        let pages = self.pages_of(ids);
        self.do_first([Step::FetchFindings { pages, found: Findings::new(), purpose }]);
    }

    /// The pages by which findings are read, as far as the detectors of their sources are known.
    pub(super) fn pages_of(&self, ids: &[String]) -> VecDeque<FindingIds> {
        let mut by_source: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for id in ids {
            if let Some(entry) = self.state.findings.get(id) {
                by_source.entry(entry.source_id).or_default().push(id.clone());
            }
        }
        let mut pages = VecDeque::new();
        for (source_id, ids) in by_source {
            let Some(detector) = self.sources.detector(source_id) else { continue };
            let page = |ids: &[String]| FindingIds { detector: detector.clone(), ids: ids.to_vec() };
            pages.extend(ids.chunks(PAGE_SIZE).map(page));
        }
        pages
    }

    /// Reads one page after another. If there is no time for a page, the others are not read either.
    pub(super) fn fetch_findings(
        &mut self,
        mut pages: VecDeque<FindingIds>,
        mut found: Findings,
        purpose: FetchPurpose,
    ) -> Option<Step> {
        while let Some(page) = pages.front() {
            let query = || Query::Findings(page.clone());
            match self.query_within(Duration::MAX, query) {
                Poll::Pending => return Some(Step::FetchFindings { pages, found, purpose }),
                Poll::Ready(Some(QueryResponse::Findings(Ok(findings)))) => {
                    found.extend(findings.into_iter().map(|f| (f.id.clone(), Rc::new(f))));
                }
                Poll::Ready(Some(QueryResponse::Findings(Err(error)))) => log_unread_findings(&page.detector, &error),
                Poll::Ready(_) => break,
            }
            pages.pop_front();
        }
        // One with a revision that was not announced yet is left to the next run, which announces it.
        found.retain(|_, f| f.archived || !self.is_unannounced(f));
        self.on_findings(found, purpose);
        None
    }

    fn on_findings(&mut self, found: Findings, purpose: FetchPurpose) {
        match purpose {
            FetchPurpose::Escalations(due) => self.deliver_escalations(due, &found),
            FetchPurpose::Marks => self.begin_archiving(found),
            FetchPurpose::Investigations(due) => self.begin_assessments(due, found),
            FetchPurpose::Summary { summary, ids } => self.begin_worst_findings(summary, ids, &found),
        }
    }

    fn show_marks(&mut self, findings: &Findings) {
        let deliveries = self.marks_to_show(findings);
        if self.config.dry_run {
            self.print(deliveries);
        } else if !deliveries.is_empty() {
            self.fill_outbox(Queues::from([(Queue::Edits, deliveries)]));
        }
    }

    fn marks_to_show(&self, findings: &Findings) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for (id, entry) in &self.state.findings {
            let Some(triage) = entry.triage.as_ref().filter(|triage| triage.stale) else { continue };
            let Some((f, at)) = findings.get(id).zip(entry.bot_message().cloned()) else { continue };
            let related = self.state.related(f);
            let refresh = Refresh {
                message: at,
                marks: triage.marks.clone(),
                known_attributes: entry.attributes.clone(),
                related,
                intended_channel: entry.intended_channel.clone(),
            };
            deliveries.push(Delivery::Refresh(f.clone(), refresh));
        }
        deliveries
    }

    /// Notes that a revision is announced: a resolution that is older does not count for it.
    pub(super) fn note_announced(&mut self, f: &Finding) {
        if self.config.slack.triage.is_some() && !self.state.is_processed(&f.id, f.updated) {
            self.reactions.announced_findings.insert(f.id.clone());
        }
    }

    /// Removes the recurrences that wait until the reactions are read: a muted thread gets no reply about them. A first
    /// sighting and a higher severity level do not wait.
    pub(super) fn take_recurrences(&mut self, batch: &mut Vec<Rc<Finding>>) -> Vec<Rc<Finding>> {
        if self.config.slack.triage.is_none() || self.reactions.is_recent_read {
            return Vec::new();
        }
        let state = &self.state;
        let waits = |f: &Rc<Finding>| {
            state
                .findings
                .get(&f.id)
                .is_some_and(|entry| entry.message.is_some() && f.severity_level() <= entry.severity_level())
        };
        let (recurrences, others) = std::mem::take(batch).into_iter().partition(waits);
        *batch = others;
        recurrences
    }
}

fn log_unread_findings(detector: &DetectorRef, error: &ReadError) {
    let source = &detector.source;
    tracing::warn!(%source, %error, "failed to read findings; the next run retries");
}
