//! Every request to a service, counted where it is made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// (service, operation, code)
type RequestKey = (&'static str, String, String);

/// Counts of one run, shared by all clients: clones count into the same place.
#[derive(Clone, Debug, Default)]
pub struct RequestCounts(Arc<Mutex<BTreeMap<RequestKey, u64>>>);

impl RequestCounts {
    /// Counts one answer, or one request without. `code` is a status, an error code of the service, or a word such
    /// as `timeout`: of a small closed set, it becomes a label.
    pub fn increment(&self, service: &'static str, operation: &str, code: &str) {
        let key = (service, operation.to_owned(), code.to_owned());
        *self.lock_counts().entry(key).or_default() += 1;
    }

    /// Takes out what was counted since the last time, as (service, operation, code) and how often, sorted.
    pub fn take_counts(&self) -> BTreeMap<RequestKey, u64> {
        std::mem::take(&mut *self.lock_counts())
    }

    /// A counter is whole at every moment, so one that a panicking thread held is as good as any.
    fn lock_counts(&self) -> std::sync::MutexGuard<'_, BTreeMap<RequestKey, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_counters_and_draining_resets_them() {
        let requests = RequestCounts::default();
        requests.clone().increment("slack", "chat.postMessage", "200");
        requests.increment("slack", "chat.postMessage", "200");
        requests.increment("kubernetes", "get", "timeout");
        let drained: Vec<_> =
            requests.take_counts().into_iter().map(|((s, o, c), n)| format!("{s} {o} {c} {n}")).collect();
        assert_eq!(drained, ["kubernetes get timeout 1", "slack chat.postMessage 200 2"]);
        assert!(requests.take_counts().is_empty());
    }
}
