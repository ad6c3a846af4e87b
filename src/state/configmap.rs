//! Stores the state in a key of a ConfigMap, through the Kubernetes API with compare-and-swap. It uses only `get` and `patch`
//! of this object. The mounted copy is the fallback for reading.

mod object;

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::{Either, LocalBoxFuture, select, select_ok};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::kubernetes::{Client, ConfigMap, Effect, RequestError};
use super::store::{Denial, Loaded, LoadedDocument, LoadedReplay, SaveError, Store, UnconfirmedWrites, non_blank};
use crate::metrics::{RequestCounts, Service};
use crate::retry::{RetryPolicy, jitter};
use object::{KEY, ObjectSnapshot, merge_patch};

/// Maximum time for a load or a save, with all its requests.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Time after which a load without a response sends a second request on another connection. The first response counts:
/// a slow server can still respond, and a dead connection does not consume the time limit.
const SECOND_REQUEST_AFTER: Duration = Duration::from_secs(2);
const RETRIES: RetryPolicy =
    RetryPolicy { initial: Duration::from_millis(200), max: Duration::from_secs(1), max_attempts: 5 };
/// Maximum number of writes of one save, if another key of the ConfigMap is changed at the same time.
const MAX_WRITES: usize = 5;

pub(crate) struct ConfigMapStore {
    name: String,
    /// Path of the same key, mounted: read-only, and older than the ConfigMap.
    mounted_copy: PathBuf,
    requests: RequestCounts,
    client: Client,
    time_limit: Duration,
    /// The ConfigMap as it was last read or written. While it is `None`, nothing is written.
    last_seen: Option<ObjectSnapshot>,
    /// The `replay` that was loaded: `consume_replay` removes only that one.
    replay: Option<String>,
    unconfirmed: UnconfirmedWrites,
}

impl ConfigMapStore {
    /// Sends no request yet. `mounted_copy` is the path at which the key is mounted.
    pub(crate) fn new(name: &str, mounted_copy: &Path, service_account: &Path, requests: RequestCounts) -> Self {
        let client = Client::new(service_account, |name| std::env::var(name).ok());
        Self::with_client(name, mounted_copy, client, TIME_LIMIT, requests)
    }

    fn with_client(
        name: &str,
        mounted_copy: &Path,
        client: Client,
        time_limit: Duration,
        requests: RequestCounts,
    ) -> Self {
        Self {
            name: name.to_owned(),
            mounted_copy: mounted_copy.to_owned(),
            requests,
            client,
            time_limit,
            last_seen: None,
            replay: None,
            unconfirmed: UnconfirmedWrites::default(),
        }
    }

    /// Finds out whether the ConfigMap that was loaded can be written, by a patch that the server does not carry out. A
    /// conflict means that it can: permission is checked before the version.
    pub(crate) async fn probe(&mut self) -> Result<(), SaveError> {
        let Some(seen) = &self.last_seen else { return Err(self.not_loaded()) };
        let deadline = Instant::now() + self.time_limit;
        // An immutable ConfigMap rejects a change only.
        let document = seen.document.as_deref().unwrap_or("{}").to_owned() + "\n";
        let patch = merge_patch(&seen.resource_version, &document, LoadedReplay::Keep);
        match self.within(deadline, "patch", self.patch_once(&patch, Effect::DryRun)).await {
            Ok(_) | Err(RequestError::Rejected { status: 409, .. }) => Ok(()),
            Err(error) => Err(self.save_error(&error)),
        }
    }

    async fn get_once(&self) -> Result<ObjectSnapshot, RequestError> {
        let answer = self.client.get(&self.name).await;
        self.record_request("get", &answer);
        answer.map(ObjectSnapshot::from)
    }

    async fn patch_once(&self, patch: &Value, effect: Effect) -> Result<ObjectSnapshot, RequestError> {
        let answer = self.client.patch(&self.name, patch, effect).await;
        self.record_request("patch", &answer);
        answer.map(ObjectSnapshot::from)
    }

