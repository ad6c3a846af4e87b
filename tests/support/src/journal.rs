//! One ordered record of every call that any fake received, which shows the order of effects across services.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a request asks for, as its service reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// `sts`, `guardduty`, `account`, `organizations`, `slack`, `kubernetes` or `pushgateway`.
    pub service: &'static str,
    /// `ListFindings`, `chat.postMessage`, `patch configmaps`, `PUT`.
    pub operation: String,
    /// What it is about: the finding that a message names, the ids fetched, the role assumed.
    pub detail: String,
    /// Where: `account/region` of AWS, the channel of Slack, else empty.
    pub place: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Received, not answered yet.
    Pending,
    /// It took effect, and the caller received the response.
    Done,
    /// It took no effect; the status that was returned, 0 for no response.
    Refused(u16),
    /// It took effect, but the caller received another status, 0 for no response.
    Hidden(u16),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub call: Call,
    pub effect: Effect,
}

impl Entry {
    /// `guardduty ListFindings 111122223333/eu-west-1`, without the parts that are empty.
    pub fn line(&self) -> String {
        let Call { service, operation, detail, place } = &self.call;
        let parts = [*service, operation, detail, place];
        parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" ")
    }
}

#[derive(Clone, Default)]
pub struct Journal(Arc<(Mutex<Vec<Entry>>, Condvar)>);

impl Journal {
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, call: Call) -> usize {
        let mut entries = self.lock();
        entries.push(Entry { call, effect: Effect::Pending });
        self.0.1.notify_all();
        entries.len() - 1
    }

    pub(crate) fn end(&self, index: usize, effect: Effect) {
        if let Some(entry) = self.lock().get_mut(index) {
            entry.effect = effect;
        }
        self.0.1.notify_all();
    }

    /// Has each waiting thread test its condition again.
    pub(crate) fn wake(&self) {
        drop(self.lock()); // nobody is between looking and waiting
        self.0.1.notify_all();
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The calls of one operation, in order.
    pub fn of(&self, operation: &str) -> Vec<Entry> {
        self.entries().into_iter().filter(|e| e.call.operation == operation).collect()
    }

    /// Waits until the entries satisfy `holds`; false when `limit` has passed before.
    pub fn wait(&self, limit: Duration, mut holds: impl FnMut(&[Entry]) -> bool) -> bool {
        let until = Instant::now() + limit;
        let mut entries = self.lock();
        while !holds(&entries) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            entries = self.0.1.wait_timeout(entries, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
