//! Posts the summary, once per due time, after all announcements.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::Duration;

use crate::core::Core;
use crate::core::agenda::{FetchPurpose, Findings, Queues, Step};
use crate::core::event::{DetectorRef, FindingIds, Query, QueryResponse};
use crate::message::{Summary, WorstFinding};
use crate::plan::summary::{
    FindingDocument, NOISIEST, WORST, due_summary, most_frequent, most_severe, noisiest, summary_id,
};
use crate::plan::{Delivery, DueSummary, Queue};
use crate::slack::MessageRef;
use crate::time::Timestamp;

const DAY: Duration = Duration::from_hours(24);
/// Maximum number of findings among which the most frequent pairs are searched.
const MAX_FREQUENT: usize = 50;
/// Timeout for reading one part of a summary.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A finding without the link to its message.
#[derive(Debug)]
pub(super) struct Unlinked {
    message: Option<MessageRef>,
    finding: WorstFinding,
}

#[derive(Debug)]
pub(super) enum SummaryStep {
    Begin,
    /// The posted messages are known: a run that crashed may have posted the summary.
    Collect,
    CountOlder(Box<DueSummary>),
    ReadPermalinks {
        summary: Box<DueSummary>,
        worst: VecDeque<Unlinked>,
    },
    ReadDocuments {
        summary: Box<DueSummary>,
        pages: VecDeque<FindingIds>,
        documents: Vec<FindingDocument>,
    },
    Deliver(Box<DueSummary>),
}

