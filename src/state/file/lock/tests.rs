//! The lock is waited for, and a held one is an error when the time is over.

use super::*;
use crate::state::file::tests::Laptop;

fn is_locked(path: &Path) -> bool {
    matches!(File::open(path).unwrap().try_lock(), Err(TryLockError::WouldBlock))
}

/// Waits once, during which the lock is released.
fn release_once(held: File) -> impl FnMut() -> bool {
    let mut held = Some(held);
    move || held.take().is_some()
}

#[test]
fn a_lock_that_is_held_is_had_after_its_release() {
    let laptop = Laptop::new();
    let held = lock_for_writing(&laptop.files, || false).unwrap();
    assert!(is_locked(&laptop.files.lock));
    let lock = lock_for_writing(&laptop.files, release_once(held)).unwrap();
    assert!(is_locked(&laptop.files.lock));
    let reading = lock_for_reading(&laptop.files.lock, release_once(lock)).unwrap();
    assert!(is_locked(&laptop.files.lock), "nobody writes while the state is read");
    assert!(lock_for_reading(&laptop.files.lock, || false).is_some(), "others may read it, too");
    drop(reading);
    assert!(!is_locked(&laptop.files.lock));
}

#[test]
fn a_lock_that_is_held_for_too_long_fails_a_write_and_no_read() {
    let laptop = Laptop::new();
    let _held = lock_for_writing(&laptop.files, || false).unwrap();
    let error = lock_for_writing(&laptop.files, || false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(error.to_string().ends_with("watermark.json.lock"), "{error}");
    assert!(lock_for_reading(&laptop.files.lock, || false).is_none());
}

#[test]
fn a_read_without_a_lock_file_makes_none() {
    let laptop = Laptop::new();
    assert!(lock_for_reading(&laptop.files.lock, || false).is_none());
    assert!(!laptop.files.lock.exists());
}

#[test]
fn a_lock_file_that_cannot_be_opened_fails_a_write() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "old");
    fs::create_dir(&laptop.files.lock).unwrap();
    let error = lock_for_writing(&laptop.files, || false).unwrap_err();
    assert!(error.to_string().starts_with("cannot open "), "{error}");
}

#[test]
fn the_state_itself_is_locked_if_its_directory_cannot_be_written() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "old");
    let Some(_unwritable) = laptop.make_unwritable() else { return };
    let _lock = lock_for_writing(&laptop.files, || false).unwrap();
    assert!(is_locked(&laptop.files.state));
}

#[test]
fn without_a_state_a_directory_that_cannot_be_written_fails_a_write() {
    let laptop = Laptop::new();
    let Some(_unwritable) = laptop.make_unwritable() else { return };
    lock_for_writing(&laptop.files, || false).unwrap_err();
}

#[test]
fn the_time_to_wait_begins_and_ends() {
    assert!(lock_wait()());
    assert!(!wait_until(Instant::now())());
}
