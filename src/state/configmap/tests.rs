//! The store with a fake API server and one ConfigMap.

mod fake;

use serde_json::json;

use super::object::REPLAY;
use super::*;
use fake::{Cluster, Step, TOKEN};

#[tokio::test]
async fn an_object_without_the_key_is_a_new_state() {
    let cluster = Cluster::new();
    cluster.fake.set("other", json!("kept"));
    let (mut store, loaded) = cluster.loaded().await;
    assert_eq!(loaded, Loaded { document: LoadedDocument::Absent, replay: None });
    store.save("one").await.unwrap();
    store.save("two").await.unwrap();
    assert_eq!(cluster.fake.data(), json!({"other": "kept", KEY: "two"}));
    assert_eq!(cluster.fake.journal(), ["PATCH fieldManager=guardduty-slack"; 2]);
    assert_eq!(cluster.loaded().await.1.document, LoadedDocument::Current("two".into()));
}

#[tokio::test]
async fn a_replay_is_removed_by_the_write_that_takes_it_up() {
    let cluster = Cluster::new();
    cluster.fake.set(REPLAY, json!(" 6h\n"));
    let (mut store, loaded) = cluster.loaded().await;
    assert_eq!(loaded.replay.as_deref(), Some("6h"));
    store.consume_replay("one").await.unwrap();
    assert_eq!(cluster.fake.data(), json!({KEY: "one"}));
}

#[tokio::test]
async fn replay_requested_during_a_run_is_kept_for_the_next_run() {
    let cluster = Cluster::new();
    cluster.fake.set(REPLAY, json!("6h"));
    let (mut store, _) = cluster.loaded().await;
    cluster.fake.set(REPLAY, json!("2d"));
    store.consume_replay("one").await.unwrap();
    assert_eq!(cluster.fake.data(), json!({KEY: "one", REPLAY: "2d"}));
}

#[tokio::test]
async fn change_of_another_key_is_not_a_conflict() {
    let cluster = Cluster::new();
    let (mut store, _) = cluster.loaded().await;
    store.save("one").await.unwrap();
    cluster.fake.set("other", json!("new"));
    store.save("two").await.unwrap();
    assert_eq!(cluster.fake.data(), json!({"other": "new", KEY: "two"}));
    assert_eq!(
        cluster.fake.journal()[1..],
        ["PATCH fieldManager=guardduty-slack", "GET", "PATCH fieldManager=guardduty-slack"]
    );
}

#[tokio::test]
async fn change_or_removal_of_the_state_key_is_a_conflict() {
    for (changed, expected) in [(json!("modified"), "was changed"), (Value::Null, "was removed")] {
        let cluster = Cluster::new();
        let (mut store, _) = cluster.loaded().await;
        store.save("one").await.unwrap();
        cluster.fake.set(KEY, changed.clone());
        let error = store.save("two").await.unwrap_err();
        assert!(matches!(&error, SaveError::Conflict(why) if why.contains(expected)), "{error}");
        assert_eq!(cluster.fake.data().get(KEY), Some(&changed).filter(|c| !c.is_null()));
    }
}

#[tokio::test]
async fn own_write_without_a_response_is_not_a_conflict() {
    let cluster = Cluster::new();
    let (mut store, _) = cluster.loaded().await;
    cluster.fake.script([Step::LostAfter, Step::Status(503, "later")]);
    assert!(store.save("one").await.unwrap_err().is_transient());
    cluster.fake.script([Step::Lost, Step::Status(503, "later")]);
    assert!(store.save("two").await.unwrap_err().is_transient());
    store.save("three").await.unwrap();
    assert_eq!(cluster.fake.data(), json!({KEY: "three"}));
}

const RBAC: &str =
    "configmaps \"state\" is forbidden: User \"system:serviceaccount:default:sa\" cannot patch resource \"configmaps\"";
const WEBHOOK: &str = "admission webhook \"policy.example.com\" denied the request: no changes in production";
const IMMUTABLE: &str = "ConfigMap \"state\" is invalid: data: Forbidden: field is immutable when `immutable` is set";

