//! Stores the state in a file, for a laptop: temporary file, fsync, rename, with an advisory lock file next to it.
//!
//! A symbolic link stays: the file that it points to is replaced. A file that cannot be replaced, because it is a mount
//! point (`docker run --volume ./watermark.json:/state/watermark.json`), is overwritten: `<file>.new` holds the complete
//! document meanwhile, and counts instead of the file until it is removed. In a directory that cannot be written, the
//! file is overwritten without that: there a crash in the middle of the write leaves corrupt state.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::store::{Loaded, LoadedDocument, SaveError, Store, UnconfirmedWrites, non_blank};

/// Timeout of a call. The file is small and local. Only a network filesystem, or a stopped process that holds the lock,
/// takes longer, and neither may block a run.
const IO_TIMEOUT: Duration = Duration::from_secs(5);
/// A process holds the lock only during one write, so the program waits for it. The wait is shorter than `IO_TIMEOUT`.
const LOCK_TIMEOUT: Duration = Duration::from_secs(4);

/// Files of one state; see [`FileStore::save`] for what each is for.
#[derive(Clone, Debug)]
struct StatePaths {
    state: PathBuf,
    temporary: PathBuf,
    /// The complete document while the state is overwritten.
    complete: PathBuf,
    lock: PathBuf,
    replay: PathBuf,
    consumed_marker: PathBuf,
}

/// A state in a file. It is read and written on tokio's blocking threads: a disk that hangs stops neither timers nor
/// signals.
#[derive(Debug)]
pub struct FileStore {
    files: StatePaths,
    /// Content of the file when this run last read or wrote it; `None`: there was no file.
    last_seen: Option<Vec<u8>>,
    unconfirmed: UnconfirmedWrites,
    /// Whether the file could be read: what is not known cannot be compared, and is not overwritten.
    is_loaded: bool,
}

impl FileStore {
    pub fn new(path: &Path) -> Self {
        let state = follow_links(path);
        let beside = |suffix: &str| {
            let mut name = state.file_name().unwrap_or_default().to_owned();
            name.push(suffix);
            state.with_file_name(name)
        };
        let files = StatePaths {
            temporary: beside(".tmp"),
            complete: beside(".new"),
            lock: beside(".lock"),
            replay: path.with_file_name("replay"),
            consumed_marker: path.with_file_name("replay.taken"),
            state,
        };
        Self { files, last_seen: None, unconfirmed: UnconfirmedWrites::default(), is_loaded: false }
    }

