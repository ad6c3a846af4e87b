//! Exit statuses.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitStatus {
    /// Everything that was found is processed.
    Success = 0,
    /// Something is not; the next run tries again.
    Incomplete = 1,
    /// The configuration or the state is wrong: a retry cannot help.
    InvalidInput = 2,
}

impl ExitStatus {
    pub fn from_success(settled: bool) -> Self {
        if settled { ExitStatus::Success } else { ExitStatus::Incomplete }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> Self {
        ExitCode::from(exit as u8)
    }
}
