//! Certificates, tokens and errors of the Kubernetes API.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use guardduty_slack_support::kubernetes::write_service_account;
use guardduty_slack_support::server::{Outcome, Reply, Request, Server};
use guardduty_slack_support::tls::Authority;
use serde_json::json;

use super::*;
use crate::text::utf16_len;

/// An API server that answers every request in the same way, and the files of a ServiceAccount.
struct Cluster {
    server: Server,
    account: tempfile::TempDir,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Cluster {
    fn start(answer: impl Fn() -> Outcome + Send + Sync + 'static) -> Self {
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let journal = requests.clone();
        let server = Server::start_tls(Authority::shared(), 0, move |request, _| {
            journal.lock().unwrap().push(request);
            answer()
        });
        let cluster = Self { server, account: tempfile::tempdir().unwrap(), requests };
        cluster.write("token-1", Authority::shared().ca());
        cluster
    }

    fn found() -> Self {
        Self::start(|| Outcome::Reply(Reply::json(200, &json!({"metadata": {"resourceVersion": "7"}}))))
    }

    fn write(&self, token: &str, ca: &str) {
        write_service_account(self.account.path(), token, "security", ca);
    }

    fn client(&self) -> Client {
        let port = self.server.port().to_string();
        Client::new(self.account.path(), |name| match name {
            "KUBERNETES_SERVICE_HOST" => Some("127.0.0.1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some(port.clone()),
            _ => None,
        })
    }

    fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

#[test]
fn server_address_is_the_one_that_the_kubelet_sets() {
    assert_eq!(server_url("10.0.0.1", "443"), "https://10.0.0.1:443");
    assert_eq!(server_url("fd00:10::1", "6443"), "https://[fd00:10::1]:6443");
    assert_eq!(server_url("[fd00:10::1]", "6443"), "https://[fd00:10::1]:6443");
}

#[tokio::test]
async fn configmap_of_the_pods_namespace_is_requested_with_the_current_token() {
    let cluster = Cluster::found();
    let client = cluster.client();
    assert_eq!(client.get("state").await.unwrap().metadata.resource_version, "7");
    cluster.write("token-2\n", Authority::shared().ca());
    client.patch("state", &json!({"data": {}}), Effect::DryRun).await.unwrap();
    let requests = cluster.requests();
    let tokens: Vec<&str> = requests.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(tokens, ["Bearer token-1", "Bearer token-2"]);
    assert!(requests.iter().all(|request| request.path == "/api/v1/namespaces/security/configmaps/state"));
    assert_eq!(requests[1].header("content-type"), "application/merge-patch+json");
    let query: Vec<String> = requests[1].query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(query, ["fieldManager=guardduty-slack", "dryRun=All"]);
}

#[tokio::test]
async fn only_the_ca_of_the_cluster_is_trusted_and_a_new_one_is_used_at_once() {
    let cluster = Cluster::found();
    let client = cluster.client();
    client.get("state").await.unwrap();
    let other = Authority::new();
    cluster.write("token", other.ca());
    let error = client.get("state").await.unwrap_err();
    assert!(matches!(&error, RequestError::Unanswered(why) if why.contains("127.0.0.1")), "{error:?}");
    assert_eq!(cluster.requests().len(), 1);
    cluster.write("token", &format!("{}{}", other.ca(), Authority::shared().ca()));
    client.get("state").await.unwrap();
}

#[tokio::test]
async fn missing_or_empty_service_account_files_are_named() {
    let cluster = Cluster::found();
    for file in ["token", "ca.crt", "namespace"] {
        for content in [None, Some("")] {
            cluster.write("token", Authority::shared().ca());
            let path = cluster.account.path().join(file);
            match content {
                None => std::fs::remove_file(&path).unwrap(),
                Some(text) => std::fs::write(&path, text).unwrap(),
            }
            let error = cluster.client().get("state").await.unwrap_err();
            let RequestError::Setup(why) = &error else { panic!("{error:?}") };
            assert!(why.contains(path.to_str().unwrap()) && !error.is_transient(), "{why}");
        }
    }
    assert!(cluster.requests().is_empty());
}

#[tokio::test]
async fn outside_of_a_pod_the_error_names_the_missing_variable() {
    let folder = tempfile::tempdir().unwrap();
    for value in [None, Some(String::new())] {
        let error = Client::new(folder.path(), |_| value.clone()).get("state").await.unwrap_err();
        assert!(matches!(&error, RequestError::Setup(why) if why.contains("KUBERNETES_SERVICE_HOST")), "{error:?}");
    }
}

#[tokio::test]
async fn rejection_has_status_message_and_pause() {
    let status = json!({"kind": "Status", "message": "slow down", "code": 429});
    let cluster = Cluster::start(move || Outcome::Reply(Reply::json(429, &status).with("retry-after", "3")));
    let error = cluster.client().get("state").await.unwrap_err();
    assert!(
        matches!(&error, RequestError::Rejected { status: 429, message, .. } if message == "slow down"),
        "{error:?}"
    );
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    let page = "<html>".to_owned() + &"x".repeat(10_000);
    let proxy = Cluster::start(move || Outcome::Reply(Reply::text(502, "text/html", page.clone())));
    let error = proxy.client().get("state").await.unwrap_err();
    assert!(matches!(&error, RequestError::Rejected { status: 502, message, .. } if utf16_len(message) == MAX_QUOTED));
}

#[tokio::test]
async fn refused_reset_and_truncated_answers_are_transient() {
    let reset = Cluster::start(|| Outcome::Reset);
    let cut = Cluster::start(|| Outcome::Cut(Reply::json(200, &json!({"metadata": {"resourceVersion": "7"}}))));
    let garbage = Cluster::start(|| Outcome::Reply(Reply::text(200, "text/html", "<html>")));
    for cluster in [reset, cut, garbage] {
        let error = cluster.client().get("state").await.unwrap_err();
        assert!(error.is_transient() && matches!(error, RequestError::Unanswered(_)), "{error:?}");
    }
    let cluster = Cluster::found();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let client = Client::new(cluster.account.path(), |name| match name {
        "KUBERNETES_SERVICE_HOST" => Some("127.0.0.1".into()),
        _ => Some(port.clone()),
    });
    let error = client.get("state").await.unwrap_err();
    assert!(matches!(&error, RequestError::Unanswered(why) if why.contains(&port)), "{error:?}");
}

#[tokio::test]
async fn error_never_contains_the_token() {
    let cluster = Cluster::start(|| Outcome::Reset);
    cluster.write("s3cret\u{1}token", Authority::shared().ca());
    let error = cluster.client().get("state").await.unwrap_err();
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}
