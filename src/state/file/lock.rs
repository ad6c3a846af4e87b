//! The advisory lock beside the state.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::write::at;

/// A process holds the lock only during one write, so the program waits for it. The wait is shorter than `IO_TIMEOUT`.
const LOCK_TIMEOUT: Duration = Duration::from_secs(4);

/// The lock is released when the returned file is dropped, and when the process exits.
pub(super) fn acquire_lock(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let open = File::options().create(true).truncate(false).write(true).open(path);
    let file = open.map_err(|error| at("open", path, &error))?;
    let end = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => return Err(e),
            Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::WouldBlock) => {
                let why = format!("another process holds the lock {}", path.display());
                return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
            }
        }
    }
}

/// Keeps a write in place from being read half. A lock that cannot be had is not worth a run.
pub(super) fn lock_for_reading(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    let end = Instant::now() + LOCK_TIMEOUT;
    while let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
    Some(file)
}
