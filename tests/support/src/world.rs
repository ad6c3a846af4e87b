//! The world of one test: AWS, Slack and, on demand, a Kubernetes API and a Pushgateway, and the program in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::aws::{Aws, Identity};
use crate::fault::{Rule, Step};
use crate::findings::{FindingBuilder, now};
use crate::journal::{Call, Entry, Journal};
use crate::kubernetes::{self, Kubernetes};
use crate::process::{ProcessResult, RunningProcess};
use crate::pushgateway::Pushgateway;
use crate::scripted_faults::{FaultScript, PATIENCE};
use crate::server::Server;
use crate::slack::{self, Slack};
use crate::tls::Authority;

/// The account whose key the program has, and the region it polls by default.
pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "eu-west-1";
/// The binary to test instead of the one that the tests were built with.
pub const BINARY_VARIABLE: &str = "GUARDDUTY_SLACK_BIN";

pub struct World {
    pub aws: Aws,
    pub slack: Slack,
    pub kubernetes: Option<Kubernetes>,
    pub pushgateway: Option<Pushgateway>,
    pub stage: FaultScript,
    pub folder: TempDir,
    program: Vec<OsString>,
    settings: BTreeMap<String, String>,
    secrets: Vec<String>,
    aws_server: Server,
    slack_server: Server,
    other_servers: Vec<Server>,
    pub(crate) last: Option<(ProcessResult, Before)>,
}

/// A run that has been started, and the announcements before it.
pub struct Started {
    running: RunningProcess,
    before: Before,
}

impl Started {
    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.running.terminate();
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        self.running.kill();
    }
}

/// The number of announcements when a run started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    pub messages: usize,
    /// Updates by the message's `ts`.
    pub updates: BTreeMap<String, usize>,
}

impl World {
    /// A world with one account, one region and no findings, for the program at `binary` (or in
    /// [`BINARY_VARIABLE`], so that a release binary can be tested too).
    ///
    /// # Panics
    /// When this machine has no temporary folder or no loopback.
    pub fn new(binary: &str) -> Self {
        let binary = std::env::var_os(BINARY_VARIABLE).unwrap_or_else(|| binary.into());
        Self::with_program(vec![binary])
    }

    /// The same for a command line.
    ///
    /// # Panics
    /// As [`World::new`].
    pub fn with_program(program: Vec<OsString>) -> Self {
        let stage = FaultScript::default();
        let (aws, slack) = (Aws::new(stage.clone()), Slack::new(stage.clone()));
        aws.source(ACCOUNT, REGION, |_| ());
        let me = aws.identity(ACCOUNT, &format!("arn:aws:iam::{ACCOUNT}:user/guardduty-slack"), false);
        let aws_server = stage.serve(Arc::new(aws.clone()));
        let slack_server = stage.serve(Arc::new(slack.clone()));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = settings(&folder, &aws_server, &slack_server, &me);
        Self {
            aws,
            slack,
            kubernetes: None,
            pushgateway: None,
            stage,
            folder,
            program,
            settings,
            secrets: vec![slack::TOKEN.into(), kubernetes::TOKEN.into()],
            aws_server,
            slack_server,
            other_servers: Vec::new(),
            last: None,
        }
    }

    // ---- what there is ----------------------------------------------------------------------------------------

    /// Puts findings, or newer states of them, into the home source.
    pub fn findings(self, findings: impl IntoIterator<Item = FindingBuilder>) -> Self {
        self.findings_in(ACCOUNT, REGION, findings)
    }

    pub fn findings_in(self, account: &str, region: &str, findings: impl IntoIterator<Item = FindingBuilder>) -> Self {
        let now = now();
        self.aws.source(account, region, |source| findings.into_iter().for_each(|f| source.put(&f, now)));
        self
    }

