//! Why AWS could not be read, and what follows from it.

use std::fmt;

/// A call that AWS did not answer as hoped, after the retries it was worth. The text is one line that names the
/// operation and says what AWS said; it holds no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The permission, the trust, the credentials or the region's opt-in is missing: waiting does not mend it.
    #[error("{0}")]
    Denied(String),
    /// The detector asked for is no longer this account's: it was deleted, perhaps made anew.
    #[error("{0}")]
    Gone(String),
    /// May work the next time.
    #[error("{text}")]
    Passing { reason: Reason, text: String },
}

/// Why a call failed that may work the next time: what the log and the metrics say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    Throttled,
    /// No connection, or one that broke.
    Network,
    Timeout,
    /// AWS failed by its own account (5xx).
    Server,
    /// AWS took the request for a wrong one.
    Rejected,
    /// The answer could not be read.
    Malformed,
    /// No credentials for now: STS or the agent did not answer, or they expired.
    Credentials,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Reason::Throttled => "throttled",
            Reason::Network => "network",
            Reason::Timeout => "timeout",
            Reason::Server => "server",
            Reason::Rejected => "rejected",
            Reason::Malformed => "malformed",
            Reason::Credentials => "credentials",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ReadError {
    pub fn denied(&self) -> bool {
        matches!(self, ReadError::Denied(_))
    }

    /// One word for the log and the metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            ReadError::Denied(_) => "denied",
            ReadError::Gone(_) => "gone",
            ReadError::Passing { reason, .. } => reason.name(),
        }
    }
}
