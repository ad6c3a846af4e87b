//! The files after a write, and after one that failed.

use super::*;
use crate::state::file::tests::Laptop;

fn is_error(result: &io::Result<()>, text: &str) -> bool {
    result.as_ref().is_err_and(|error| error.to_string().starts_with(text))
}

#[test]
fn a_write_leaves_only_the_state() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "old");
    write_atomically(&laptop.files, b"new", LoadedReplay::Keep).unwrap();
    assert_eq!((laptop.state().as_deref(), laptop.names()), (Some("new"), vec!["watermark.json".to_owned()]));
}

#[test]
fn write_in_place_leaves_only_the_state_whether_it_shrinks_or_grows() {
    let laptop = Laptop::new();
    for document in ["long document", "short", "a longer document again"] {
        laptop.put(&laptop.files.temporary, document);
        replace_in_place(&laptop.files, document.as_bytes()).unwrap();
        assert_eq!(laptop.state().as_deref(), Some(document));
        assert_eq!(laptop.names(), ["watermark.json"]);
    }
}

#[test]
fn a_write_whose_temporary_file_cannot_be_written_leaves_the_state_as_it_was() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "old");
    fs::create_dir(&laptop.files.temporary).unwrap();
    let written = write_atomically(&laptop.files, b"new", LoadedReplay::Keep);
    assert!(is_error(&written, "cannot write "), "{written:?}");
    assert_eq!(laptop.state().as_deref(), Some("old"));
}

#[test]
fn a_state_that_cannot_be_replaced_is_an_error_and_no_write_in_place() {
    let laptop = Laptop::new();
    fs::create_dir_all(&laptop.files.state).unwrap();
    let written = write_atomically(&laptop.files, b"new", LoadedReplay::Keep);
    assert!(is_error(&written, "cannot replace "), "{written:?}");
    assert!(!laptop.files.complete.exists());
}

#[test]
fn a_state_in_a_directory_that_cannot_be_written_is_overwritten() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "a longer document");
    let Some(_unwritable) = laptop.make_unwritable() else { return };
    probe(&laptop.files).unwrap();
    write_atomically(&laptop.files, b"new", LoadedReplay::Keep).unwrap();
    assert_eq!(laptop.state().as_deref(), Some("new"));
}

#[test]
fn without_a_state_a_directory_that_cannot_be_written_is_an_error() {
    let laptop = Laptop::new();
    let Some(_unwritable) = laptop.make_unwritable() else { return };
    assert!(is_error(&probe(&laptop.files), "cannot create a file in "));
    assert!(is_error(&write_atomically(&laptop.files, b"new", LoadedReplay::Keep), "cannot write "));
}

#[test]
fn a_probe_leaves_no_file_and_fails_where_none_can_be_created() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "old");
    probe(&laptop.files).unwrap();
    assert_eq!(laptop.names(), ["watermark.json"]);
    laptop.block_probe();
    let probed = probe(&laptop.files);
    assert!(is_error(&probed, "cannot create a file in "), "{probed:?}");
}

#[test]
fn only_a_file_that_does_not_exist_need_not_be_removed() {
    let laptop = Laptop::new();
    laptop.put(&laptop.files.state, "state");
    remove_if_exists(&laptop.files.temporary).unwrap();
    let removed = remove_if_exists(&laptop.files.state.join("below a file"));
    assert!(is_error(&removed, "cannot remove "), "{removed:?}");
    remove_if_exists(&laptop.files.state).unwrap();
    assert_eq!(laptop.state(), None);
}

#[test]
fn a_directory_is_unwritable_without_permission_and_on_a_read_only_filesystem() {
    for (kind, expected) in [
        (io::ErrorKind::PermissionDenied, true),
        (io::ErrorKind::ReadOnlyFilesystem, true),
        (io::ErrorKind::IsADirectory, false),
        (io::ErrorKind::StorageFull, false),
    ] {
        assert_eq!(is_unwritable(&kind.into()), expected, "{kind}");
    }
}