    /// Sets a variable of the program's environment.
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.insert(name.into(), value.to_string());
        self
    }

    pub fn env_remove(mut self, name: &str) -> Self {
        self.settings.remove(name);
        self
    }

    /// Where AWS listens, for `AWS_ENDPOINT_URL_…` of one service.
    pub fn aws_url(&self) -> String {
        self.aws_server.url()
    }

    /// Where Slack listens.
    pub fn slack_url(&self) -> String {
        self.slack_server.url()
    }

    /// AWS and Slack also listen on these addresses, with a certificate of `authority`.
    pub fn listen_at(mut self, aws: SocketAddr, slack: SocketAddr, authority: &'static Authority) -> Self {
        self.other_servers.push(self.stage.serve_tls_at(Arc::new(self.aws.clone()), aws, authority));
        self.other_servers.push(self.stage.serve_tls_at(Arc::new(self.slack.clone()), slack, authority));
        self
    }

    /// A string that no run may print.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// The state lives in a ConfigMap.
    pub fn configmap(mut self) -> Self {
        let kubernetes = Kubernetes::new(self.stage.clone());
        let server = self.stage.serve_tls(Arc::new(kubernetes.clone()));
        let account = self.folder.path().join("service-account");
        kubernetes::write_service_account(&account, kubernetes::TOKEN, kubernetes::NAMESPACE, Authority::shared().ca());
        let port = server.port();
        self.other_servers.push(server);
        self.kubernetes = Some(kubernetes);
        self.env("STATE_CONFIGMAP", kubernetes::CONFIGMAP)
            .env("STATE_SERVICE_ACCOUNT", account.display())
            .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .env("KUBERNETES_SERVICE_PORT", port)
    }

    /// Metrics are pushed.
    pub fn metrics(mut self) -> Self {
        let pushgateway = Pushgateway::new(self.stage.clone());
        let server = self.stage.serve(Arc::new(pushgateway.clone()));
        let url = server.url();
        self.other_servers.push(server);
        self.pushgateway = Some(pushgateway);
        self.env("PUSHGATEWAY_URL", url)
    }

    /// An incoming webhook into the default channel, instead of the bot token.
    pub fn webhook(mut self) -> Self {
        let url = self.webhook_url("DEFAULT", slack::CHANNEL);
        self.settings.remove("SLACK_BOT_TOKEN");
        self.settings.remove("SLACK_CHANNEL");
        self.env("SLACK_WEBHOOK_URL", url)
    }

    /// The URL of another webhook; its path is a secret.
    pub fn webhook_url(&mut self, name: &str, channel: &str) -> String {
        let path = self.slack.webhook(name, channel);
        self.secrets.push(path.clone());
        format!("{}{path}", self.slack_server.url())
    }

    // ---- what goes wrong --------------------------------------------------------------------------------------

    /// What Slack answers to the next messages posted, in order.
    pub fn slack(self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.fault(|call| matches!(call.operation.as_str(), "chat.postMessage" | "webhook"), steps)
    }

    /// What happens to the next calls of one operation, in order.
    pub fn on(self, operation: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        let operation = operation.to_owned();
        self.fault(move |call| call.operation == operation, steps)
    }

    /// What happens to the next calls that `condition` chooses, in order.
    pub fn fault(
        self,
        condition: impl Fn(&Call) -> bool + Send + Sync + 'static,
        steps: impl IntoIterator<Item = Step>,
    ) -> Self {
        self.stage.add(Rule::new(condition, steps));
        self
    }

    /// What happens to the `k`-th call from now on; the first is 1.
    pub fn at_call(self, k: usize, step: Step) -> Self {
        self.at_nth(k, |_| true, step)
    }

    /// What happens to the `k`-th of the calls from now on that `condition` selects; the first is 1.
    pub fn at_nth(self, k: usize, condition: impl Fn(&Call) -> bool + Send + Sync + 'static, step: Step) -> Self {
        let seen = AtomicUsize::new(0);
        self.fault(move |call| condition(call) && seen.fetch_add(1, Ordering::SeqCst) + 1 == k, [step])
    }

    /// From now on nothing goes wrong.
    pub fn clear_faults(self) -> Self {
        self.stage.clear();
        self
    }

    // ---- the program ------------------------------------------------------------------------------------------

    pub fn run(self) -> Self {
        self.run_with(&[], b"")
    }

    pub fn run_with(self, arguments: &[&str], stdin: &[u8]) -> Self {
        let running = self.start_with(arguments, stdin);
        self.finish(running)
    }

    /// Starts a run and does not wait for it.
    pub fn start(&self) -> Started {
        self.start_with(&[], b"")
    }

    pub fn start_with(&self, arguments: &[&str], stdin: &[u8]) -> Started {
        let messages = self.slack.messages();
        let updates = messages.iter().map(|m| (m.ts.clone(), m.versions.len())).collect();
        let before = Before { messages: messages.len(), updates };
        let folder = self.folder.path();
        Started {
            running: RunningProcess::start(&self.program, arguments, &self.settings, folder, stdin, &self.stage),
            before,
        }
    }

    /// Waits for a started run; what it says is asserted by the methods that follow.
    pub fn finish(mut self, started: Started) -> Self {
        let ran = started.running.finish(PATIENCE);
        self.check_always(&ran);
        self.last = Some((ran, started.before));
        self
    }

    /// Waits until the calls so far satisfy `holds`.
    ///
    /// # Panics
    /// When they do not for minutes.
    pub fn wait_until(&self, holds: impl FnMut(&[Entry]) -> bool) {
        assert!(
            self.stage.journal.wait(PATIENCE, holds),
            "what the test waits for does not happen: {:?}",
            self.lines()
        );
    }

    pub fn journal(&self) -> &Journal {
        &self.stage.journal
    }

    pub fn lines(&self) -> Vec<String> {
        self.journal().entries().iter().map(Entry::line).collect()
    }

    /// Where the state file is, if it is one.
    pub fn state_path(&self) -> PathBuf {
        PathBuf::from(&self.settings["STATE_FILE"])
    }

    pub fn state_text(&self) -> Option<String> {
        match &self.kubernetes {
            Some(kubernetes) => kubernetes.value(kubernetes::KEY),
            None => std::fs::read_to_string(self.state_path()).ok(),
        }
    }

    /// The state as JSON; null when there is none.
    pub fn state(&self) -> Value {
        self.state_text().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    pub fn set_state(self, text: &str) -> Self {
        if let Some(kubernetes) = &self.kubernetes {
            kubernetes.set(kubernetes::KEY, Some(text));
        } else {
            let path = self.state_path();
            path.parent().map(std::fs::create_dir_all).transpose().expect("a folder in our own folder");
            std::fs::write(path, text).expect("a file in our own folder");
        }
        self
    }

    /// What holds after every run, whatever it was about: no panic, no secret, nothing that a peer would refuse.
    ///
    /// # Panics
    /// When it does not hold.
    pub fn check_always(&self, ran: &ProcessResult) {
        let pushed = self.pushgateway.as_ref().map(Pushgateway::text).unwrap_or_default();
        let messages: String = self.slack.messages().iter().map(|m| m.payload.to_string()).collect();
        let secrets: BTreeSet<String> = self.secrets.iter().cloned().chain(self.aws.secrets()).collect();
        for secret in secrets {
            let places =
                [("stdout", &ran.stdout), ("stderr", &ran.stderr), ("metrics", &pushed), ("a message", &messages)];
            for (place, text) in places {
                assert!(!text.contains(&secret), "a secret (…{}) is in {place}", &secret[secret.len() - 5..]);
            }
        }
        assert!(!ran.stderr.contains("panicked at"), "the program panicked\n{}", ran.tail());
        let violations = self.stage.violations();
        assert!(violations.is_empty(), "no peer would stand for this: {violations:?}\n{}", ran.tail());
    }
}

/// The bare environment of a program in this world.
fn settings(folder: &TempDir, aws: &Server, slack: &Server, me: &Identity) -> BTreeMap<String, String> {
    let here = folder.path().display();
    [
        ("HOME", here.to_string()),
        ("TMPDIR", here.to_string()),
        ("AWS_REGION", REGION.into()),
        ("AWS_ACCESS_KEY_ID", me.key.clone()),
        ("AWS_SECRET_ACCESS_KEY", me.secret.clone()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ("AWS_ENDPOINT_URL", aws.url()),
        ("SLACK_API_URL", format!("{}/api", slack.url())),
        ("SLACK_BOT_TOKEN", slack::TOKEN.into()),
        ("SLACK_CHANNEL", slack::CHANNEL.into()),
        ("STATE_FILE", format!("{here}/state/watermark.json")),
        ("LOG_FORMAT", "text".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
