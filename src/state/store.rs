//! The interface of a store of the state, which the file and the ConfigMap implement.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::text::truncate;
use crate::time::{Timestamp, parse_duration};

/// Keeps one document, compare-and-swap. The document is text to it: whether it can be used is decided by the run.
#[allow(async_fn_in_trait)]
pub trait Store {
    /// Reads document and `replay`; what is read is what the next [`save`](Store::save) is compared with. Changes nothing.
    async fn load(&mut self) -> Loaded;

    /// Writes the document if no other writer has changed it since this store last read or wrote it. After an error, the
    /// document may have been written; a later call detects that.
    async fn save(&mut self, document: &str) -> Result<(), SaveError>;

    /// Like [`save`](Store::save); the same write removes the `replay` that was loaded.
    async fn consume_replay(&mut self, document: &str) -> Result<(), SaveError>;
}

/// What a write does with the `replay` that was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadedReplay {
    Keep,
    Remove,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub document: LoadedDocument,
    /// Content of the key or file `replay`, trimmed; `None` if there is none, or if it is blank.
    pub replay: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadedDocument {
    /// There is no such key or file: no run has recorded anything yet.
    Absent,
    Current(String),
    /// The mounted copy, because the ConfigMap could not be read, and why not. It lags, and a run on it cannot record.
    MountedCopy {
        text: String,
        why: String,
    },
    /// Neither could be read, and why; a run on it cannot record.
    Unreadable(String),
    /// What is there is not a state, and why; it is never overwritten.
    Corrupt(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// Another writer changed the document: this run no longer holds the lease.
    #[error("{0}")]
    Conflict(String),
    /// The store did not respond, or rejected the write; a later attempt may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The store may be read, but not written: later attempts fail until the permissions change.
    #[error("{1}")]
    Denied(Denial, String),
    /// The document exceeds the size limit of the store.
    #[error("{0}")]
    TooLarge(String),
}

/// Reason why the API server does not let the program write the ConfigMap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The Role does not allow it (RBAC).
    Permission,
    /// An admission webhook or policy rejects it.
    Admission,
    /// The ConfigMap is marked as immutable.
    Immutable,
}

impl Denial {
    /// Reads the reason from a response of the API server; `None` if it is not a denial.
    pub fn of(status: u16, message: &str) -> Option<Self> {
        let has = |text: &str| message.contains(text);
        let is_admission = has("admission webhook") || has("AdmissionPolicy");
        match status {
            400 | 403 | 422 if is_admission => Some(Self::Admission),
            422 if has("immutable") => Some(Self::Immutable),
            // RBAC: `User "…" cannot patch resource "configmaps"`. Admission plugins name the forbidden operation instead.
            403 if has("is forbidden: ") && !has(" cannot ") => Some(Self::Admission),
            403 => Some(Self::Permission),
            _ => None,
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::Permission => "allow get and patch on this ConfigMap in the Role of the ServiceAccount",
            Self::Admission => "exempt this ConfigMap from the admission webhook or policy that is named",
            Self::Immutable => "recreate this ConfigMap with the same data and without `immutable: true`",
        }
    }
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
            SaveError::Denied(Denial::Permission, _) => "forbidden",
            SaveError::Denied(Denial::Admission, _) => "admission",
            SaveError::Denied(Denial::Immutable, _) => "immutable",
            SaveError::TooLarge(_) => "rejected",
        }
    }
}

/// Fingerprints of the writes of this process that were not acknowledged: the store may contain any of them.
#[derive(Clone, Debug, Default)]
pub(super) struct UnconfirmedWrites {
    hasher: RandomState,
    writes: HashSet<u64>,
}

impl UnconfirmedWrites {
    pub(super) fn insert(&mut self, document: &[u8]) {
        self.writes.insert(self.hasher.hash_one(document));
    }

    pub(super) fn contains(&self, document: &[u8]) -> bool {
        self.writes.contains(&self.hasher.hash_one(document))
    }

    pub(super) fn clear(&mut self) {
        self.writes.clear();
    }
}

/// The text of a `replay`, if it is not blank.
pub(super) fn non_blank(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the time from which a replay announces again, or the error in its text.
pub fn parse_replay(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    parse_duration(text).map(|ago| now.minus(ago)).or_else(|| Timestamp::parse(text)).ok_or_else(|| {
        let quoted = truncate(text, 100);
        format!("invalid replay {quoted:?}: expected a duration such as 6h or a time such as 2026-11-24T06:00:00Z; correct or delete it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denial_is_identified_by_status_and_message() {
        let rbac = r#"configmaps "s" is forbidden: User "system:serviceaccount:ns:sa" cannot patch resource "configmaps" in API group "" in the namespace "ns""#;
        let webhook = r#"admission webhook "policy.example.com" denied the request: no"#;
        let policy =
            r#"configmaps "s" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"#;
        let immutable = r#"ConfigMap "s" is invalid: data: Forbidden: field is immutable when `immutable` is set"#;
        let terminating = r#"configmaps "s" is forbidden: exceeded quota: q"#;
        for (status, message, expected) in [
            (403, rbac, Some(Denial::Permission)),
            (403, "Forbidden", Some(Denial::Permission)),
            (400, webhook, Some(Denial::Admission)),
            (403, webhook, Some(Denial::Admission)),
            (422, policy, Some(Denial::Admission)),
            (403, terminating, Some(Denial::Admission)),
            (422, immutable, Some(Denial::Immutable)),
            (422, "[]: Too long: may not be more than 1048576 bytes", None),
            (400, "the body is not JSON", None),
            (500, webhook, None),
            (401, "Unauthorized", None),
        ] {
            assert_eq!(Denial::of(status, message), expected, "{status} {message}");
        }
    }

    #[test]
    fn only_a_store_that_did_not_answer_may_accept_the_next_attempt() {
        let error = String::new;
        assert!(SaveError::Unavailable(error()).is_transient());
        for lasting in
            [SaveError::Conflict(error()), SaveError::Denied(Denial::Permission, error()), SaveError::TooLarge(error())]
        {
            assert!(!lasting.is_transient(), "{}", lasting.reason());
        }
    }

    #[test]
    fn a_write_is_unconfirmed_until_the_writes_are_cleared() {
        let mut writes = UnconfirmedWrites::default();
        writes.insert(b"one");
        assert!(writes.contains(b"one") && !writes.contains(b"two"));
        writes.clear();
        assert!(!writes.contains(b"one"));
    }
}
