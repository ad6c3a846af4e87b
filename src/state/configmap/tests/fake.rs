//! A fake API server with one ConfigMap, which the chart creates without data.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use guardduty_slack_support::kubernetes::write_service_account;
use guardduty_slack_support::server::{Outcome, Reply, Request, Server};
use guardduty_slack_support::tls::Authority;
use serde_json::json;

use super::super::*;

/// Time limit of a store where the test is not about it: the machine may be slow.
const HANG: Duration = Duration::from_mins(10);

pub(super) const TOKEN: &str = "s3cretToken";

/// What happens to one request, in order; then all is well.
pub(super) enum Step {
    Well,
    Status(u16, &'static str),
    /// A status with the `Retry-After` of an API server that throttles.
    Throttled(u16, u32),
    Reset,
    /// The response is lost; nothing took effect.
    Lost,
    /// The response is lost, but the request took effect.
    LostAfter,
    Hang,
}

pub(super) struct Inner {
    pub(super) object: Value,
    pub(super) script: VecDeque<Step>,
    journal: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Fake(Arc<Mutex<Inner>>);

impl Fake {
    pub(super) fn new() -> Self {
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "state", "resourceVersion": "1"}});
        Self(Arc::new(Mutex::new(Inner { object, script: VecDeque::new(), journal: Vec::new() })))
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(super) fn serve(&self) -> Server {
        self.serve_at(0)
    }

    pub(super) fn serve_at(&self, port: u16) -> Server {
        let fake = self.clone();
        Server::start_tls(Authority::shared(), port, move |request, closing| {
            let step = fake.inner().script.pop_front().unwrap_or(Step::Well);
            match step {
                Step::Well => Outcome::Reply(fake.answer(&request)),
                Step::Status(code, message) => Outcome::Reply(failure(code, message)),
                Step::Throttled(code, seconds) => {
                    Outcome::Reply(Reply::json(code, &status(code, "later")).with("retry-after", seconds))
                }
                Step::Reset => Outcome::Reset,
                Step::Lost => Outcome::Reply(lost()),
                Step::LostAfter => {
                    fake.answer(&request);
                    Outcome::Reply(lost())
                }
                Step::Hang => {
                    closing.wait(Duration::from_mins(1));
                    Outcome::Hang
                }
            }
        })
    }

    fn answer(&self, request: &Request) -> Reply {
        assert_eq!(request.header("authorization"), format!("Bearer {TOKEN}"));
        assert_eq!(request.path, "/api/v1/namespaces/default/configmaps/state");
        let query: Vec<String> = request.query.iter().map(|(k, v)| format!(" {k}={v}")).collect();
        let mut inner = self.inner();
        inner.journal.push(format!("{}{}", request.method, query.concat()));
        if request.method == "GET" {
            return Reply::json(200, &inner.object);
        }
        assert_eq!(
            (request.method.as_str(), request.header("content-type")),
            ("PATCH", "application/merge-patch+json")
        );
        let patch = request.json();
        if patch["metadata"]["resourceVersion"] != inner.object["metadata"]["resourceVersion"] {
            return failure(409, "the object has been modified");
        }
        if !query.iter().any(|q| q.starts_with(" dryRun")) {
            inner.merge(&patch["data"]);
        }
        Reply::json(200, &inner.object)
    }

    /// Changes a key as another writer; null removes it.
    pub(super) fn set(&self, key: &str, value: Value) {
        self.inner().merge(&json!({key: value}));
    }

    pub(super) fn script(&self, steps: impl IntoIterator<Item = Step>) {
        self.inner().script.extend(steps);
    }

    pub(super) fn data(&self) -> Value {
        self.inner().object["data"].clone()
    }

    pub(super) fn journal(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().journal)
    }
}

impl Inner {
    fn merge(&mut self, data: &Value) {
        let version: u64 = self.object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
        self.object["metadata"]["resourceVersion"] = json!((version + 1).to_string());
        for (key, value) in data.as_object().unwrap() {
            self.object["data"][key] = value.clone();
        }
        self.object["data"].as_object_mut().unwrap().retain(|_, v| !v.is_null());
    }
}

/// An error after which a client must not send the same request again within the run.
fn failure(code: u16, message: &str) -> Reply {
    Reply::json(code, &status(code, message)).with("retry-after", "3600")
}

fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})
}

/// A response that an intermediary truncated.
fn lost() -> Reply {
    Reply::text(200, "application/json", "{\"kind\": \"ConfigM")
}

pub(super) struct Cluster {
    pub(super) fake: Fake,
    server: Server,
    pub(super) dir: tempfile::TempDir,
    pub(super) requests: RequestCounts,
}

impl Cluster {
    pub(super) fn new() -> Self {
        let fake = Fake::new();
        Self { server: fake.serve(), fake, dir: tempfile::tempdir().unwrap(), requests: RequestCounts::default() }
    }

    pub(super) fn copy(&self) -> PathBuf {
        self.dir.path().join(KEY)
    }

    pub(super) fn store(&self) -> ConfigMapStore {
        self.store_within(HANG)
    }

    pub(super) fn store_within(&self, limit: Duration) -> ConfigMapStore {
        let client = self.build_client(self.server.port());
        ConfigMapStore::with_client("state", &self.copy(), client, limit, self.requests.clone())
    }

    pub(super) fn build_client(&self, port: u16) -> Client {
        let account = self.dir.path().join("service-account");
        write_service_account(&account, TOKEN, "default", Authority::shared().ca());
        Client::new(&account, |name| match name {
            "KUBERNETES_SERVICE_HOST" => Some("127.0.0.1".into()),
            _ => Some(port.to_string()),
        })
    }

    pub(super) async fn loaded(&self) -> (ConfigMapStore, Loaded) {
        let mut store = self.store();
        let loaded = store.load().await;
        self.fake.journal();
        (store, loaded)
    }
}