#[tokio::test]
async fn rejected_write_is_sent_once_and_its_error_has_cause_and_hint() {
    let cluster = Cluster::new();
    let mut errors = Vec::new();
    for (code, message) in [
        (401, "Unauthorized"),
        (403, RBAC),
        (403, WEBHOOK),
        (400, WEBHOOK),
        (422, IMMUTABLE),
        (404, "not found"),
        (413, "limit is 3145728"),
        (422, "[]: Too long: may not be more than 1048576 bytes"),
        (422, "data[x]: Invalid value"),
        (503, "later"),
        (429, "slow down"),
    ] {
        let (mut store, _) = cluster.loaded().await;
        cluster.fake.script([Step::Status(code, message)]);
        let error = store.save("one").await.unwrap_err();
        errors.push(format!("{}: {error}", error.reason()));
        assert!(cluster.fake.journal().is_empty() && cluster.fake.inner().script.is_empty());
    }
    let errors = errors.join("\n").replace("cannot write ConfigMap state: Kubernetes API returned ", "");
    insta::assert_snapshot!(errors);
}

#[tokio::test]
async fn passing_error_of_a_write_is_retried_within_the_save() {
    for step in [Step::Throttled(503, 0), Step::Throttled(429, 1), Step::Reset, Step::Lost, Step::LostAfter] {
        let cluster = Cluster::new();
        let (mut store, _) = cluster.loaded().await;
        cluster.fake.script([step]);
        store.save("one").await.unwrap();
        assert_eq!(cluster.fake.data(), json!({KEY: "one"}));
    }
}

#[tokio::test]
async fn rejected_write_is_not_retried_although_the_server_names_a_delay() {
    let cluster = Cluster::new();
    let (mut store, _) = cluster.loaded().await;
    cluster.fake.script([Step::Throttled(422, 0)]);
    store.save("one").await.unwrap_err();
    assert!(cluster.fake.journal().is_empty(), "one request");
}

#[tokio::test]
async fn passing_error_of_the_first_read_is_retried_within_the_load() {
    for step in [Step::Throttled(500, 0), Step::Throttled(429, 1), Step::Reset, Step::Lost] {
        let cluster = Cluster::new();
        cluster.fake.set(KEY, json!("current"));
        std::fs::write(cluster.copy(), "lagging").unwrap();
        cluster.fake.script([step]);
        let (mut store, loaded) = cluster.loaded().await;
        assert_eq!(loaded.document, LoadedDocument::Current("current".into()));
        store.save("next").await.unwrap();
    }
}

#[tokio::test]
async fn refused_connection_of_the_first_read_is_retried_within_the_load() {
    let cluster = Cluster::new();
    let mut store = cluster.store();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    store.client = cluster.build_client(free);
    cluster.fake.set(KEY, json!("current"));
    let refused = cluster.requests.clone();
    let begin_to_listen = async {
        while refused.take_counts().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        cluster.fake.serve_at(free)
    };
    let (loaded, _server) = tokio::join!(store.load(), begin_to_listen);
    assert_eq!(loaded.document, LoadedDocument::Current("current".into()));
}

#[tokio::test]
async fn unanswered_first_read_is_sent_again_on_another_connection() {
    let cluster = Cluster::new();
    cluster.fake.set(KEY, json!("current"));
    cluster.fake.script([Step::Hang]);
    assert_eq!(cluster.loaded().await.1.document, LoadedDocument::Current("current".into()));
}

#[tokio::test]
async fn persistent_error_of_the_first_read_falls_back_to_the_mounted_copy() {
    let cluster = Cluster::new();
    std::fs::write(cluster.copy(), "lagging").unwrap();
    // On a slow machine a second request goes out beside the first.
    for _ in 0..RETRIES.max_attempts * 2 {
        cluster.fake.script([Step::Throttled(503, 0)]);
    }
    let LoadedDocument::MountedCopy { text, why } = cluster.loaded().await.1.document else {
        panic!("read from the API")
    };
    assert_eq!(text, "lagging");
    assert_eq!(why, "cannot read ConfigMap state: Kubernetes API returned 503: later");
    assert!(cluster.requests.take_counts().into_values().sum::<u64>() >= RETRIES.max_attempts.into());
}

#[tokio::test]
async fn key_under_binary_data_is_corrupt_state_that_names_it() {
    for key in [KEY, REPLAY] {
        let cluster = Cluster::new();
        cluster.fake.inner().object["binaryData"] = json!({key: "e30="});
        let LoadedDocument::Corrupt(why) = cluster.loaded().await.1.document else { panic!("{key} was read") };
        assert!(why.contains(&format!("key {key} of ConfigMap state is under binaryData")), "{why}");
    }
}

