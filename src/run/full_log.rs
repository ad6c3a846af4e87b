//! Findings that are logged in full, because Slack shows them in the minimal form only, or not at all.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::finding::Finding;
use crate::guardduty::{Detector, PAGE};
use crate::run::engine::Engine;
use crate::slack::Chat;
use crate::state::store::Store;

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// Logs findings as GuardDuty returns them; as far as the program knows them where it does not.
    pub(super) async fn log_in_full(&mut self) {
        let mut by_source: BTreeMap<String, Vec<Rc<Finding>>> = BTreeMap::new();
        for f in std::mem::take(&mut self.unshown) {
            by_source.entry(f.origin.key()).or_default().push(f);
        }
        for (source, findings) in by_source {
            for page in findings.chunks(PAGE) {
                let documents = self.documents(&source, page).await;
                for f in page {
                    let document = documents.get(&f.id).cloned().unwrap_or_else(|| known_members(f).to_string());
                    log(&source, f, &document);
                }
            }
        }
    }

    async fn documents(&self, source: &str, findings: &[Rc<Finding>]) -> BTreeMap<String, String> {
        let ids: Vec<String> = findings.iter().map(|f| f.id.clone()).collect();
        let Some(track) = self.intake.tracks.get(source) else { return BTreeMap::new() };
        match self.stop.unless(track.documents(&ids)).await {
            Some(Ok(documents)) => documents,
            Some(Err(error)) => {
                tracing::debug!(source, %error, "failed to fetch complete findings");
                BTreeMap::new()
            }
            None => BTreeMap::new(),
        }
    }
}

fn log(source: &str, f: &Finding, document: &str) {
    tracing::warn!(finding_id = f.id, source, finding = document, "complete finding");
}

/// The members that the program reads, and the text of the message, line by line.
fn known_members(f: &Finding) -> Value {
    let facts: Vec<String> = f.details().facts.iter().flat_map(|fact| &fact.lines).map(|line| line.plain()).collect();
    json!({
        "id": f.id, "type": f.kind.as_str(), "title": f.title, "description": f.details().description, "severity": f.severity,
        "accountId": f.account_id, "region": f.region, "updatedAt": f.updated_at,
        "createdAt": f.created.map(|t| t.iso()), "eventFirstSeen": f.first_seen.map(|t| t.iso()),
        "eventLastSeen": f.last_seen.map(|t| t.iso()), "count": f.count, "archived": f.archived,
        "resource": {"resourceType": f.resource_kind, "subject": f.subject().plain()},
        "facts": facts,
    })
}