impl Core<'_> {
    pub(super) fn summarize(&mut self, step: SummaryStep) -> Option<Step> {
        match step {
            SummaryStep::Begin => self.begin_summary(),
            SummaryStep::Collect => self.collect_summary(),
            SummaryStep::CountOlder(summary) => return self.count_older(summary),
            SummaryStep::ReadPermalinks { summary, worst } => return self.read_permalinks(summary, worst),
            SummaryStep::ReadDocuments { summary, pages, documents } => {
                return self.read_summary_documents(summary, pages, documents);
            }
            SummaryStep::Deliver(summary) => self.deliver_summary(summary),
        }
        None
    }

    /// The due time of which the summary is to be posted in this run.
    pub(super) fn summary_due(&self) -> Option<Timestamp> {
        let schedule = self.config.slack.summary.as_ref()?;
        let done = self.state.summary.as_ref()?.done;
        due_summary(schedule, done, self.now)
    }

    fn begin_summary(&mut self) {
        if self.is_over() || self.summary_due().is_none() || self.checkpoints.is_unrecordable() {
            return;
        }
        self.do_first([Step::Summary(SummaryStep::Collect)]);
        // Before that step.
        self.reconcile_first(Vec::new());
    }

    fn collect_summary(&mut self) {
        let Some(due) = self.summary_due().filter(|_| !self.is_over()) else { return };
        if self.posted.as_ref().is_some_and(|posted| posted.summaries.contains(&summary_id(due))) {
            tracing::info!(summary_id = summary_id(due), "summary found in history");
            self.state.set_summarized(due);
            return;
        }
        let name = self.channels.default.name().to_owned();
        if self.channels.is_closed(&name) {
            self.tally.problems.insert(format!("{name}: summary not posted; the channel history is not readable"));
            return;
        }
        let progress = self.state.summary.clone();
        let mut summary = Summary {
            id: summary_id(due),
            new: progress.as_ref().map_or(0, |progress| progress.new),
            archived: progress.as_ref().map_or(0, |progress| progress.archived),
            ..Summary::default()
        };
        if self.config.slack.triage.is_some() {
            summary.unacknowledged = Some(self.state.unacknowledged().count() as u64);
        }
        self.count_open(&mut summary);
        self.do_first([Step::Summary(SummaryStep::CountOlder(Box::new(DueSummary { due, content: summary })))]);
    }

    /// Adds up what each source counted when it was read.
    fn count_open(&self, summary: &mut Summary) {
        for (key, track) in self.sources.tracks.iter().filter(|(key, _)| self.is_polled(key)) {
            let Some(counts) = &track.open else {
                summary.add_unknown(&key.to_string());
                continue;
            };
            let open = summary.open.get_or_insert_default();
            for (level, count) in counts {
                *open.entry(*level).or_default() += count;
            }
        }
    }

    fn count_older(&mut self, mut summary: Box<DueSummary>) -> Option<Step> {
        let detectors = self.sources.detectors();
        let before = [1, 7, 30].map(|days: u32| self.now.minus(DAY * days));
        let Poll::Ready(response) = self.query_within(READ_TIMEOUT, || Query::OpenByAge(detectors.clone(), before))
        else {
            return Some(Step::Summary(SummaryStep::CountOlder(summary)));
        };
        if let Some(QueryResponse::OpenByAge(counts)) = response {
            for (DetectorRef { source, .. }, counts) in detectors.iter().zip(counts) {
                match counts {
                    Ok(counts) => {
                        let older = summary.content.older.get_or_insert_default();
                        older.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                    }
                    Err(error) => {
                        tracing::warn!(%source, %error, "cannot count findings by age for the summary");
                        summary.content.add_unknown(&source.to_string());
                    }
                }
            }
        }
        let ids = most_severe(&self.state, WORST);
        self.begin_fetching(&ids.clone(), FetchPurpose::Summary { summary, ids });
        None
    }

    /// The most severe findings with their titles, as far as GuardDuty returns them, and links to their messages.
    pub(super) fn begin_worst_findings(&mut self, summary: Box<DueSummary>, ids: Vec<String>, findings: &Findings) {
        let mut worst = VecDeque::new();
        for id in ids {
            let Some(entry) = self.state.findings.get(&id) else { continue };
            let Some(since) = entry.first_message().filter(|_| entry.message.is_some()) else { continue };
            let message = entry.bot_message().cloned();
            let title = findings.get(&id).and_then(|f| f.title.clone()).unwrap_or_else(|| format!("finding {id}"));
            let (level, severity) = (entry.severity_level(), entry.severity);
            let finding = WorstFinding { level, severity, title, since, permalink: None };
            worst.push_back(Unlinked { message, finding });
        }
        self.do_first([Step::Summary(SummaryStep::ReadPermalinks { summary, worst })]);
    }

    fn read_permalinks(&mut self, mut summary: Box<DueSummary>, mut worst: VecDeque<Unlinked>) -> Option<Step> {
        while let Some(Unlinked { message, .. }) = worst.front() {
            let Poll::Ready(permalink) = self.read_permalink(message.as_ref()) else {
                return Some(Step::Summary(SummaryStep::ReadPermalinks { summary, worst }));
            };
            let Unlinked { mut finding, .. } = worst.pop_front()?;
            finding.permalink = permalink;
            summary.content.worst.push(finding);
        }
        self.begin_documents(summary);
        None
    }

    fn read_permalink(&mut self, at: Option<&MessageRef>) -> Poll<Option<String>> {
        let Some(at) = at else { return Poll::Ready(None) };
        Poll::Ready(match std::task::ready!(self.query_within(READ_TIMEOUT, || Query::Permalink(at.clone()))) {
            Some(QueryResponse::Permalink(permalink)) => permalink,
            _ => None,
        })
    }

    fn begin_documents(&mut self, summary: Box<DueSummary>) {
        let pages = self.pages_of(&most_frequent(&self.state, MAX_FREQUENT));
        self.do_first([Step::Summary(SummaryStep::ReadDocuments { summary, pages, documents: Vec::new() })]);
    }

    fn read_summary_documents(
        &mut self,
        mut summary: Box<DueSummary>,
        mut pages: VecDeque<FindingIds>,
        mut documents: Vec<FindingDocument>,
    ) -> Option<Step> {
        while let Some(page) = pages.front() {
            let query = || Query::Documents(page.clone());
            let Poll::Ready(response) = self.query_within(READ_TIMEOUT, query) else {
                return Some(Step::Summary(SummaryStep::ReadDocuments { summary, pages, documents }));
            };
            let Some(QueryResponse::Documents(result)) = response else { break };
            for text in result.into_iter().flatten().map(|(_, text)| text) {
                if let Ok(finding) = serde_json::from_str(&text) {
                    let DetectorRef { source, id } = page.detector.clone();
                    documents.push(FindingDocument { finding, detector: id, region: source.region });
                }
            }
            pages.pop_front();
        }
        summary.content.noisiest = noisiest(&documents);
        debug_assert!(summary.content.noisiest.len() <= NOISIEST);
        self.do_first([Step::Summary(SummaryStep::Deliver(summary))]);
        None
    }

    fn deliver_summary(&mut self, summary: Box<DueSummary>) {
        let name = self.channels.default.name().to_owned();
        let delivery = Delivery::Summary(summary);
        self.deliver(Queues::from([(Queue::Channel(name), vec![delivery])]));
    }
}
