//! Logs complete findings that Slack shows only in the minimal form, or not at all.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::Poll;

use serde_json::{Value, json};

use crate::core::Core;
use crate::core::agenda::Step;
use crate::core::event::{FindingIds, Query, QueryResponse};
use crate::finding::Finding;
use crate::guardduty::{PAGE_SIZE, SourceKey};

/// At most [`PAGE_SIZE`] findings of one source.
#[derive(Debug)]
pub(super) struct PageOfSource {
    source: SourceKey,
    findings: Vec<Rc<Finding>>,
}

impl Core<'_> {
    pub(super) fn begin_full_log(&mut self) {
        let mut by_source: BTreeMap<SourceKey, Vec<Rc<Finding>>> = BTreeMap::new();
        for f in std::mem::take(&mut self.unshown) {
            by_source.entry(f.origin.source_key()).or_default().push(f);
        }
        let mut pages = VecDeque::new();
        for (source, findings) in by_source {
            let page = |findings: &[Rc<Finding>]| PageOfSource { source: source.clone(), findings: findings.to_vec() };
            pages.extend(findings.chunks(PAGE_SIZE).map(page));
        }
        self.do_first([Step::LogInFull(pages)]);
    }

    /// Logs findings as GuardDuty returns them; if it does not, as far as the program read them.
    pub(super) fn log_in_full(&mut self, mut pages: VecDeque<PageOfSource>) -> Option<Step> {
        while let Some(PageOfSource { source, findings }) = pages.front() {
            let Poll::Ready(documents) = self.read_documents(source, findings) else {
                return Some(Step::LogInFull(pages));
            };
            for f in findings {
                let document = documents.get(&f.id).cloned().unwrap_or_else(|| known_members(f).to_string());
                log(source, f, &document);
            }
            pages.pop_front();
        }
        None
    }

    fn read_documents(&mut self, source: &SourceKey, findings: &[Rc<Finding>]) -> Poll<BTreeMap<String, String>> {
        let Some(detector) = self.sources.detector_of(source) else { return Poll::Ready(BTreeMap::new()) };
        let ids = || findings.iter().map(|f| f.id.clone()).collect();
        let query = || Query::Documents(FindingIds { detector, ids: ids() });
        Poll::Ready(match std::task::ready!(self.query(query)) {
            Some(QueryResponse::Documents(Ok(documents))) => documents,
            Some(QueryResponse::Documents(Err(error))) => {
                tracing::debug!(%source, %error, "failed to fetch complete findings");
                BTreeMap::new()
            }
            _ => BTreeMap::new(),
        })
    }
}

fn log(source: &SourceKey, f: &Finding, document: &str) {
    tracing::warn!(finding_id = f.id, %source, finding = document, "complete finding");
}

/// The members that the program reads, and the text of the message, line by line.
fn known_members(f: &Finding) -> Value {
    let facts: Vec<String> =
        f.details().facts.iter().flat_map(|fact| &fact.lines).map(|line| line.to_plain()).collect();
    json!({
        "id": f.id, "type": f.kind.as_str(), "title": f.title, "description": f.details().description, "severity": f.severity,
        "accountId": f.account_id, "region": f.region, "updatedAt": f.updated_at,
        "createdAt": f.created.map(|t| t.to_rfc3339()), "eventFirstSeen": f.first_seen.map(|t| t.to_rfc3339()),
        "eventLastSeen": f.last_seen.map(|t| t.to_rfc3339()), "count": f.count, "archived": f.archived,
        "resource": {"resourceType": f.resource_kind, "subject": f.subject().to_plain()},
        "facts": facts,
    })
}
