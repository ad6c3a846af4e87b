//! The summary of a run: after all announcements, once for each due time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::future::{join_all, join3};

use crate::guardduty::{Detector, PAGE, ReadError};
use crate::message::{Summary, WorstFinding};
use crate::plan::summary::{NOISIEST, WORST, due_summary, most_frequent, most_severe, noisiest, summary_id};
use crate::plan::{Act, Queue, SummaryOf};
use crate::run::engine::Engine;
use crate::slack::Chat;
use crate::state::store::Store;
use crate::time::Millis;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Findings among which the most frequent pairs are looked for.
const FREQUENT: usize = 50;
/// Time for reading what a summary says.
const PATIENCE: Duration = Duration::from_secs(30);

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// The due time of which the summary is to be posted in this run.
    pub(super) fn summary_due(&self) -> Option<Millis> {
        let schedule = self.config.slack.summary.as_ref()?;
        let done = self.record.state.summary.as_ref()?.done;
        due_summary(schedule, done, self.clock.now())
    }

    /// Posts the summary that is due.
    pub(super) async fn summarize(&mut self) {
        if self.is_over() || self.summary_due().is_none() || self.record.unrecordable.is_some() {
            return;
        }
        // A run that died may have posted it.
        if !self.remember(&[]).await {
            return;
        }
        let Some(due) = self.summary_due() else { return };
        if self.memory.as_ref().is_some_and(|memory| memory.summaries.contains(&summary_id(due))) {
            tracing::info!(summary_id = summary_id(due), "summary found in history");
            self.record.state.set_summarized(due);
            return;
        }
        let name = self.channels.default.name().to_owned();
        if self.channels.is_closed(&name) {
            self.tally.problems.insert(format!("{name}: summary not posted; the channel history is not readable"));
            return;
        }
        let summary = self.write_summary(due).await;
        let act = Act::Summary(Box::new(SummaryOf { due, summary }));
        match self.print {
            Some(print) => print(&act),
            None => self.deliver(BTreeMap::from([(Queue::Channel(name), vec![act])])).await,
        }
    }

    async fn write_summary(&mut self, due: Millis) -> Summary {
        let progress = self.record.state.summary.clone();
        let mut summary = Summary {
            id: summary_id(due),
            new: progress.as_ref().map_or(0, |progress| progress.new),
            archived: progress.as_ref().map_or(0, |progress| progress.archived),
            ..Summary::default()
        };
        if self.config.slack.triage.is_some() {
            summary.unacknowledged = Some(self.record.state.unacknowledged().count() as u64);
        }
        self.count_open(&mut summary);
        self.count_older(&mut summary).await;
        summary.worst = self.worst_findings().await;
        let ids = most_frequent(&self.record.state, FREQUENT);
        let documents = if ids.is_empty() { Vec::new() } else { self.documents_of(&ids).await };
        summary.noisiest = noisiest(&documents);
        debug_assert!(summary.noisiest.len() <= NOISIEST);
        summary
    }

    /// Adds up what each source counted when it was read.
    fn count_open(&self, summary: &mut Summary) {
        for (key, track) in self.intake.tracks.iter().filter(|(key, _)| self.is_polled(key)) {
            let Some(counts) = &track.open else {
                summary.add_unknown(key);
                continue;
            };
            let open = summary.open.get_or_insert_default();
            for (band, count) in counts {
                *open.entry(*band).or_default() += count;
            }
        }
    }

    async fn count_older(&mut self, summary: &mut Summary) {
        let now = self.clock.now();
        let sources = self.intake.readers();
        let counted = async {
            join_all(sources.iter().map(async |(source, detector)| {
                let before = |days: u32| source.open_created_before(detector, now.minus(DAY * days));
                let (day, week, month) = join3(before(1), before(7), before(30)).await;
                Ok::<_, ReadError>([day?, week?, month?])
            }))
            .await
        };
        let Some(counts) = self.within(PATIENCE, counted).await else { return };
        for ((source, _), counts) in sources.iter().zip(counts) {
            match counts {
                Ok(counts) => {
                    let older = summary.older.get_or_insert_default();
                    older.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                }
                Err(error) => {
                    tracing::warn!(source = %source.key(), %error, "cannot count findings by age for the summary");
                    summary.add_unknown(&source.key().to_string());
                }
            }
        }
    }

    /// The most severe findings with their titles, as far as GuardDuty returns them, and links to their messages.
    async fn worst_findings(&mut self) -> Vec<WorstFinding> {
        let ids = most_severe(&self.record.state, WORST);
        let findings = self.findings_for_triage(&ids).await;
        let mut worst = Vec::new();
        for id in ids {
            let Some(entry) = self.record.state.findings.get(&id) else { continue };
            let Some((at, since)) = entry.at.clone().zip(entry.first_message()) else { continue };
            let title = findings.get(&id).and_then(|f| f.title.clone()).unwrap_or_else(|| format!("finding {id}"));
            let (band, severity) = (entry.band(), entry.sev);
            let chat = self.chat;
            let permalink = self.within(PATIENCE, chat.permalink(&at)).await.flatten();
            worst.push(WorstFinding { band, severity, title, since, permalink });
        }
        worst
    }

    /// Findings as GuardDuty returns them, with detector and region.
    async fn documents_of(&mut self, ids: &[String]) -> Vec<(serde_json::Value, String, String)> {
        let mut by_source: HashMap<u32, Vec<String>> = HashMap::new();
        for id in ids {
            if let Some(entry) = self.record.state.findings.get(id) {
                by_source.entry(entry.s).or_default().push(id.clone());
            }
        }
        let mut documents = Vec::new();
        for (n, ids) in by_source {
            let Some((source, detector)) = self.intake.reader(n) else { continue };
            debug_assert!(ids.len() <= PAGE);
            let Some(answer) = self.within(PATIENCE, source.documents(&detector, &ids)).await else { break };
            for text in answer.into_iter().flatten().map(|(_, text)| text) {
                if let Ok(document) = serde_json::from_str(&text) {
                    documents.push((document, detector.clone(), source.key().region.clone()));
                }
            }
        }
        documents
    }
}
