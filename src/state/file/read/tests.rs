//! Which document is the state, and whether a replay is requested.

use std::time::{Duration, SystemTime};

use super::*;
use crate::state::file::tests::Laptop;

fn set_modified(path: &Path, time: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn the_document_of_an_unfinished_write_is_the_state() {
    let laptop = Laptop::new();
    assert_eq!(read_state(&laptop.files).unwrap(), None);
    laptop.put(&laptop.files.state, "old");
    assert_eq!(read_state(&laptop.files).unwrap().as_deref(), Some(&b"old"[..]));
    laptop.put(&laptop.files.complete, "new");
    assert_eq!(read_state(&laptop.files).unwrap().as_deref(), Some(&b"new"[..]));
}

#[test]
fn a_file_that_is_there_and_cannot_be_read_does_not_count_as_absent() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "old");
    assert!(read_if_exists(&laptop.files.state.join("below a file")).is_err());
    fs::create_dir(&laptop.files.complete).unwrap();
    assert!(read_state(&laptop.files).is_err());
}

#[test]
fn a_replay_is_its_text_and_a_blank_or_unreadable_one_is_none() {
    let laptop = Laptop::new();
    assert_eq!(read_replay(&laptop.files), None);
    laptop.put(&laptop.files.replay, "6h\n");
    assert_eq!(read_replay(&laptop.files).as_deref(), Some("6h"));
    laptop.put(&laptop.files.replay, " \n");
    assert_eq!(read_replay(&laptop.files), None);
    fs::remove_file(&laptop.files.replay).unwrap();
    fs::create_dir(&laptop.files.replay).unwrap();
    assert_eq!(read_replay(&laptop.files), None);
}

#[test]
fn a_replay_is_consumed_if_the_state_is_what_its_write_saved_and_it_was_not_requested_again() {
    let then = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let later = then + Duration::from_secs(1);
    for (what, marker, requested, expected) in [
        ("no write consumed it", None, then, false),
        ("the state was saved", Some("state"), then, true),
        ("requested before the write", Some("state"), then - Duration::from_secs(1), true),
        ("requested again", Some("state"), later, false),
        ("the state was not saved", Some("other"), then, false),
        ("neither saved nor up to date", Some("other"), later, false),
    ] {
        let laptop = Laptop::new();
        laptop.put(&laptop.files.state, "state");
        laptop.put(&laptop.files.replay, "6h");
        set_modified(&laptop.files.replay, requested);
        if let Some(marker) = marker {
            laptop.put(&laptop.files.consumed_marker, marker);
            set_modified(&laptop.files.consumed_marker, then);
        }
        assert_eq!(is_replay_consumed(&laptop.files), expected, "{what}");
        assert_eq!(read_replay(&laptop.files).is_none(), expected, "{what}");
    }
    assert!(!is_replay_consumed(&Laptop::new().files), "neither a state nor a replay");
}
