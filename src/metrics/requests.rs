//! Every request to a service, counted where it is made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// (service, operation, code)
type Key = (&'static str, String, String);

/// Counts of one run, shared by all clients: clones count into the same place.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<BTreeMap<Key, u64>>>);

impl Requests {
    /// Counts one answer, or one request without. `code` is a status, an error code of the service, or a word such
    /// as `timeout`: of a small closed set, it becomes a label.
    pub fn count(&self, service: &'static str, operation: &str, code: &str) {
        let key = (service, operation.to_owned(), code.to_owned());
        *self.counts().entry(key).or_default() += 1;
    }

    /// Takes out what was counted since the last time, as (service, operation, code) and how often, sorted.
    pub fn drain(&self) -> BTreeMap<Key, u64> {
        std::mem::take(&mut *self.counts())
    }

    /// A counter is whole at every moment, so one that a panicking thread held is as good as any.
    fn counts(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_into_the_same_place_and_draining_starts_anew() {
        let requests = Requests::default();
        requests.clone().count("slack", "chat.postMessage", "200");
        requests.count("slack", "chat.postMessage", "200");
        requests.count("kubernetes", "get", "timeout");
        let drained: Vec<_> = requests.drain().into_iter().map(|((s, o, c), n)| format!("{s} {o} {c} {n}")).collect();
        assert_eq!(drained, ["kubernetes get timeout 1", "slack chat.postMessage 200 2"]);
        assert!(requests.drain().is_empty());
    }
}
