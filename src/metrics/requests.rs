//! Counts the requests to services.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::labels::Service;

/// (service, operation, code)
type RequestKey = (Service, String, String);

/// Counts of one run. All clones share them.
#[derive(Clone, Debug, Default)]
pub struct RequestCounts(Arc<Mutex<BTreeMap<RequestKey, u64>>>);

impl RequestCounts {
    /// Counts one request. `code` is a status, an error code of the service, or a word such as `timeout`. It becomes a label,
    /// so it must be one of a small closed set.
    pub fn increment(&self, service: Service, operation: &str, code: &str) {
        let key = (service, operation.to_owned(), code.to_owned());
        *self.lock_counts().entry(key).or_default() += 1;
    }

    /// Returns and resets the counts, sorted by (service, operation, code).
    pub fn take_counts(&self) -> BTreeMap<RequestKey, u64> {
        std::mem::take(&mut *self.lock_counts())
    }

    /// A counter is always valid, even if a thread panicked.
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
        requests.clone().increment(Service::Slack, "chat.postMessage", "200");
        requests.increment(Service::Slack, "chat.postMessage", "200");
        requests.increment(Service::Kubernetes, "get", "timeout");
        let drained: Vec<_> =
            requests.take_counts().into_iter().map(|((s, o, c), n)| format!("{} {o} {c} {n}", s.name())).collect();
        assert_eq!(drained, ["kubernetes get timeout 1", "slack chat.postMessage 200 2"]);
        assert!(requests.take_counts().is_empty());
    }
}
