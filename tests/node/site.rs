//! One namespace with a release of the chart, and the fakes of AWS and Slack that its Pods meet.

use std::net::SocketAddr;
use std::path::PathBuf;

use guardduty_slack_support::fault::Step;
use guardduty_slack_support::findings::FindingBuilder;
use guardduty_slack_support::process::ProcessResult;
use guardduty_slack_support::slack::{self, Channel};
use guardduty_slack_support::world::{ACCOUNT, World};
use serde_json::{Value, json};

use crate::eks::{self, Credentials, Eks};
use crate::kit::{CommandOutput, Helm, command, eventually, kubectl, kubectl_with, object};

pub(crate) const RELEASE: &str = "guardduty-slack";
pub(crate) const CHART: &str = "oci://ghcr.io/guardduty-slack/charts/guardduty-slack";
/// Channel of the documented values.
pub(crate) const CHANNEL: &str = "C0123456789";
const AWS: ([u8; 4], u16) = ([10, 200, 0, 2], 443);
const SLACK: ([u8; 4], u16) = ([10, 200, 0, 3], 443);

pub(crate) struct Site {
    pub namespace: String,
    world: Option<World>,
    _eks: Eks,
    folder: tempfile::TempDir,
}

/// How a Job ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub succeeded: bool,
    /// Exit status of the container; none when there is no container any more.
    pub code: Option<i64>,
    /// Why the container ended, such as `Completed` or `OOMKilled`.
    pub reason: String,
    pub log: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert!(self.succeeded, "the run failed ({:?} {}):\n{}", self.code, self.reason, self.log);
    }

    #[track_caller]
    pub(crate) fn assert_code(&self, code: i64) {
        assert_eq!(self.code, Some(code), "{}:\n{}", self.reason, self.log);
    }
}

impl Site {
    /// Creates the namespace as the installation guide does, with credentials by IRSA.
    pub(crate) fn new(namespace: &str) -> Self {
        Self::with_credentials(namespace, Credentials::Irsa)
    }

    pub(crate) fn with_credentials(namespace: &str, credentials: Credentials) -> Self {
        let site = Self::empty(namespace, credentials);
        site.create_namespace();
        let token = format!("--from-literal=bot-token={}", slack::TOKEN);
        site.kubectl(&["create", "secret", "generic", "guardduty-slack", &token]).assert_success();
        site.create_authority();
        site
    }

    /// Starts the fakes. Creates nothing in the cluster.
    pub(crate) fn empty(namespace: &str, credentials: Credentials) -> Self {
        let world =
            World::with_program(Vec::new()).listen_at(SocketAddr::from(AWS), SocketAddr::from(SLACK), eks::authority());
        world.aws.source(ACCOUNT, "us-east-1", |_| ());
        world.slack.channel(Channel::new(CHANNEL, "guardduty"));
        let eks = Eks::start(credentials, &world);
        // the namespace of an earlier case with the same name
        kubectl(&["wait", "--for=delete", &format!("namespace/{namespace}"), "--timeout=120s"]).assert_success();
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { namespace: namespace.into(), world: Some(world), _eks: eks, folder }
    }