    async fn get_object(&self, deadline: Instant) -> Result<ObjectSnapshot, RequestError> {
        retry(deadline, async || self.get_once().await).await
    }

    /// Like [`Self::get_object`], with a second request if the first one has no response.
    async fn get_from_either(&self, deadline: Instant) -> Result<ObjectSnapshot, RequestError> {
        let first: LocalBoxFuture<'_, _> = Box::pin(self.get_object(deadline));
        match select(first, Box::pin(sleep(SECOND_REQUEST_AFTER))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), first)) => {
                let second: LocalBoxFuture<'_, _> = Box::pin(self.get_object(deadline));
                select_ok([first, second]).await.map(|(answer, _)| answer)
            }
        }
    }

    async fn within<T>(
        &self,
        deadline: Instant,
        operation: &str,
        request: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        timeout_at(deadline, request).await.unwrap_or_else(|_| {
            self.requests.increment(Service::Kubernetes, operation, "timeout");
            Err(RequestError::Unanswered(format!("Kubernetes API timed out after {} s", self.time_limit.as_secs())))
        })
    }

    fn record_request(&self, operation: &str, answer: &Result<ConfigMap, RequestError>) {
        let code = answer.as_ref().err().map_or("200".to_owned(), RequestError::code);
        self.requests.increment(Service::Kubernetes, operation, &code);
    }

    /// Reads the mounted copy, a small file on a tmpfs.
    fn read_mounted_copy(&self, error: &RequestError) -> LoadedDocument {
        let why = format!("cannot read ConfigMap {}: {}", self.name, self.describe(error));
        let path = self.mounted_copy.display();
        match std::fs::read_to_string(&self.mounted_copy) {
            Ok(text) if !text.trim().is_empty() => LoadedDocument::MountedCopy { text, why },
            Ok(_) => LoadedDocument::Unreadable(format!("{why}; mounted copy {path} is empty")),
            Err(error) => LoadedDocument::Unreadable(format!("{why}; cannot read mounted copy {path}: {error}")),
        }
    }

    async fn write(&mut self, document: &str, replay: LoadedReplay) -> Result<(), SaveError> {
        if self.last_seen.is_none() {
            return Err(self.not_loaded());
        }
        self.unconfirmed.insert(document.as_bytes());
        let deadline = Instant::now() + self.time_limit;
        for _ in 0..MAX_WRITES {
            let Some(seen) = &self.last_seen else { return Err(self.not_loaded()) };
            // A `replay` that was changed since it was loaded is a request of its own.
            let replay = if seen.replay == self.replay { replay } else { LoadedReplay::Keep };
            let patch = merge_patch(&seen.resource_version, document, replay);
            let request = retry(deadline, async || self.patch_once(&patch, Effect::Write).await);
            match self.within(deadline, "patch", request).await {
                Ok(seen) => {
                    self.last_seen = Some(ObjectSnapshot { document: Some(document.to_owned()), ..seen });
                    self.unconfirmed.clear();
                    return Ok(());
                }
                Err(RequestError::Rejected { status: 409, .. }) => self.reload(deadline).await?,
                Err(error) => return Err(self.save_error(&error)),
            }
        }
        Err(SaveError::Unavailable(format!("ConfigMap {} was modified too often: retries exhausted", self.name)))
    }

    /// After a 409: the next write starts from the new version if only other keys were changed, or if our key holds a
    /// write of this process that was never confirmed.
    async fn reload(&mut self, deadline: Instant) -> Result<(), SaveError> {
        let answer = self.within(deadline, "get", self.get_object(deadline)).await;
        let new = answer.map_err(|error| self.save_error(&error))?;
        let before = self.last_seen.as_ref().and_then(|seen| seen.document.as_ref());
        let is_ours = |document: &String| self.unconfirmed.contains(document.as_bytes());
        if new.document.as_ref() != before && !new.document.as_ref().is_some_and(is_ours) {
            let change = if new.document.is_some() { "changed" } else { "removed" };
            return Err(SaveError::Conflict(format!(
                "key {KEY} of ConfigMap {} was {change} by another writer; the next run reloads it",
                self.name
            )));
        }
        self.last_seen = Some(new);
        Ok(())
    }

    fn not_loaded(&self) -> SaveError {
        SaveError::Unavailable(format!("ConfigMap {} was not read and is not written", self.name))
    }

    /// The error with the hint for its cause.
    fn describe(&self, error: &RequestError) -> String {
        let (status, message) = match error {
            RequestError::Setup(why) | RequestError::Unanswered(why) => return why.clone(),
            RequestError::Rejected { status, message, .. } => (*status, message),
        };
        let hint = match (Denial::of(status, message), status) {
            (Some(denial), _) => format!("; {}", denial.hint()),
            (None, 401) => "; the ServiceAccount token was rejected".into(),
            (None, 404) => format!("; recreate it in namespace {} (helm upgrade)", self.namespace()),
            (None, _) => String::new(),
        };
        format!("Kubernetes API returned {status}: {message}{hint}")
    }

    fn namespace(&self) -> String {
        self.client.namespace().unwrap_or_default()
    }

    fn save_error(&self, error: &RequestError) -> SaveError {
        let why = format!("cannot write ConfigMap {}: {}", self.name, self.describe(error));
        let RequestError::Rejected { status, message, .. } = error else { return SaveError::Unavailable(why) };
        // Source: an API server 1.36: over 1 MiB 422 “Too long”, a body over 3 MB 413.
        if *status == 413 || (*status == 422 && message.to_ascii_lowercase().contains("too long")) {
            return SaveError::TooLarge(why);
        }
        match Denial::of(*status, message) {
            Some(denial) => SaveError::Denied(denial, why),
            None => SaveError::Unavailable(why),
        }
    }
}

