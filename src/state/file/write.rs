//! Writes the state so that a crash leaves the old document or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::paths::{StatePaths, directory_of};
use super::read::is_replay_consumed;
use crate::state::store::LoadedReplay;

pub(super) fn write_atomically(files: &StatePaths, document: &[u8], replay: LoadedReplay) -> io::Result<()> {
    // An earlier run consumed this replay and crashed before it removed the file. After the next write, the copy no longer
    // equals the state, so the file must be removed first.
    if is_replay_consumed(files) {
        remove_if_exists(&files.replay)?;
    }
    remove_if_exists(&files.consumed_marker)?;
    if replay == LoadedReplay::Remove {
        write_synced(&files.consumed_marker, document)?;
    }
    match write_synced(&files.temporary, document) {
        Err(error) if is_unwritable(&error) && files.state.is_file() => overwrite(&files.state, document)?,
        written => written.and_then(|()| replace(files, document))?,
    }
    if replay == LoadedReplay::Remove {
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

/// A rename is safe only when its directory is on the disk.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn remove_if_exists(path: &Path) -> io::Result<()> {
    // On a read-only filesystem even the removal of a file that does not exist fails.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => fs::remove_file(path).map_err(|error| at("remove", path, &error)),
    }
}

/// Tests whether a write can succeed, without a change: creates and removes a file in the directory, or opens the state.
pub(super) fn probe(files: &StatePaths) -> io::Result<()> {
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

/// Returns true if a directory does not let the program create a file.
pub(super) fn is_unwritable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// The error with what was done to which file.
pub(super) fn at(verb: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {verb} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
