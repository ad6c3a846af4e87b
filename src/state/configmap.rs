//! The state as a key of a ConfigMap, read and written through the Kubernetes API, compare-and-swap. Only `get` and
//! `patch` of the one object are ever asked for. Its mounted copy is read when the API does not serve.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::config::KubeConfigOptions;
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use super::store::{Loaded, SaveError, Source, Store, Unanswered, replay};
use crate::http;
use crate::metrics::Requests;

/// The key of the document.
const KEY: &str = "watermark.json";
const REPLAY: &str = "replay";
const FIELD_MANAGER: &str = "guardduty-slack";

/// How long the API may take for a load or a save, all its requests together.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// How often a write is tried again because somebody changed another key just then.
const ATTEMPTS: usize = 5;

pub struct ConfigMapStore {
    name: String,
    /// The same key, mounted: read-only, and it lags.
    copy: PathBuf,
    requests: Requests,
    client: Option<Client>,
    /// The object as it was last seen; `None` until it was read, and then nothing is written.
    object: Option<Seen>,
    /// The `replay` that was loaded: only that one may be removed.
    replay: Option<String>,
    unanswered: Unanswered,
}

/// What matters of the object.
struct Seen {
    version: String,
    /// The document; `None`: there is no such key.
    value: Option<String>,
    replay: Option<String>,
}

/// Why a request failed.
enum Failure {
    /// The server's answer: status and message.
    Refused(u16, String),
    Unanswered(String),
}

impl ConfigMapStore {
    /// Nothing is asked yet. `copy` is where the key is mounted.
    pub fn new(name: &str, copy: &Path, requests: Requests) -> Self {
        Self {
            name: name.to_owned(),
            copy: copy.to_owned(),
            requests,
            client: None,
            object: None,
            replay: None,
            unanswered: Unanswered::default(),
        }
    }

    /// Whether the ConfigMap that was loaded could be written: a patch that the server checks and does not carry out.
    /// A conflict is no refusal: a run has written just now, and who may not write is refused before that is looked at.
    pub async fn probe(&mut self) -> Result<(), SaveError> {
        let Some(seen) = &self.object else { return Err(self.not_read()) };
        let body = json!({"metadata": {"resourceVersion": seen.version}});
        let dry = PatchParams { dry_run: true, ..parameters() };
        let answer = tokio::time::timeout(PATIENCE, self.patch(&body, &dry)).await;
        match answer.unwrap_or_else(|_| Err(self.silence("patch"))) {
            Ok(_) | Err(Failure::Refused(409, _)) => Ok(()),
            Err(failure) => Err(self.refused(failure)),
        }
    }

    async fn get(&mut self) -> Result<Seen, Failure> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(connect().await.map_err(Failure::Unanswered)?).clone(),
        };
        let answer = object(client).get(&self.name).await;
        self.count("get", answer.as_ref().err());
        Ok(Seen::of(answer?))
    }

    async fn patch(&self, body: &Value, parameters: &PatchParams) -> Result<Seen, Failure> {
        // Without a client there was no load that succeeded, so nobody gets here.
        let Some(client) = &self.client else { return Err(Failure::Unanswered("there is no client".into())) };
        let answer = object(client.clone()).patch(&self.name, parameters, &Patch::Merge(body)).await;
        self.count("patch", answer.as_ref().err());
        Ok(Seen::of(answer?))
    }

    fn count(&self, operation: &str, error: Option<&kube::Error>) {
        let code = match error {
            None => "200".to_owned(),
            Some(kube::Error::Api(status)) => status.code.to_string(),
            Some(_) => "error".to_owned(),
        };
        self.requests.count("kubernetes", operation, &code);
    }

    fn silence(&self, operation: &str) -> Failure {
        self.requests.count("kubernetes", operation, "timeout");
        Failure::Unanswered(format!("the Kubernetes API has not answered within {} s", PATIENCE.as_secs()))
    }

    /// What holds instead when the API does not serve. The copy is a small file on a tmpfs.
    fn fall_back(&self, why: &str) -> Source {
        let api = format!("the ConfigMap {} cannot be read: {why}", self.name);
        let path = self.copy.display();
        match std::fs::read_to_string(&self.copy) {
            Ok(text) if !text.trim().is_empty() => Source::Copy { text, why: api },
            Ok(_) => Source::Unreadable(format!("{api}; its mounted copy {path} is empty")),
            Err(e) => Source::Unreadable(format!("{api}; its mounted copy {path} cannot be read either: {e}")),
        }
    }

    async fn write(&mut self, document: &str, take_replay: bool) -> Result<(), SaveError> {
        for _ in 0..ATTEMPTS {
            let Some(seen) = &self.object else { return Err(self.not_read()) };
            let take = take_replay && seen.replay == self.replay;
            match self.patch(&patch_of(&seen.version, document, take), &parameters()).await {
                Ok(seen) => {
                    self.object = Some(Seen { value: Some(document.to_owned()), ..seen });
                    self.unanswered.clear();
                    return Ok(());
                }
                Err(Failure::Refused(409, _)) => self.look_again().await?,
                Err(failure) => return Err(self.refused(failure)),
            }
        }
        Err(SaveError::Unavailable(format!("the ConfigMap {} is changed by somebody all the time", self.name)))
    }

    /// After a 409: if only other keys were changed, or what stands in ours is a write of our own that was never
    /// answered, the next attempt goes on from the new version.
    async fn look_again(&mut self) -> Result<(), SaveError> {
        let new = self.get().await.map_err(|f| self.refused(f))?;
        let before = self.object.as_ref().and_then(|s| s.value.as_ref());
        let ours = |value: &String| self.unanswered.has(value.as_bytes());
        if new.value.as_ref() != before && !new.value.as_ref().is_some_and(ours) {
            let name = &self.name;
            let what = if new.value.is_some() { "changed" } else { "removed" };
            let why = format!(
                "the key {KEY} of the ConfigMap {name} was {what} by somebody else; the next run reads it anew"
            );
            return Err(SaveError::Conflict(why));
        }
        self.object = Some(new);
        Ok(())
    }

    fn not_read(&self) -> SaveError {
        SaveError::Unavailable(format!("the ConfigMap {} could not be read, so it is not written", self.name))
    }

    /// What happened, with the mend where there is one.
    fn told(&self, failure: &Failure) -> String {
        let (status, message) = match failure {
            Failure::Unanswered(why) => return why.clone(),
            Failure::Refused(status, message) => (status, message),
        };
        let mend = match status {
            401 => "; the service account's token is not accepted".into(),
            403 => "; its Role must allow get and patch of this ConfigMap by name".into(),
            404 => format!("; make it anew in namespace {} by upgrading the Helm release", self.namespace()),
            _ => String::new(),
        };
        format!("the Kubernetes API answers {status}: {message}{mend}")
    }

    fn namespace(&self) -> &str {
        self.client.as_ref().map_or("", Client::default_namespace)
    }

    fn refused(&self, failure: Failure) -> SaveError {
        let why = format!("the ConfigMap {} cannot be written: {}", self.name, self.told(&failure));
        match failure {
            // Source: an API server 1.36: over 1 MiB 422 «Too long», a body over 3 MB 413.
            Failure::Refused(413, _) => SaveError::TooLarge(why),
            Failure::Refused(422, text) if text.to_ascii_lowercase().contains("too long") => SaveError::TooLarge(why),
            _ => SaveError::Unavailable(why),
        }
    }
}

