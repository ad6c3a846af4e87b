//! The store with a real filesystem: the files after each operation, and after a crash.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

use super::read::read_if_exists;
use super::*;

pub(super) struct Laptop {
    dir: tempfile::TempDir,
    pub(super) files: StatePaths,
}

/// Makes the directory writable again, so that it can be removed.
pub(super) struct Unwritable<'a>(&'a Path);

impl Drop for Unwritable<'_> {
    fn drop(&mut self) {
        fs::set_permissions(self.0, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl Laptop {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = FileStore::new(&dir.path().join("state/watermark.json")).files;
        Self { dir, files }
    }

    fn store(&self) -> FileStore {
        FileStore::new(&self.files.state)
    }

    async fn loaded(&self) -> (FileStore, Loaded) {
        let mut store = self.store();
        let loaded = store.load().await;
        (store, loaded)
    }

    /// Makes the directory of the state unwritable. Returns `None` for a user who may write everywhere: the superuser.
    pub(super) fn make_unwritable(&self) -> Option<Unwritable<'_>> {
        let directory = self.files.state.parent().unwrap();
        fs::create_dir_all(directory).unwrap();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o555)).unwrap();
        let unwritable = Unwritable(directory);
        File::create(directory.join("any")).is_err().then_some(unwritable)
    }

    /// Lets no file be created where the probe creates one.
    pub(super) fn block_probe(&self) {
        let name = format!(".guardduty-slack-probe-{}", std::process::id());
        fs::create_dir_all(self.files.state.with_file_name(name)).unwrap();
    }

    #[expect(clippy::unused_self, reason = "an action on the laptop")]
    pub(super) fn put(&self, path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn state(&self) -> Option<String> {
        read_if_exists(&self.files.state).unwrap().map(|b| String::from_utf8(b).unwrap())
    }

    /// Names of the files in the directory, without the lock.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.files.state.parent().unwrap()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| Path::new(name).extension().is_none_or(|extension| extension != "lock"));
        names.sort();
        names
    }
}

#[tokio::test]
async fn without_a_file_the_state_is_new_and_reading_changes_nothing() {
    let laptop = Laptop::new();
    let (_, loaded) = laptop.loaded().await;
    assert_eq!(loaded, Loaded { document: LoadedDocument::Absent, replay: None });
    assert!(!laptop.files.state.parent().unwrap().exists());
}

#[tokio::test]
async fn saved_state_is_loaded_and_no_temporary_file_remains() {
    let laptop = Laptop::new();
    let (mut store, _) = laptop.loaded().await;
    store.save("{\"a\":1}").await.unwrap();
    store.save("{\"a\":2}").await.unwrap();
    assert_eq!(laptop.loaded().await.1.document, LoadedDocument::Current("{\"a\":2}".into()));
    assert_eq!(laptop.names(), ["watermark.json"]);
}

#[tokio::test]
async fn change_by_another_writer_is_a_conflict_and_is_kept() {
    let laptop = Laptop::new();
    let (mut first, _) = laptop.loaded().await;
    let (mut second, _) = laptop.loaded().await;
    first.save("first").await.unwrap();
    assert!(matches!(second.save("second").await, Err(SaveError::Conflict(_))));
    assert_eq!(laptop.state().as_deref(), Some("first"));
    fs::remove_file(&laptop.files.state).unwrap();
    assert!(matches!(first.save("third").await, Err(SaveError::Conflict(_))));
    assert_eq!(laptop.state(), None);
}

#[tokio::test]
async fn own_unacknowledged_write_is_not_a_conflict() {
    let laptop = Laptop::new();
    let (mut store, _) = laptop.loaded().await;
    store.save("one").await.unwrap();
    store.unconfirmed.insert(b"two");
    laptop.put(&laptop.files.state, "two");
    store.save("three").await.unwrap();
    assert_eq!(laptop.state().as_deref(), Some("three"));
}

#[tokio::test]
async fn the_write_that_takes_a_replay_up_removes_it() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.replay, "6h\n");
    let (mut store, loaded) = laptop.loaded().await;
    assert_eq!(loaded.replay.as_deref(), Some("6h"));
    store.consume_replay("one").await.unwrap();
    assert_eq!(laptop.names(), ["watermark.json"]);
    laptop.put(&laptop.files.replay, " \n");
    assert_eq!(laptop.loaded().await.1.replay, None);
}

#[tokio::test]
async fn replay_is_kept_for_the_next_run_when_the_save_fails() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "old");
    laptop.put(&laptop.files.replay, "6h");
    laptop.put(&laptop.files.consumed_marker, "new");
    laptop.put(&laptop.files.temporary, "ne");
    let (mut store, loaded) = laptop.loaded().await;
    assert_eq!(loaded, Loaded { document: LoadedDocument::Current("old".into()), replay: Some("6h".into()) });
    store.consume_replay("next").await.unwrap();
    assert_eq!(laptop.names(), ["watermark.json"]);
}

#[tokio::test]
async fn replay_is_not_consumed_twice_after_a_crash() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "new");
    laptop.put(&laptop.files.replay, "6h");
    laptop.put(&laptop.files.consumed_marker, "new");
    let (mut store, loaded) = laptop.loaded().await;
    assert_eq!(loaded.replay, None);
    store.save("next").await.unwrap();
    assert_eq!(laptop.names(), ["watermark.json"]);
}

