//! Fetches findings by their IDs, and isolates findings that break a response.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::PAGE_SIZE;
use super::error::ReadError;
use crate::finding::{DecodedFindings, Finding, NotAnAnswer, Origin, undecodable};

/// Number of responses that are not JSON after which a source without any other response is unreadable.
pub(super) const MAX_UNREADABLE_ANSWERS: usize = 15;

/// A response of `GetFindings` that was not JSON in any attempt.
pub(super) struct Unreadable {
    pub(super) answer: NotAnAnswer,
    pub(super) error: ReadError,
}

/// Fetches the findings of these IDs. `request` fetches up to [`PAGE_SIZE`] of them. `has_answered`: the source has returned
/// JSON in this run.
///
/// If a response is never JSON, its halves are requested, down to the finding that breaks it. That finding is returned with
/// its ID only, if other responses of the source are JSON. If none is, the source is unreadable.
pub(super) async fn fetch(
    ids: &[String],
    origin: &Arc<Origin>,
    has_answered: &AtomicBool,
    request: impl AsyncFn(&[String]) -> Result<Result<DecodedFindings, Unreadable>, ReadError>,
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
                    // If one ID was requested, a finding without an ID is the requested one.
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
