//! The errors of reading from AWS.

use std::fmt;

use crate::pages::RepeatedToken;
use crate::text::truncate;

/// A call that failed after its retries. The text is one line with the operation and the error of AWS. It contains no
/// credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The permission, the trust, the credentials or the opt-in of the region is missing. Waiting does not help.
    #[error("{0}")]
    AccessDenied(String),
    /// The detector does not belong to this account any more. It was deleted, and may have been replaced.
    #[error("{0}")]
    DetectorNotFound(String),
    /// The service has no endpoint in the region: its name does not exist.
    #[error("{0}")]
    NoEndpoint(String),
    /// The service does not have the operation in the region.
    #[error("{0}")]
    Unsupported(String),
    /// The list has more pages than are read.
    #[error("{0}")]
    TooLong(String),
    /// The next attempt may succeed.
    #[error("{text}")]
    Transient { reason: TransientReason, text: String },
}

/// Reason of a failure that may pass, for the log and the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransientReason {
    Throttled,
    /// No connection, or one that broke.
    Network,
    Timeout,
    /// AWS returned a server error (5xx).
    Server,
    /// AWS rejected the request as invalid.
    Rejected,
    /// The answer could not be read.
    Malformed,
    /// No credentials at the moment: STS or the agent did not answer, or the credentials expired.
    Credentials,
}

impl TransientReason {
    pub fn name(self) -> &'static str {
        match self {
            TransientReason::Throttled => "throttled",
            TransientReason::Network => "network",
            TransientReason::Timeout => "timeout",
            TransientReason::Server => "server",
            TransientReason::Rejected => "rejected",
            TransientReason::Malformed => "malformed",
            TransientReason::Credentials => "credentials",
        }
    }
}

impl fmt::Display for TransientReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ReadError {
    pub fn is_access_denied(&self) -> bool {
        matches!(self, ReadError::AccessDenied(_))
    }

    /// Returns true if another attempt soon cannot help.
    pub fn is_lasting(&self) -> bool {
        matches!(self, ReadError::AccessDenied(_) | ReadError::Unsupported(_) | ReadError::TooLong(_))
    }

    /// Returns true if the answer was not JSON.
    pub(super) fn is_malformed(&self) -> bool {
        matches!(self, ReadError::Transient { reason: TransientReason::Malformed, .. })
    }

    /// Returns true if this identity cannot poll the region at all.
    pub fn rules_out_region(&self) -> bool {
        matches!(self, ReadError::AccessDenied(_) | ReadError::NoEndpoint(_))
    }

    /// The reason as one word, for the log and the metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            ReadError::AccessDenied(_) => "denied",
            ReadError::DetectorNotFound(_) => "detector_not_found",
            ReadError::NoEndpoint(_) => "no_endpoint",
            ReadError::Unsupported(_) => "unsupported",
            ReadError::TooLong(_) => "too_long",
            ReadError::Transient { reason, .. } => reason.name(),
        }
    }
}

impl ReadError {
    pub(super) fn transient(reason: TransientReason, what: &str, cause: impl fmt::Display) -> Self {
        ReadError::Transient { reason, text: single_line(&format!("{what}: {cause}")) }
    }

    /// The error of a list that cannot be read to its end.
    pub fn repeated_token(what: &str, repeated: &RepeatedToken) -> Self {
        Self::transient(TransientReason::Malformed, what, repeated)
    }

    /// Returns true if fetching the same credentials again within the run may succeed. The SDK has retried transient errors
    /// already: the network, throttling, and server errors.
    pub(super) fn is_worth_fetching_again(&self) -> bool {
        matches!(self, ReadError::Transient { reason: TransientReason::Credentials | TransientReason::Malformed, .. })
    }
}

/// Converts a text of AWS or a proxy to one line of at most 500 characters.
pub(super) fn single_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    truncate(&words.join(" "), 500)
}
