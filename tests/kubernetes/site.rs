//! A site: a namespace that enforces the restricted Pod Security Standard, a Secret, a release of the chart, and the
//! program as the release's Pods would run it.

use std::path::{Path, PathBuf};

use guardduty_slack_support::findings::Sighting;
use guardduty_slack_support::kubernetes::write_service_account;
use guardduty_slack_support::slack;
use guardduty_slack_support::world::World;
use serde_json::{Value, json};

use crate::kit::{CHART, Helm, Said, cluster, command, kubectl, kubectl_with, object};

/// The names that the chart gives in a release called `rel`.
pub const RELEASE: &str = "rel";
pub const FULL: &str = "rel-guardduty-slack";
pub const STATE: &str = "rel-guardduty-slack-state";

pub struct Site {
    pub namespace: String,
    pub world: Option<World>,
    folder: tempfile::TempDir,
}

impl Site {
    /// A namespace of that name with the Slack token in a Secret; nothing is installed yet.
    pub fn new(namespace: &str) -> Self {
        namespace_that_is_restricted(namespace);
        let token = format!("--from-literal=bot-token={}", slack::TOKEN);
        kubectl(&["--namespace", namespace, "create", "secret", "generic", "guardduty-slack", &token]).must();
        let world = World::new(env!("CARGO_BIN_EXE_guardduty-slack"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { namespace: namespace.into(), world: Some(world), folder }
    }

    /// `helm <verb> rel <chart>` with a site's usual values and these.
    pub fn helm(&self, helm: Helm, verb: &str, settings: &[&str]) -> Said {
        let secret = "secret.existingSecret=guardduty-slack";
        let channel = format!("config.slack.channel={}", slack::CHANNEL);
        let mut arguments =
            vec![verb, RELEASE, CHART, "--namespace", &self.namespace, "--set", secret, "--set", &channel];
        settings.iter().for_each(|setting| arguments.extend(["--set", *setting]));
        helm.run(&arguments)
    }

    /// `helm` with the release's namespace.
    pub fn helm_plain(&self, helm: Helm, arguments: &[&str]) -> Said {
        helm.run(&[arguments, &["--namespace", &self.namespace]].concat())
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Said {
        kubectl(&[&["--namespace", &self.namespace], arguments].concat())
    }

    pub fn object(&self, kind: &str, name: &str) -> Value {
        object(&self.namespace, kind, name)
    }

    /// The state as it stands in the ConfigMap.
    pub fn watermark(&self) -> Option<String> {
        self.object("configmap", STATE)["data"]["watermark.json"].as_str().map(str::to_owned)
    }

    /// `kubectl` in the name of the release's ServiceAccount, with a token as its Pods get one.
    pub fn as_service_account(&self, arguments: &[&str]) -> Said {
        let kubeconfig = format!("--kubeconfig={}", self.kubeconfig().display());
        command("kubectl", &[&[kubeconfig.as_str(), "--namespace", &self.namespace], arguments].concat(), "")
    }

    /// Runs the program once, as the CronJob's Pod would.
    pub fn run(&mut self, findings: impl IntoIterator<Item = Sighting>) -> &World {
        self.world = self.world.take().map(|world| world.findings(findings));
        let cronjob = self.object("cronjob", FULL);
        self.run_container(&cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0])
    }

    /// Runs the program as a container would: its arguments, its variables, its files, its ServiceAccount's token.
    pub fn run_container(&mut self, container: &Value) -> &World {
        let world = self.world.take().expect("every run gives the world back");
        let arguments = container["args"].as_array().expect("the chart says what to run").iter();
        let arguments: Vec<&str> = arguments.filter_map(Value::as_str).collect();
        let world = self.environment(world, container).run_with(&arguments, b"");
        self.world.insert(world)
    }

    fn environment(&self, world: World, container: &Value) -> World {
        self.lay_secret();
        let world = self.in_cluster(world.env_remove("SLACK_BOT_TOKEN"));
        let variables = container["env"].as_array().expect("the chart sets variables").iter();
        variables.fold(world, |world, variable| {
            let (name, value) = (variable["name"].as_str(), variable["value"].as_str());
            world.env(name.expect("a variable has a name"), self.path_here(value.expect("and a value")))
        })
    }

    /// Where a path inside the container lies here; what is no such path stays as it is.
    fn path_here(&self, value: &str) -> String {
        let inside = ["/etc/guardduty-slack/", "/var/lib/guardduty-slack/"];
        match inside.iter().any(|folder| value.starts_with(folder)) {
            true => format!("{}{value}", self.folder.path().display()),
            false => value.to_owned(),
        }
    }

    /// The Secret's file, as the kubelet would lay it.
    fn lay_secret(&self) {
        let template = "--output=go-template={{index .data \"bot-token\" | base64decode}}";
        let token = self.kubectl(&["get", "secret", "guardduty-slack", template]).must();
        let file = PathBuf::from(self.path_here("/etc/guardduty-slack/secret/guardduty-slack/bot-token"));
        let lay = |file: &Path| -> std::io::Result<()> {
            std::fs::create_dir_all(file.parent().unwrap_or(file))?;
            std::fs::write(file, token)
        };
        lay(&file).expect("a file in our own folder");
    }

    /// The variables and files by which a Pod of the release reaches the API server.
    fn in_cluster(&self, world: World) -> World {
        let account = self.folder.path().join("service-account");
        let token = self.kubectl(&["create", "token", FULL]).must();
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
        let token = self.kubectl(&["create", "token", FULL]).must();
        let server = server();
        let authority = cluster().join("ca.crt");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "pod",
            "clusters": [{ "name": "pod", "cluster": { "server": server, "certificate-authority": authority } }],
            "users": [{ "name": "pod", "user": { "token": token.trim() } }],
            "contexts": [{ "name": "pod", "context": { "cluster": "pod", "user": "pod", "namespace": self.namespace } }],
        });
        let path = self.folder.path().join("kubeconfig");
        std::fs::write(&path, config.to_string()).expect("a file in our own folder");
        path
    }
}

/// The URL of the API server.
fn server() -> String {
    kubectl(&["config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}"]).must()
}

/// A namespace as a security account's cluster has it.
pub fn namespace_that_is_restricted(name: &str) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": {
            "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
        } },
    });
    kubectl_with(&namespace.to_string(), &["apply", "--filename=-"]).must();
}
