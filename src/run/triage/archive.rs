//! Archives in GuardDuty what was resolved, after the intent was saved, and unarchives what was taken back.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use crate::finding::Finding;
use crate::guardduty::{ArchiveChange, Detector, PAGE};
use crate::run::engine::Engine;
use crate::slack::Chat;
use crate::state::Archiving;
use crate::state::store::Store;

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// Carries out the saved intents about these findings, and notes in them what is archived now. A failure is a
    /// warning, and the next run tries again.
    pub(super) async fn carry_to_guardduty(&mut self, findings: &mut HashMap<String, Rc<Finding>>) {
        let mut calls: BTreeMap<(u32, bool), Vec<String>> = BTreeMap::new();
        for (id, f) in findings.iter() {
            let Some(entry) = self.record.state.findings.get(id) else { continue };
            let intent = entry.triage.as_ref().and_then(|triage| triage.archiving);
            match (intent, f.archived) {
                (Some(Archiving::Archive), false) => calls.entry((entry.s, true)).or_default().push(id.clone()),
                (Some(Archiving::Unarchive), true) => calls.entry((entry.s, false)).or_default().push(id.clone()),
                // The call of a run that died took effect; or somebody else archived the finding, whose it remains.
                (Some(Archiving::Archive), true) if !self.reactions.new_intents.contains(id) => {
                    self.record.state.set_archiving(id, Some(Archiving::Archived), true);
                }
                (Some(Archiving::Archive), true) => self.record.state.set_archiving(id, None, true),
                (Some(Archiving::Unarchive), false) => self.record.state.set_archiving(id, None, false),
                (Some(Archiving::Archived) | None, _) => {}
            }
        }
        for ((n, is_archive), mut ids) in calls {
            ids.sort_unstable();
            let change = if is_archive { ArchiveChange::Archive } else { ArchiveChange::Unarchive };
            for page in ids.chunks(PAGE) {
                if self.change_archiving(n, page, change).await {
                    findings
                        .iter_mut()
                        .filter(|(id, _)| page.contains(id))
                        .for_each(|(_, f)| Rc::make_mut(f).archived = is_archive);
                }
            }
        }
    }

    /// Returns false if the call failed.
    async fn change_archiving(&mut self, n: u32, ids: &[String], change: ArchiveChange) -> bool {
        let Some((source, detector)) = self.intake.reader(n).filter(|_| !self.is_over()) else { return false };
        let done = match self.within(Duration::MAX, source.archive(&detector, ids, change)).await {
            Some(Ok(())) => match change {
                ArchiveChange::Archive => (Some(Archiving::Archived), true),
                ArchiveChange::Unarchive => (None, false),
            },
            Some(Err(error)) => {
                let source = source.key();
                tracing::warn!(
                    %source, findings = ids.len(), %error, reason = error.reason(), docs = "docs/slack.md",
                    "failed to archive or unarchive resolved findings in GuardDuty; the next run retries"
                );
                return false;
            }
            None => return false,
        };
        for id in ids {
            let resolved_by = self.record.state.findings.get(id).and_then(|entry| entry.marks().resolved);
            let user = resolved_by.map(|user| user.to_string()).unwrap_or_default();
            match change {
                ArchiveChange::Archive => tracing::info!(finding_id = id, user, "finding archived in GuardDuty"),
                ArchiveChange::Unarchive => tracing::info!(finding_id = id, "finding unarchived in GuardDuty"),
            }
            self.record.state.set_archiving(id, done.0, done.1);
            self.record.delivered();
        }
        true
    }
}
