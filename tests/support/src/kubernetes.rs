//! The Kubernetes API as far as one ConfigMap: resource versions, merge patches, what a server answers to the rest.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::journal::Call;
use crate::scripted_faults::{FaultScript, Peer};
use crate::server::{Reply, Request};

pub const NAMESPACE: &str = "guardduty";
pub const CONFIGMAP: &str = "guardduty-slack-state";
pub const KEY: &str = "watermark.json";
/// The service account's token that the fake accepts.
pub const TOKEN: &str = "fakeServiceAccountTokenNeverPrinted";
/// Bytes that a ConfigMap holds at most.
const LIMIT: usize = 1024 * 1024;

/// Writes the files of a Pod's ServiceAccount, as the kubelet mounts them.
///
/// # Panics
/// When the directory cannot be written.
pub fn write_service_account(directory: &Path, token: &str, namespace: &str, ca: &str) {
    std::fs::create_dir_all(directory).expect("a folder in our own folder");
    for (file, text) in [("token", token), ("namespace", namespace), ("ca.crt", ca)] {
        std::fs::write(directory.join(file), text).expect("a file in our own folder");
    }
}

struct Inner {
    object: Value,
    version: u64,
    writes: usize,
}

#[derive(Clone)]
pub struct Kubernetes {
    stage: FaultScript,
    inner: Arc<Mutex<Inner>>,
}

impl Kubernetes {
    /// As a Helm chart leaves the object: metadata, no data.
    pub(crate) fn new(stage: FaultScript) -> Self {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": CONFIGMAP, "namespace": NAMESPACE, "uid": "fake-uid", "resourceVersion": "1000" },
        });
        Self { stage, inner: Arc::new(Mutex::new(Inner { object, version: 1000, writes: 0 })) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn value(&self, key: &str) -> Option<String> {
        self.lock().object["data"][key].as_str().map(str::to_owned)
    }

    /// What another writer, or a person with kubectl, does; none takes the key away.
    pub fn set(&self, key: &str, value: Option<&str>) {
        let mut inner = self.lock();
        let mut object = inner.object.clone();
        merge(&mut object, &json!({ "data": { key: value } }));
        inner.commit(object);
    }

    /// Successful writes by the program so far.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    fn review(request: &Request) -> Reply {
        let mut review = request.json();
        let asked = &review["spec"]["resourceAttributes"];
        let verb = asked["verb"].as_str().is_some_and(|v| matches!(v, "get" | "patch"));
        let allowed = asked["resource"] == "configmaps" && asked["name"] == CONFIGMAP && verb;
        review["status"] = json!({ "allowed": allowed });
        Reply::json(201, &review)
    }

    fn patch(&self, request: &Request) -> Reply {
        if request.header("content-type").split(';').next() != Some("application/merge-patch+json") {
            return failure(415, "UnsupportedMediaType", "this server reads merge patches");
        }
        let patch = request.json();
        let mut inner = self.lock();
        match patch["metadata"]["resourceVersion"].as_str() {
            None => self.stage.violation("a write of the ConfigMap without a resourceVersion"),
            Some(v) if inner.object["metadata"]["resourceVersion"] != v => {
                return failure(
                    409,
                    "Conflict",
                    "the object has been modified; please apply your changes to the latest version and try again",
                );
            }
            Some(_) => {}
        }
        let mut object = inner.object.clone();
        merge(&mut object, &patch);
        let data = object["data"].as_object();
        let size: usize = data.into_iter().flatten().map(|(k, v)| k.len() + v.as_str().map_or(0, str::len)).sum();
        if size > LIMIT {
            return failure(422, "Invalid", "ConfigMap is invalid: []: Too long: must have at most 1048576 bytes");
        }
        if request.query.iter().any(|(name, _)| name == "dryRun") {
            return Reply::json(200, &object);
        }
        inner.commit(object);
        inner.writes += 1;
        Reply::json(200, &inner.object)
    }
}

impl Inner {
    fn commit(&mut self, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.object = object;
    }
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Some(members) = patch.as_object() else {
        return *target = patch.clone();
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in members {
        match target.as_object_mut() {
            Some(object) if value.is_null() => drop(object.remove(name)),
            _ => merge(&mut target[name], value),
        }
    }
}

fn failure(code: u16, reason: &str, message: &str) -> Reply {
    let document = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code,
    });
    Reply::json(code, &document)
}

impl Peer for Kubernetes {
    fn call(&self, request: &Request) -> Call {
        let verb = match request.method.as_str() {
            "GET" => "get",
            "PATCH" => "patch",
            "POST" => "create",
            other => other,
        };
        let resource = if request.path.contains("/configmaps") {
            "configmaps"
        } else {
            request.path.rsplit('/').next().unwrap_or_default()
        };
        Call { service: "kubernetes", operation: format!("{verb} {resource}"), ..Call::default() }
    }

    fn answer(&self, _: &Call, request: &Request) -> Reply {
        if request.header("authorization") != format!("Bearer {TOKEN}") {
            return failure(401, "Unauthorized", "Unauthorized");
        }
        let own = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{CONFIGMAP}");
        match request.method.as_str() {
            "GET" if request.path == own => Reply::json(200, &self.lock().object),
            "PATCH" if request.path == own => self.patch(request),
            "POST" if request.path.ends_with("/selfsubjectaccessreviews") => Self::review(request),
            "GET" if request.path == "/version" => {
                Reply::json(200, &json!({ "major": "1", "minor": "33", "gitVersion": "v1.33.0" }))
            }
            _ => {
                self.stage.violation(format!(
                    "{} {}: beyond get and patch of the one ConfigMap",
                    request.method, request.path
                ));
                failure(403, "Forbidden", "the service account cannot do this")
            }
        }
    }

    fn status(&self, call: &Call, status: u16) -> Reply {
        let reason = match status {
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            _ => "InternalError",
        };
        error_with(call, status, reason)
    }

    fn error(&self, call: &Call, name: &str) -> Reply {
        error_with(call, 403, name)
    }
}

fn error_with(call: &Call, status: u16, reason: &str) -> Reply {
    failure(status, reason, &format!("{}: as the script wants it", call.operation))
}
