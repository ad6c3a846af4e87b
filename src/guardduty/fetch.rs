//! Fetching findings by their IDs, whatever the answers are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::PAGE_SIZE;
use super::error::ReadError;
use crate::finding::{Answer, Finding, NotAnAnswer, Origin, undecodable};

/// Number of answers that are not JSON, of a source that never gave another one, after which it is unreadable.
pub(super) const MAX_UNREADABLE_ANSWERS: usize = 15;

/// An answer of `GetFindings` that was not JSON, however often it was requested.
pub(super) struct Unreadable {
    pub(super) answer: NotAnAnswer,
    pub(super) error: ReadError,
}

/// Fetches the findings of these IDs; `request` fetches up to [`PAGE_SIZE`] of them. `has_answered`: the source has given an
/// answer that is JSON in this run.
///
/// An answer that is never JSON is requested in halves, down to the finding that breaks it. That finding is returned
/// with its ID only, provided that other answers of the source are JSON; if none is, the source is unreadable.
pub(super) async fn fetch(
    ids: &[String],
    origin: &Arc<Origin>,
    has_answered: &AtomicBool,
    request: impl AsyncFn(&[String]) -> Result<Result<Answer, Unreadable>, ReadError>,
) -> Result<Vec<Finding>, ReadError> {
    let mut found: Vec<Finding> = Vec::with_capacity(ids.len());
    let mut unreadable = Vec::new();
    let mut failures = 0;
    let mut parts: VecDeque<&[String]> = ids.chunks(PAGE_SIZE).collect();
    while let Some(part) = parts.pop_front() {
        match request(part).await? {
            Ok(answer) => {
                has_answered.store(true, Ordering::Relaxed);
                found.extend(answer.findings);
                if answer.unidentified > 0 && part.len() > 1 {
                    // Asked for alone, a finding without an ID is the one that was asked for.
                    let is_missing = |id: &&[String]| !found.iter().any(|finding| finding.id == id[0]);
                    parts.extend(part.chunks(1).filter(is_missing));
                }
            }
            Err(failure) => {
                failures += 1;
                if failures > MAX_UNREADABLE_ANSWERS && !has_answered.load(Ordering::Relaxed) {
                    return Err(failure.error);
                }
                match part.split_at(part.len() / 2) {
                    ([], _) => unreadable.push((&part[0], failure)),
                    (first, second) => parts.extend([first, second]),
                }
            }
        }
    }
    match unreadable.pop() {
        Some((_, failure)) if !has_answered.load(Ordering::Relaxed) => return Err(failure.error),
        last => unreadable.extend(last),
    }
    found.extend(unreadable.iter().map(|(id, failure)| undecodable(id, &failure.answer.text, origin)));
    Ok(found)
}
