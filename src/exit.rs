//! What the exit status tells a scheduler.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything found is settled.
    Settled = 0,
    /// Something is not; the next run tries again.
    Unsettled = 1,
    /// The configuration or the state is wrong: a retry cannot help.
    Wrong = 2,
}

impl Exit {
    pub fn of(settled: bool) -> Self {
        if settled { Exit::Settled } else { Exit::Unsettled }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
