//! Where the state is kept: the seam between the engine and the file or the ConfigMap.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::time::{Millis, parse_duration};

/// Keeps one document, compare-and-swap. The document is text to it: whether it can be used is the engine's to judge.
#[allow(async_fn_in_trait)]
pub trait Store {
    /// Reads document and `replay`; what is read is what the next [`save`](Store::save) is compared with. Changes nothing.
    async fn load(&mut self) -> Loaded;

    /// Writes the document if nobody else has changed it since it was last read or written here; with `take_replay`
    /// the `replay` that was loaded is removed by the same write. After an error the document may or may not have
    /// been written; a later call finds out.
    async fn save(&mut self, document: &str, take_replay: bool) -> Result<(), SaveError>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub source: Source,
    /// What stands in the key or file `replay`, trimmed; `None` if there is none, or if it is blank.
    pub replay: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// There is no such key or file: no run has recorded anything yet.
    New,
    Primary(String),
    /// The mounted copy, because the ConfigMap could not be read, and why not. It lags, and a run on it cannot record.
    Copy {
        text: String,
        why: String,
    },
    /// Neither could be read, and why; a run on it cannot record.
    Unreadable(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// Somebody else changed the document: whoever holds it now, this run does not.
    #[error("{0}")]
    Conflict(String),
    /// It did not answer, or refused; a later attempt may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The document has no room.
    #[error("{0}")]
    TooLarge(String),
}

impl SaveError {
    pub fn is_transient(&self) -> bool {
        matches!(self, SaveError::Unavailable(_))
    }

    /// One of the closed set of reasons in logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            SaveError::Conflict(_) => "conflict",
            SaveError::Unavailable(_) => "server",
            SaveError::TooLarge(_) => "rejected",
        }
    }
}

/// Writes that were not acknowledged: any of them may stand in the store. Fingerprints, and of this process only.
#[derive(Clone, Debug, Default)]
pub(super) struct Unanswered {
    hasher: RandomState,
    writes: HashSet<u64>,
}

impl Unanswered {
    pub fn add(&mut self, document: &[u8]) {
        self.writes.insert(self.hasher.hash_one(document));
    }

    pub fn has(&self, document: &[u8]) -> bool {
        self.writes.contains(&self.hasher.hash_one(document))
    }

    pub fn clear(&mut self) {
        self.writes.clear();
    }
}

/// The text of a `replay`, if it says anything.
pub(super) fn replay(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Since when a replay is to announce anew; or that this cannot be told.
pub fn replay_since(text: &str, now: Millis) -> Result<Millis, String> {
    parse_duration(text).map(|ago| now.minus(ago)).or_else(|| Millis::parse(text)).ok_or_else(|| {
        format!("the replay {text:?} is neither a duration such as 6h nor a time such as 2026-11-24T06:00:00Z: correct or delete it")
    })
}