    fn create_namespace(&self) {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": self.namespace, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
        });
        kubectl_with(&namespace.to_string(), &["create", "--filename=-"]).assert_success();
    }

    /// Creates the ConfigMap with the authority of the fakes.
    pub(crate) fn create_authority(&self) {
        let authority = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "authority", "namespace": self.namespace },
            "data": { "ca.crt": eks::authority().ca() },
        });
        kubectl_with(&authority.to_string(), &["create", "--filename=-"]).assert_success();
    }

    pub(crate) fn world(&self) -> &World {
        self.world.as_ref().expect("every change returns the world")
    }

    /// Puts findings, or newer revisions of them, into GuardDuty.
    pub(crate) fn add(&mut self, findings: impl IntoIterator<Item = FindingBuilder>) {
        self.world = self.world.take().map(|world| world.findings(findings));
    }

    pub(crate) fn add_in(&mut self, account: &str, region: &str, findings: impl IntoIterator<Item = FindingBuilder>) {
        self.world = self.world.take().map(|world| world.findings_in(account, region, findings));
    }

    /// What happens to the next calls of one operation, in order.
    pub(crate) fn on(&mut self, operation: &str, steps: impl IntoIterator<Item = Step>) {
        self.world = self.world.take().map(|world| world.on(operation, steps));
    }

    // ---- the release ------------------------------------------------------------------------------------------

    /// Installs the release with the documented values and these.
    pub(crate) fn install(&self, values: Value) {
        self.helm(Helm::Four, "install", "0.1.0", values).assert_success();
    }

    pub(crate) fn helm(&self, helm: Helm, verb: &str, version: &str, values: Value) -> CommandOutput {
        self.helm_release(helm, verb, RELEASE, version, values)
    }

    pub(crate) fn helm_release(
        &self,
        helm: Helm,
        verb: &str,
        release: &str,
        version: &str,
        values: Value,
    ) -> CommandOutput {
        let documented = self.file("documented.json", &documented_values());
        let additional = self.file("additional.json", &values);
        let (documented, additional) = (documented.display().to_string(), additional.display().to_string());
        let arguments = [verb, release, CHART, "--version", version, "--values", &documented, "--values", &additional];
        self.helm_plain(helm, &arguments)
    }

    /// Runs `helm` in the namespace of the release.
    pub(crate) fn helm_plain(&self, helm: Helm, arguments: &[&str]) -> CommandOutput {
        helm.run(&[arguments, &["--namespace", &self.namespace]].concat())
    }

    fn file(&self, name: &str, content: &Value) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content.to_string()).expect("the temporary folder is writable");
        path
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> CommandOutput {
        kubectl(&[&["--namespace", &self.namespace], arguments].concat())
    }

    pub(crate) fn object(&self, kind: &str, name: &str) -> Value {
        object(&self.namespace, kind, name)
    }

    /// The state, as the ConfigMap contains it.
    pub(crate) fn state(&self) -> Option<String> {
        let configmap = self.object("configmap", "guardduty-slack-state");
        configmap["data"]["watermark.json"].as_str().map(str::to_owned)
    }

    // ---- runs -------------------------------------------------------------------------------------------------

    /// Starts a run of the CronJob, and waits for its end.
    pub(crate) fn run(&self, job: &str) -> Ended {
        self.start(job);
        self.ended(job)
    }

    pub(crate) fn start(&self, job: &str) {
        self.kubectl(&["create", "job", "--from=cronjob/guardduty-slack", job]).assert_success();
    }

    /// Waits for the end of a Job, and checks what holds after every run.
    pub(crate) fn ended(&self, job: &str) -> Ended {
        let succeeded = eventually(&format!("the end of {job}"), || self.result(job));
        let ended = Ended { succeeded, log: self.log(job), ..self.container(job) };
        let ran = ProcessResult { code: None, signal: None, stdout: String::new(), stderr: ended.log.clone() };
        self.world().check_always(&ran);
        assert!(!ended.log.contains("eyJ"), "a token is in the log of {job}");
        ended
    }

    fn result(&self, job: &str) -> Option<bool> {
        let job = self.object("job", job);
        let conditions = job["status"]["conditions"].as_array()?.iter();
        let mut true_conditions = conditions.filter(|condition| condition["status"] == "True");
        true_conditions.find_map(|condition| match condition["type"].as_str() {
            Some("Complete") => Some(true),
            Some("Failed") => Some(false),
            _ => None,
        })
    }

    fn container(&self, job: &str) -> Ended {
        let pod = self.pod(job).unwrap_or_default();
        let state = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        let reason = state["reason"].as_str().unwrap_or_default().to_owned();
        Ended { succeeded: false, code: state["exitCode"].as_i64(), reason, log: String::new() }
    }

    /// What the container of a Job has printed.
    pub(crate) fn log(&self, job: &str) -> String {
        self.kubectl(&["logs", &format!("job/{job}")]).stdout
    }

    /// The Pod of a Job.
    pub(crate) fn pod(&self, job: &str) -> Option<Value> {
        let label = format!("--selector=batch.kubernetes.io/job-name={job}");
        let pods = self.kubectl(&["get", "pods", &label, "--output=json"]).assert_success();
        let pods: Value = serde_json::from_str(&pods).expect("kubectl prints JSON");
        pods["items"].get(0).cloned()
    }

    /// Waits until Slack has received `count` messages, those that it holds back included.
    pub(crate) fn wait_for_posts(&self, count: usize) {
        self.world().wait_until(|entries| {
            entries.iter().filter(|entry| entry.call.operation == "chat.postMessage").count() >= count
        });
    }

    /// Writes the bot token to the Secret, as its rotation does.
    pub(crate) fn write_token(&self, token: &str) {
        let patch = json!({ "stringData": { "bot-token": token } }).to_string();
        self.kubectl(&["patch", "secret", "guardduty-slack", "--patch", &patch]).assert_success();
    }

    // ---- Slack ------------------------------------------------------------------------------------------------

    /// IDs of the announced findings, sorted, as often as they were announced.
    pub(crate) fn announced(&self) -> Vec<String> {
        let revisions = self.world().deliveries_by_revision();
        let repeated = revisions.into_iter().flat_map(|((id, _), times)| std::iter::repeat_n(id, times));
        repeated.collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let report = format!(
                "kubectl --namespace {0} get all,events; kubectl --namespace {0} logs --selector=app.kubernetes.io/name=guardduty-slack --tail=20",
                self.namespace
            );
            let report = command("bash", &["-c", &report], "");
            eprintln!("{}\n{}", report.stdout, report.stderr);
        }
        kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// The values of the installation guide, with the authority of the fakes. No run starts by itself.
fn documented_values() -> Value {
    json!({
        "suspend": true,
        "secret": { "existingSecret": "guardduty-slack" },
        "serviceAccount": { "roleArn": eks::ROLE },
        "config": { "guardduty": { "regions": ["eu-west-1", "us-east-1"] }, "slack": { "channel": CHANNEL } },
        "networkPolicy": { "enabled": true },
        "caBundle": { "configMap": "authority", "key": "ca.crt" },
    })
}
