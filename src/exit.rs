//! Defines the exit statuses.

use std::process::ExitCode;

/// Exit status of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitStatus {
    /// All findings are processed.
    Success = 0,
    /// Something is not processed. The next run retries.
    Incomplete = 1,
    /// The configuration or the state is invalid. A retry does not help.
    InvalidInput = 2,
}

impl ExitStatus {
    pub fn from_success(is_complete: bool) -> Self {
        if is_complete { ExitStatus::Success } else { ExitStatus::Incomplete }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> Self {
        ExitCode::from(exit as u8)
    }
}
