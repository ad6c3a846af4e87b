//! The advisory lock beside the state.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::paths::StatePaths;
use super::write::{at, is_unwritable};

/// A process holds the lock only during one write, so the program waits for it. The wait is shorter than `IO_TIMEOUT`.
const LOCK_TIMEOUT: Duration = Duration::from_secs(4);

/// Locks the state for a write; where its directory cannot be written, by the state itself.
pub(super) fn lock_for_writing(files: &StatePaths, wait: impl FnMut() -> bool) -> io::Result<File> {
    match open(&files.lock) {
        Err(error) if is_unwritable(&error) && files.state.is_file() => {
            acquire(open(&files.state)?, &files.state, wait)
        }
        opened => acquire(opened?, &files.lock, wait),
    }
}

/// Prevents that a write in place is read before it is complete. Without the lock, the run reads nevertheless.
pub(super) fn lock_for_reading(path: &Path, mut wait: impl FnMut() -> bool) -> Option<File> {
    let file = File::open(path).ok()?;
    while let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
        if !wait() {
            return None;
        }
    }
    Some(file)
}

/// Returns a function that pauses before the next attempt, or returns false if the time for attempts is over.
pub(super) fn lock_wait() -> impl FnMut() -> bool {
    wait_until(Instant::now() + LOCK_TIMEOUT)
}

fn wait_until(end: Instant) -> impl FnMut() -> bool {
    move || {
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
        true
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(path);
    file.map_err(|error| at("open", path, &error))
}

/// The lock is released when the returned file is dropped, and when the process exits.
fn acquire(file: File, path: &Path, mut wait: impl FnMut() -> bool) -> io::Result<File> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => return Err(e),
            Err(TryLockError::WouldBlock) if wait() => {}
            Err(TryLockError::WouldBlock) => {
                let why = format!("another process holds the lock {}", path.display());
                return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
            }
        }
    }
}

#[cfg(test)]
mod tests;
