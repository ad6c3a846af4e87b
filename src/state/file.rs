//! Stores the state in a file, for a laptop: temporary file, fsync, rename, with an advisory lock file next to it.
//!
//! A symbolic link stays: the file that it points to is replaced. A file that cannot be replaced, because it is a mount
//! point (`docker run --volume ./watermark.json:/state/watermark.json`), is overwritten: `<file>.new` holds the complete
//! document meanwhile, and counts instead of the file until it is removed. In a directory that cannot be written, the
//! file is overwritten without that: there a crash in the middle of the write leaves corrupt state.

mod lock;
mod paths;
mod read;
mod write;

use std::io;
use std::path::Path;
use std::time::Duration;

use super::store::{Loaded, LoadedDocument, LoadedReplay, SaveError, Store, UnconfirmedWrites};
use lock::{lock_for_reading, lock_for_writing, lock_wait};
use paths::StatePaths;
use read::{read_replay, read_state};
use write::{probe, write_atomically};

/// Timeout of a call. The file is small and local. Only a network filesystem, or a stopped process that holds the lock,
/// takes longer, and neither may block a run.
const IO_TIMEOUT: Duration = Duration::from_secs(5);

/// A state in a file. It is read and written on tokio's blocking threads: a disk that hangs stops neither timers nor
/// signals.
#[derive(Debug)]
pub(crate) struct FileStore {
    files: StatePaths,
    /// Content of the file when this run last read or wrote it; `None`: there was no file.
    last_seen: Option<Vec<u8>>,
    unconfirmed: UnconfirmedWrites,
    /// Whether the file could be read: what is not known cannot be compared, and is not overwritten.
    is_loaded: bool,
}

impl FileStore {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            files: StatePaths::new(path),
            last_seen: None,
            unconfirmed: UnconfirmedWrites::default(),
            is_loaded: false,
        }
    }

    /// Whether the directory, or where it is yet to be made the nearest that is there, can be written to.
    pub(crate) async fn probe(&mut self) -> Result<(), SaveError> {
        let files = self.files.clone();
        run_blocking(move || probe(&files)).await.map_err(|e| self.write_error(&e))
    }

    fn explain_read_error(&self, e: &io::Error) -> String {
        let hint = match e.kind() {
            io::ErrorKind::PermissionDenied => "fix its permissions",
            _ => "name a file that can be read with STATE_FILE",
        };
        format!("{} cannot be read: {e}; {hint}", self.files.state.display())
    }

    fn write_error(&self, e: &io::Error) -> SaveError {
        let path = self.files.state.display();
        let hint = match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "check which process holds the file or its lock",
            _ => "make the directory writable, or set STATE_FILE to another path",
        };
        SaveError::Unavailable(format!("cannot write state to {path}: {e}; {hint}"))
    }

    /// Under the lock: compare, write `<file>.tmp`, sync it, rename it, sync the directory.
    ///
    /// The file `replay` cannot be removed atomically with the rename. It is removed after the rename, so that a crash
    /// between the two does not lose the request. `replay.taken`, a copy of the document that is written before the
    /// rename, shows the next run that the request was consumed: if the state equals the copy, `replay` is ignored. So
    /// a crash does not replay twice either.
    async fn write(&mut self, document: &str, replay: LoadedReplay) -> Result<(), SaveError> {
        if !self.is_loaded {
            let why = format!("{} could not be read, so it is not overwritten", self.files.state.display());
            return Err(SaveError::Unavailable(why));
        }
        let document = document.as_bytes().to_vec();
        let (files, seen, unanswered) = (self.files.clone(), self.last_seen.clone(), self.unconfirmed.clone());
        self.unconfirmed.insert(&document);
        let new = document.clone();
        let written = run_blocking(move || {
            let _lock = lock_for_writing(&files, lock_wait())?;
            let there = read_state(&files)?;
            if there != seen && !there.is_some_and(|bytes| unanswered.contains(&bytes)) {
                return Ok(false);
            }
            write_atomically(&files, &new, replay)?;
            Ok(true)
        });
        match written.await {
            Ok(true) => {
                self.last_seen = Some(document);
                self.unconfirmed.clear();
                Ok(())
            }
            Ok(false) => {
                let path = self.files.state.display();
                Err(SaveError::Conflict(format!("{path} was changed by another writer; the next run reads it again")))
            }
            Err(e) => Err(self.write_error(&e)),
        }
    }
}

impl Store for FileStore {
    async fn load(&mut self) -> Loaded {
        let files = self.files.clone();
        let read = run_blocking(move || {
            let _lock = lock_for_reading(&files.lock, lock_wait());
            Ok((read_state(&files)?, read_replay(&files)))
        })
        .await;
        let (bytes, replay) = match read {
            Ok(read) => read,
            Err(e) => {
                self.is_loaded = false;
                return Loaded { document: LoadedDocument::Unreadable(self.explain_read_error(&e)), replay: None };
            }
        };
        (self.is_loaded, self.last_seen) = (true, bytes);
        self.unconfirmed.clear();
        // Text that is not UTF-8 is not a valid state: with replacement characters, parsing fails.
        let source = match &self.last_seen {
            Some(bytes) => LoadedDocument::Current(String::from_utf8_lossy(bytes).into_owned()),
            None => LoadedDocument::Absent,
        };
        Loaded { document: source, replay }
    }

    async fn save(&mut self, document: &str) -> Result<(), SaveError> {
        self.write(document, LoadedReplay::Keep).await
    }

    async fn consume_replay(&mut self, document: &str) -> Result<(), SaveError> {
        self.write(document, LoadedReplay::Remove).await
    }
}

/// Runs `act` on a blocking thread. If it takes too long, it is no longer waited for.
async fn run_blocking<T: Send + 'static>(act: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::time::timeout(IO_TIMEOUT, tokio::task::spawn_blocking(act)).await {
        Ok(Ok(result)) => result,
        Ok(Err(stopped)) => Err(io::Error::other(stopped)),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", IO_TIMEOUT.as_secs()))),
    }
}

#[cfg(test)]
mod tests;