impl Store for ConfigMapStore {
    async fn load(&mut self) -> Loaded {
        (self.object, self.replay) = (None, None);
        let answer = tokio::time::timeout(PATIENCE, self.get()).await.unwrap_or_else(|_| Err(self.silence("get")));
        match answer {
            Ok(seen) => {
                let source = seen.value.clone().map_or(Source::New, Source::Primary);
                self.replay.clone_from(&seen.replay);
                let replay = seen.replay.as_deref().and_then(replay);
                self.object = Some(seen);
                self.unanswered.clear();
                Loaded { source, replay }
            }
            Err(failure) => Loaded { source: self.fall_back(&self.told(&failure)), replay: None },
        }
    }

    async fn save(&mut self, document: &str, take_replay: bool) -> Result<(), SaveError> {
        if self.object.is_none() {
            return Err(self.not_read());
        }
        self.unanswered.add(document.as_bytes());
        let written = tokio::time::timeout(PATIENCE, self.write(document, take_replay)).await;
        written.unwrap_or_else(|_| Err(self.refused(self.silence("patch"))))
    }
}

impl Seen {
    fn of(object: ConfigMap) -> Self {
        let mut data = object.data.unwrap_or_default();
        let version = object.metadata.resource_version.unwrap_or_default();
        Self { version, value: data.remove(KEY), replay: data.remove(REPLAY) }
    }
}

impl From<kube::Error> for Failure {
    fn from(e: kube::Error) -> Self {
        match e {
            kube::Error::Api(status) => Failure::Refused(status.code, status.message),
            e => Failure::Unanswered(format!("the Kubernetes API cannot be asked: {}", causes(&e))),
        }
    }
}

/// The error and its causes, each said once: most repeat the one below.
fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string);
    all.reduce(|told, cause| if told.contains(&cause) { told } else { format!("{told}: {cause}") }).unwrap_or_default()
}

fn parameters() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() }
}

/// In the pod's own namespace.
fn object(client: Client) -> Api<ConfigMap> {
    Api::default_namespaced(client)
}

/// A merge patch with the version that it applies to: anything else is answered with 409. It touches no other key.
fn patch_of(version: &str, document: &str, take_replay: bool) -> Value {
    let mut data = json!({KEY: document});
    if take_replay {
        data[REPLAY] = Value::Null;
    }
    json!({"metadata": {"resourceVersion": version}, "data": data})
}

/// In a pod its service account, on a laptop the kubeconfig. Left to itself, the client would wait for an answer
/// without end and try again for minutes; and it would take a proxy from the environment that it cannot speak to.
async fn connect() -> Result<Client, String> {
    let config = match Config::incluster() {
        Ok(config) => config,
        Err(in_pod) => Config::from_kubeconfig(&KubeConfigOptions::default())
            .await
            .map_err(|laptop| format!("neither a pod's service account ({in_pod}) nor a kubeconfig ({laptop})"))?,
    };
    client(config)
}

/// Everything is asked within a time-out of our own.
fn client(mut config: Config) -> Result<Client, String> {
    http::install_crypto();
    config.connect_timeout = Some(CONNECT_PATIENCE);
    config.default_retry = false;
    config.proxy_url = None;
    Client::try_from(config).map_err(|e| format!("no client for the Kubernetes API: {e}"))
}

#[cfg(test)]
mod tests;