    /// Whether the directory, or where it is yet to be made the nearest that is there, can be written to.
    pub async fn probe(&mut self) -> Result<(), SaveError> {
        let files = self.files.clone();
        run_blocking(move || probe(&files)).await.map_err(|e| self.write_error(&e))
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
}

impl Store for FileStore {
    async fn load(&mut self) -> Loaded {
        let files = self.files.clone();
        let read = run_blocking(move || {
            let _lock = lock_for_reading(&files.lock);
            Ok((read_state(&files)?, read_replay(&files)))
        })
        .await;
        let (bytes, replay) = match read {
            Ok(read) => read,
            Err(e) => {
                let hint = match e.kind() {
                    io::ErrorKind::PermissionDenied => "fix its permissions",
                    _ => "name a file that can be read with STATE_FILE",
                };
                let why = format!("{} cannot be read: {e}; {hint}", self.files.state.display());
                self.is_loaded = false;
                return Loaded { document: LoadedDocument::Unreadable(why), replay: None };
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

    /// Under the lock: compare, write `<file>.tmp`, sync it, rename it, sync the directory.
    ///
    /// The file `replay` cannot be removed atomically with the rename. It is removed after the rename, so that a crash
    /// between the two does not lose the request. `replay.taken`, a copy of the document that is written before the
    /// rename, shows the next run that the request was consumed: if the state equals the copy, `replay` is ignored. So
    /// a crash does not replay twice either.
    async fn save(&mut self, document: &str, take_replay: bool) -> Result<(), SaveError> {
        if !self.is_loaded {
            let why = format!("{} could not be read, so it is not overwritten", self.files.state.display());
            return Err(SaveError::Unavailable(why));
        }
        let document = document.as_bytes().to_vec();
        let (files, seen, unanswered) = (self.files.clone(), self.last_seen.clone(), self.unconfirmed.clone());
        self.unconfirmed.insert(&document);
        let new = document.clone();
        let written = run_blocking(move || {
            let _lock = match acquire_lock(&files.lock) {
                Err(error) if is_unwritable(&error) && files.state.is_file() => acquire_lock(&files.state)?,
                lock => lock?,
            };
            let there = read_state(&files)?;
            if there != seen && !there.is_some_and(|bytes| unanswered.contains(&bytes)) {
                return Ok(false);
            }
            write_atomically(&files, &new, take_replay)?;
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

/// Runs `act` on a blocking thread. If it takes too long, it is no longer waited for.
async fn run_blocking<T: Send + 'static>(act: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::time::timeout(IO_TIMEOUT, tokio::task::spawn_blocking(act)).await {
        Ok(Ok(result)) => result,
        Ok(Err(stopped)) => Err(io::Error::other(stopped)),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", IO_TIMEOUT.as_secs()))),
    }
}

fn read_if_exists(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The document of a write in place that did not finish, or the state.
fn read_state(files: &StatePaths) -> io::Result<Option<Vec<u8>>> {
    match read_if_exists(&files.complete)? {
        Some(document) => Ok(Some(document)),
        None => read_if_exists(&files.state),
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

/// A pending `replay`. If it cannot be read, it does not fail the run.
fn read_replay(files: &StatePaths) -> Option<String> {
    let text = match read_if_exists(&files.replay) {
        Ok(text) => text?,
        Err(e) => {
            tracing::warn!(path = %files.replay.display(), "the file replay cannot be read and is passed over: {e}");
            return None;
        }
    };
    if is_replay_consumed(files) { None } else { non_blank(&String::from_utf8_lossy(&text)) }
}

/// Returns true if a write consumed the file `replay` and did not remove it: the state is the one that this write saved,
/// and `replay` was not replaced since.
fn is_replay_consumed(files: &StatePaths) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    let copied = read_if_exists(&files.consumed_marker).ok().flatten();
    copied.is_some()
        && copied == read_state(files).ok().flatten()
        && time(&files.replay) <= time(&files.consumed_marker)
}

/// The lock is released when the returned file is dropped, and when the process exits.
fn acquire_lock(path: &Path) -> io::Result<File> {
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
fn lock_for_reading(path: &Path) -> Option<File> {
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

/// Returns true if a directory does not let the program create a file.
fn is_unwritable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

fn write_atomically(files: &StatePaths, document: &[u8], take_replay: bool) -> io::Result<()> {
    // An earlier run consumed this replay and crashed before it removed the file. After the next write, the copy no longer
    // equals the state, so the file must be removed first.
    if is_replay_consumed(files) {
        remove_if_exists(&files.replay)?;
    }
    remove_if_exists(&files.consumed_marker)?;
    if take_replay {
        write_synced(&files.consumed_marker, document)?;
    }
    match write_synced(&files.temporary, document) {
        Err(error) if is_unwritable(&error) && files.state.is_file() => overwrite(&files.state, document)?,
        written => written.and_then(|()| replace(files, document))?,
    }
    if take_replay {
        remove_if_exists(&files.replay)?;
        remove_if_exists(&files.consumed_marker)?;
    }
    Ok(())
}

/// Replaces the state by the temporary file.
fn replace(files: &StatePaths, document: &[u8]) -> io::Result<()> {
    // What an unfinished write in place left counts until it is removed: it must be replaced, not outlived.
    if files.complete.exists() {
        return replace_in_place(files, document);
    }
    match fs::rename(&files.temporary, &files.state) {
        Ok(()) => sync_directory(&files.state),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => replace_in_place(files, document),
        Err(error) => Err(at("replace", &files.state, &error)),
    }
}

fn replace_in_place(files: &StatePaths, document: &[u8]) -> io::Result<()> {
    fs::rename(&files.temporary, &files.complete).map_err(|error| at("replace", &files.complete, &error))?;
    sync_directory(&files.state)?;
    overwrite(&files.state, document)?;
    remove_if_exists(&files.complete)
}

fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let write = || {
        let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()
    };
    write().map_err(|error| at("overwrite", path, &error))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| at("write", path, &error))
}

/// The error with what was done to which file.
fn at(verb: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {verb} {}: {error}", path.display()))
}

/// A rename is safe only when its directory is on the disk.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn remove_if_exists(path: &Path) -> io::Result<()> {
    // On a read-only filesystem even the removal of a file that does not exist fails.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => fs::remove_file(path).map_err(|error| at("remove", path, &error)),
    }
}

/// Tests whether a write can succeed, without a change: creates and removes a file in the directory, or opens the state.
fn probe(files: &StatePaths) -> io::Result<()> {
    let directory = directory_of(&files.temporary).ancestors().find(|d| d.is_dir()).unwrap_or(Path::new("."));
    let path = directory.join(format!(".guardduty-slack-probe-{}", std::process::id()));
    match File::create(&path) {
        Ok(_) => fs::remove_file(path),
        Err(error) if is_unwritable(&error) && files.state.is_file() => {
            let open = File::options().write(true).open(&files.state);
            open.map(drop).map_err(|error| at("open", &files.state, &error))
        }
        Err(error) => Err(at("create a file in", directory, &error)),
    }
}

#[cfg(test)]
mod tests;