#[tokio::test]
async fn replay_requested_after_a_crash_is_consumed() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "new");
    laptop.put(&laptop.files.consumed_marker, "new");
    laptop.put(&laptop.files.replay, "2h");
    let later = fs::metadata(&laptop.files.consumed_marker).unwrap().modified().unwrap() + Duration::from_mins(1);
    File::options().write(true).open(&laptop.files.replay).unwrap().set_modified(later).unwrap();
    assert_eq!(laptop.loaded().await.1.replay.as_deref(), Some("2h"));
}

#[tokio::test]
async fn unreadable_state_is_not_overwritten() {
    let laptop = Laptop::new();
    fs::create_dir_all(&laptop.files.state).unwrap();
    let (mut store, loaded) = laptop.loaded().await;
    assert!(
        matches!(&loaded.document, LoadedDocument::Unreadable(why) if why.contains("watermark.json")),
        "{loaded:?}"
    );
    assert!(matches!(store.save("one").await, Err(SaveError::Unavailable(_))));
    assert!(laptop.files.state.is_dir());
}

#[tokio::test]
async fn unwritable_directory_is_reported_with_path_and_hint() {
    let laptop = Laptop::new();
    let (mut store, _) = laptop.loaded().await;
    store.save("one").await.unwrap();
    fs::create_dir(&laptop.files.temporary).unwrap();
    let error = store.save("two").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("watermark.json.tmp: Is a directory"), "{error}");
    assert_eq!(laptop.state().as_deref(), Some("one"));
    fs::remove_dir(&laptop.files.temporary).unwrap();
    store.save("three").await.unwrap();
}

#[tokio::test]
async fn a_lock_that_is_held_is_waited_for() {
    let laptop = Laptop::new();
    let (mut store, _) = laptop.loaded().await;
    let held = lock_for_writing(&laptop.files, || false).unwrap();
    let release = async {
        tokio::task::yield_now().await;
        drop(held);
    };
    let (saved, ()) = tokio::join!(store.save("one"), release);
    saved.unwrap();
}

#[tokio::test]
async fn write_probe_leaves_no_file() {
    let laptop = Laptop::new();
    laptop.store().probe().await.unwrap();
    assert!(!laptop.files.state.parent().unwrap().exists());
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let mut below_a_file = FileStore::new(&dir.path().join("file/watermark.json"));
    assert!(matches!(below_a_file.load().await.document, LoadedDocument::Unreadable(_)));
}

#[tokio::test]
async fn symbolic_link_stays_and_the_file_behind_it_is_replaced() {
    let laptop = Laptop::new();
    let elsewhere = laptop.dir.path().join("elsewhere/state.json");
    laptop.put(&elsewhere, "old");
    let link = laptop.dir.path().join("link.json");
    for target in [elsewhere.as_path(), Path::new("elsewhere/state.json")] {
        std::os::unix::fs::symlink(target, &link).unwrap();
        let mut store = FileStore::new(&link);
        store.load().await;
        store.save("new").await.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "new");
        fs::remove_file(&link).unwrap();
    }
    std::os::unix::fs::symlink("elsewhere/later.json", &link).unwrap();
    let mut store = FileStore::new(&link);
    assert_eq!(store.load().await.document, LoadedDocument::Absent);
    store.save("first").await.unwrap();
    assert_eq!(fs::read_to_string(laptop.dir.path().join("elsewhere/later.json")).unwrap(), "first");
}

#[tokio::test]
async fn crash_in_the_middle_of_a_write_in_place_loses_nothing() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "new docold document");
    laptop.put(&laptop.files.complete, "new document");
    let (mut store, loaded) = laptop.loaded().await;
    assert_eq!(loaded.document, LoadedDocument::Current("new document".into()));
    store.save("next").await.unwrap();
    assert_eq!(laptop.state().as_deref(), Some("next"));
    assert_eq!(laptop.names(), ["watermark.json"]);
}

#[test]
fn an_error_of_the_state_file_names_it_and_what_helps() {
    let store = Laptop::new().store();
    for (kind, hint) in [
        (io::ErrorKind::StorageFull, "; free some space"),
        (io::ErrorKind::QuotaExceeded, "; free some space"),
        (io::ErrorKind::WouldBlock, "; check which process holds the file or its lock"),
        (io::ErrorKind::TimedOut, "; check which process holds the file or its lock"),
        (io::ErrorKind::NotADirectory, "; make the directory writable, or set STATE_FILE to another path"),
    ] {
        let error = store.write_error(&kind.into()).to_string();
        assert!(error.contains("watermark.json: ") && error.ends_with(hint), "{error}");
    }
    for (kind, hint) in [
        (io::ErrorKind::PermissionDenied, "; fix its permissions"),
        (io::ErrorKind::IsADirectory, "; name a file that can be read with STATE_FILE"),
    ] {
        let error = store.explain_read_error(&kind.into());
        assert!(error.contains("watermark.json cannot be read: ") && error.ends_with(hint), "{error}");
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_written_fails_the_probe() {
    let laptop = Laptop::new();
    laptop.block_probe();
    let error = laptop.store().probe().await.unwrap_err().to_string();
    assert!(error.contains("watermark.json: cannot create a file in "), "{error}");
}
