//! The configured store is the one that is written to.

use super::*;
use crate::state::store::LoadedDocument;

fn file_store(path: &std::path::Path) -> ConfiguredStore {
    let config = config::StateConfig { file: path.to_owned(), configmap: None, service_account: path.to_owned() };
    ConfiguredStore::new(&config, RequestCounts::default())
}

#[tokio::test]
async fn without_a_configmap_the_state_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("watermark.json");
    let mut store = file_store(&path);
    assert_eq!(store.load().await.document, LoadedDocument::Absent);
    store.save("{}").await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_fails_the_probe() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = file_store(&directory.path().join("watermark.json"));
    store.probe().await.unwrap();
    let blocked = format!(".guardduty-slack-probe-{}", std::process::id());
    std::fs::create_dir(directory.path().join(blocked)).unwrap();
    store.probe().await.unwrap_err();
}

#[tokio::test]
async fn a_replay_that_is_consumed_is_not_loaded_again() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("replay"), "6h").unwrap();
    let mut store = file_store(&directory.path().join("watermark.json"));
    assert_eq!(store.load().await.replay.as_deref(), Some("6h"));
    store.consume_replay("{}").await.unwrap();
    assert_eq!(store.load().await.replay, None);
}
