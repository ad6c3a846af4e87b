//! A namespace that enforces the restricted Pod Security Standard, a Secret, a release of the chart, and the program as
//! the Pods of the release run it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use guardduty_slack_support::findings::FindingBuilder;
use guardduty_slack_support::kubernetes::write_service_account;
use guardduty_slack_support::slack;
use guardduty_slack_support::world::World;
use serde_json::{Value, json};

use crate::kit::{CHART, CommandOutput, Helm, cluster, command, kubectl, kubectl_with, object};

/// Object names in a release called `rel`.
pub(crate) const RELEASE: &str = "rel";
pub(crate) const FULL: &str = "rel-guardduty-slack";
pub(crate) const STATE: &str = "rel-guardduty-slack-state";

pub(crate) struct Site {
    pub namespace: String,
    pub world: Option<World>,
    folder: tempfile::TempDir,
}

impl Site {
    /// Creates the namespace, and a Secret with the bot token. Installs nothing.
    pub(crate) fn new(namespace: &str) -> Self {
        namespace_that_is_restricted(namespace);
        let token = format!("--from-literal=bot-token={}", slack::TOKEN);
        kubectl(&["--namespace", namespace, "create", "secret", "generic", "guardduty-slack", &token]).assert_success();
        let world = World::new(env!("CARGO_BIN_EXE_guardduty-slack"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { namespace: namespace.into(), world: Some(world), folder }
    }

    /// Runs `helm <verb> rel <chart>` with Secret, channel and these settings.
    pub(crate) fn helm(&self, helm: Helm, verb: &str, settings: &[&str]) -> CommandOutput {
        let secret = "secret.existingSecret=guardduty-slack";
        let channel = format!("config.slack.channel={}", slack::CHANNEL);
        let mut arguments =
            vec![verb, RELEASE, CHART, "--namespace", &self.namespace, "--set", secret, "--set", &channel];
        settings.iter().for_each(|setting| arguments.extend(["--set", *setting]));
        helm.run(&arguments)
    }

    /// Runs `helm` in the namespace of the release.
    pub(crate) fn helm_plain(&self, helm: Helm, arguments: &[&str]) -> CommandOutput {
        helm.run(&[arguments, &["--namespace", &self.namespace]].concat())
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> CommandOutput {
        kubectl(&[&["--namespace", &self.namespace], arguments].concat())
    }

    pub(crate) fn object(&self, kind: &str, name: &str) -> Value {
        object(&self.namespace, kind, name)
    }

    /// Content of the state in the ConfigMap.
    pub(crate) fn watermark(&self) -> Option<String> {
        self.object("configmap", STATE)["data"]["watermark.json"].as_str().map(str::to_owned)
    }

    /// Runs `kubectl` with a token of the ServiceAccount of the release.
    pub(crate) fn as_service_account(&self, arguments: &[&str]) -> CommandOutput {
        let kubeconfig = format!("--kubeconfig={}", self.kubeconfig().display());
        command("kubectl", &[&[kubeconfig.as_str(), "--namespace", &self.namespace], arguments].concat(), "")
    }

    /// Runs the program once, as the Pod of the CronJob does.
    pub(crate) fn run(&mut self, findings: impl IntoIterator<Item = FindingBuilder>) -> &World {
        self.world = self.world.take().map(|world| world.findings(findings));
        let cronjob = self.object("cronjob", FULL);
        self.run_container(&cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0])
    }

    /// Runs the program with the arguments, variables, files and ServiceAccount token of a container.
    pub(crate) fn run_container(&mut self, container: &Value) -> &World {
        let world = self.world.take().expect("every run returns the world");
        let arguments = container["args"].as_array().expect("a container has arguments").iter();
        let arguments: Vec<&str> = arguments.filter_map(Value::as_str).collect();
        let world = self.environment(world, container).run_with(&arguments, b"");
        self.world.insert(world)
    }

    fn environment(&self, world: World, container: &Value) -> World {
        self.write_secret_file();
        let world = self.in_cluster(world.env_remove("SLACK_BOT_TOKEN"));
        let variables = container["env"].as_array().expect("a container has variables").iter();
        variables.fold(world, |world, variable| {
            let (name, value) = (variable["name"].as_str(), variable["value"].as_str());
            world.env(name.expect("a variable has a name"), self.path_here(value.expect("and a value")))
        })
    }

    /// Maps a path inside the container to the folder of this test. Other values are unchanged.
    fn path_here(&self, value: &str) -> String {
        let inside = ["/etc/guardduty-slack/", "/var/lib/guardduty-slack/"];
        match inside.iter().any(|folder| value.starts_with(folder)) {
            true => format!("{}{value}", self.folder.path().display()),
            false => value.to_owned(),
        }
    }

    /// Writes the file of the Secret, as the kubelet does.
    fn write_secret_file(&self) {
        let template = "--output=go-template={{index .data \"bot-token\" | base64decode}}";
        let token = self.kubectl(&["get", "secret", "guardduty-slack", template]).assert_success();
        let file = PathBuf::from(self.path_here("/etc/guardduty-slack/secret/guardduty-slack/bot-token"));
        let write = |file: &Path| -> std::io::Result<()> {
            std::fs::create_dir_all(file.parent().unwrap_or(file))?;
            std::fs::write(file, token)
        };
        write(&file).expect("the temporary folder is writable");
    }

    /// Sets the variables and files that give a Pod of the release access to the API server.
    fn in_cluster(&self, world: World) -> World {
        let account = self.folder.path().join("service-account");
        let token = self.kubectl(&["create", "token", FULL]).assert_success();
        let ca = std::fs::read_to_string(cluster().join("ca.crt")).expect("the cluster has a CA");
        write_service_account(&account, &token, &self.namespace, &ca);
        let server = server();
        let address = server.strip_prefix("https://").and_then(|address| address.rsplit_once(':'));
        let (host, port) = address.expect("the API server has a host and a port");
        world
            .env("STATE_SERVICE_ACCOUNT", account.display())
            .env("KUBERNETES_SERVICE_HOST", host)
            .env("KUBERNETES_SERVICE_PORT", port)
    }

    fn kubeconfig(&self) -> PathBuf {
        let token = self.kubectl(&["create", "token", FULL]).assert_success();
        let server = server();
        let authority = cluster().join("ca.crt");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "pod",
            "clusters": [{ "name": "pod", "cluster": { "server": server, "certificate-authority": authority } }],
            "users": [{ "name": "pod", "user": { "token": token.trim() } }],
            "contexts": [{ "name": "pod", "context": { "cluster": "pod", "user": "pod", "namespace": self.namespace } }],
        });
        let path = self.folder.path().join("kubeconfig");
        std::fs::write(&path, config.to_string()).expect("the temporary folder is writable");
        path
    }
}

/// URL of the API server.
fn server() -> String {
    kubectl(&["config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}"]).assert_success()
}

/// `kubectl apply` reads before it creates: two tests that apply one namespace at the same time would both create it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Creates a namespace that enforces the restricted Pod Security Standard.
pub(crate) fn namespace_that_is_restricted(name: &str) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": {
            "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
        } },
    });
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    kubectl_with(&namespace.to_string(), &["apply", "--filename=-"]).assert_success();
}
