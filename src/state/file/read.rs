//! Reads the state and a pending replay.

use std::fs;
use std::io;
use std::path::Path;

use super::paths::StatePaths;
use crate::state::store::non_blank;

/// The document of a write in place that did not finish, or the state.
pub(super) fn read_state(files: &StatePaths) -> io::Result<Option<Vec<u8>>> {
    match read_if_exists(&files.complete)? {
        Some(document) => Ok(Some(document)),
        None => read_if_exists(&files.state),
    }
}

/// A pending `replay`. If it cannot be read, it does not fail the run.
pub(super) fn read_replay(files: &StatePaths) -> Option<String> {
    let text = match read_if_exists(&files.replay) {
        Ok(text) => text?,
        Err(e) => {
            tracing::warn!(path = %files.replay.display(), "the file replay cannot be read and is ignored: {e}");
            return None;
        }
    };
    if is_replay_consumed(files) { None } else { non_blank(&String::from_utf8_lossy(&text)) }
}

/// Returns true if a write consumed the file `replay` and did not remove it: the state is the one that this write saved,
/// and `replay` was not replaced since.
pub(super) fn is_replay_consumed(files: &StatePaths) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    let copied = read_if_exists(&files.consumed_marker).ok().flatten();
    copied.is_some()
        && copied == read_state(files).ok().flatten()
        && time(&files.replay) <= time(&files.consumed_marker)
}

pub(super) fn read_if_exists(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