#[tokio::test]
async fn conflict_retries_are_limited() {
    let cluster = Cluster::new();
    let (mut store, _) = cluster.loaded().await;
    for _ in 0..MAX_WRITES {
        cluster.fake.script([Step::Status(409, "modified"), Step::Well]);
    }
    assert!(store.save("one").await.unwrap_err().is_transient());
}

#[tokio::test]
async fn without_the_api_the_mounted_copy_is_read_and_nothing_is_written() {
    for step in [Step::Status(503, "later"), Step::Status(403, "no"), Step::Status(404, "not found")] {
        let cluster = Cluster::new();
        std::fs::write(cluster.copy(), "lagging").unwrap();
        cluster.fake.script([step]);
        let (mut store, loaded) = cluster.loaded().await;
        let LoadedDocument::MountedCopy { text, why } = &loaded.document else { panic!("{loaded:?}") };
        assert!(text == "lagging" && why.starts_with("cannot read ConfigMap state: "), "{why}");
        assert!(store.save("one").await.unwrap_err().is_transient());
        assert!(store.probe().await.is_err());
        assert!(cluster.fake.journal().is_empty());
    }
}

#[tokio::test]
async fn missing_or_blank_copy_counts_as_no_state() {
    for copy in [None, Some(" \n")] {
        let cluster = Cluster::new();
        if let Some(text) = copy {
            std::fs::write(cluster.copy(), text).unwrap();
        }
        cluster.fake.script([Step::Status(404, "not found")]);
        let LoadedDocument::Unreadable(why) = cluster.loaded().await.1.document else { panic!("read something") };
        assert!(why.starts_with("cannot read ConfigMap state: Kubernetes API returned 404: not found"), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_hangs_is_given_five_seconds() {
    let cluster = Cluster::new();
    std::fs::write(cluster.copy(), "lagging").unwrap();
    cluster.fake.script([Step::Hang, Step::Hang]);
    let began = tokio::time::Instant::now();
    let loaded = cluster.store_within(TIME_LIMIT).load().await;
    let LoadedDocument::MountedCopy { why, .. } = loaded.document else { panic!("read from the API") };
    assert!(why.ends_with("Kubernetes API timed out after 5 s"), "{why}");
    assert!(began.elapsed() <= TIME_LIMIT + Duration::from_millis(1));
}

#[tokio::test]
async fn write_probe_uses_a_dry_run_request() {
    let cluster = Cluster::new();
    let (mut store, _) = cluster.loaded().await;
    store.probe().await.unwrap();
    assert_eq!(cluster.fake.journal(), ["PATCH fieldManager=guardduty-slack dryRun=All"]);
    assert_eq!(cluster.fake.data(), Value::Null);
    cluster.fake.script([Step::Status(403, "cannot patch")]);
    assert!(store.probe().await.unwrap_err().to_string().contains("in the Role"));
    cluster.fake.script([Step::Status(422, IMMUTABLE)]);
    assert!(store.probe().await.unwrap_err().to_string().contains("recreate"));
    cluster.fake.script([Step::Status(409, "modified")]);
    store.probe().await.expect("a run that writes meanwhile may be conflicted with");
}

#[tokio::test]
async fn every_request_is_counted_by_its_answer() {
    let cluster = Cluster::new();
    let (mut store, _) = cluster.loaded().await;
    cluster.fake.script([Step::Well, Step::Status(503, "later"), Step::Lost]);
    for document in ["one", "two", "three"] {
        let _ = store.save(document).await;
    }
    let counted: Vec<String> =
        cluster.requests.take_counts().into_iter().map(|((_, op, code), n)| format!("{op} {code} {n}")).collect();
    assert_eq!(counted, ["get 200 1", "patch 200 2", "patch 503 1", "patch error 1"]);
}

#[tokio::test]
async fn no_error_shows_the_token() {
    let cluster = Cluster::new();
    for step in [Step::Status(401, "Unauthorized"), Step::Status(503, "later")] {
        let (mut store, _) = cluster.loaded().await;
        cluster.fake.script([step]);
        let error = store.save("one").await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{error:?}");
    }
}
