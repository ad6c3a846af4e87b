//! The files of one state.

use std::fs;
use std::path::{Path, PathBuf};

/// Files of one state; see [`FileStore::write`](super::FileStore) for what each is for.
#[derive(Clone, Debug)]
pub(super) struct StatePaths {
    pub state: PathBuf,
    pub temporary: PathBuf,
    /// The complete document while the state is overwritten.
    pub complete: PathBuf,
    pub lock: PathBuf,
    pub replay: PathBuf,
    pub consumed_marker: PathBuf,
}

impl StatePaths {
    /// The files of the state at `path`, which may be a symbolic link.
    pub(super) fn new(path: &Path) -> Self {
        let state = follow_links(path);
        let beside = |suffix: &str| {
            let mut name = state.file_name().unwrap_or_default().to_owned();
            name.push(suffix);
            state.with_file_name(name)
        };
        Self {
            temporary: beside(".tmp"),
            complete: beside(".new"),
            lock: beside(".lock"),
            replay: path.with_file_name("replay"),
            consumed_marker: path.with_file_name("replay.taken"),
            state,
        }
    }
}

/// The file behind symbolic links, whether it exists or not.
fn follow_links(path: &Path) -> PathBuf {
    // Linux follows as many.
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = directory_of(&path).join(target);
    }
    path
}

pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