impl Store for ConfigMapStore {
    async fn load(&mut self) -> Loaded {
        (self.last_seen, self.replay) = (None, None);
        let deadline = Instant::now() + self.time_limit;
        match self.within(deadline, "get", self.get_from_either(deadline)).await {
            Ok(seen) => {
                let source = match (&seen.document, seen.binary_key) {
                    (_, Some(key)) => LoadedDocument::Corrupt(format!(
                        "key {key} of ConfigMap {} is under binaryData: move it to data, or delete it",
                        self.name
                    )),
                    (Some(document), None) => LoadedDocument::Current(document.clone()),
                    (None, None) => LoadedDocument::Absent,
                };
                self.replay.clone_from(&seen.replay);
                let replay = seen.replay.as_deref().and_then(non_blank);
                self.last_seen = Some(seen);
                self.unconfirmed.clear();
                Loaded { document: source, replay }
            }
            Err(error) => Loaded { document: self.read_mounted_copy(&error), replay: None },
        }
    }

    async fn save(&mut self, document: &str) -> Result<(), SaveError> {
        self.write(document, LoadedReplay::Keep).await
    }

    async fn consume_replay(&mut self, document: &str) -> Result<(), SaveError> {
        self.write(document, LoadedReplay::Remove).await
    }
}

/// Repeats a request that failed for a passing reason, as long as the next try begins before the deadline. A write is
/// safe to repeat: it names the version that it applies to.
async fn retry<T>(deadline: Instant, request: impl AsyncFn() -> Result<T, RequestError>) -> Result<T, RequestError> {
    let mut failed = 0;
    loop {
        let error = match request().await {
            Err(error) if error.is_transient() => error,
            done => return done,
        };
        failed += 1;
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(pause) = RETRIES.next_delay(failed, error.retry_after(), left, jitter()) else { return Err(error) };
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests;
