//! `kubectl` and `helm` commands in the cluster that `tests/kubernetes/cluster` started.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Root of the repository.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Folder of the chart.
pub(crate) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/helm/guardduty-slack");

/// Folder with the certificates and the audit log of the cluster.
pub(crate) fn cluster() -> PathBuf {
    std::env::var_os("CLUSTER")
        .map(PathBuf::from)
        .expect("CLUSTER is not set: run these tests with tests/kubernetes/run")
}

/// Output and result of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl CommandOutput {
    /// Returns standard output; panics if the command failed.
    #[track_caller]
    pub(crate) fn assert_success(self) -> String {
        assert!(self.success, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Panics unless the command failed and its standard error contains `word`.
    #[track_caller]
    pub(crate) fn assert_failure(self, word: &str) {
        assert!(!self.success, "succeeded: {}", self.stdout);
        assert!(self.stderr.contains(word), "standard error lacks {word:?}: {}", self.stderr);
    }
}

pub(crate) fn command(program: &str, arguments: &[&str], stdin: &str) -> CommandOutput {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program} does not start: {e}"));
    // a program that does not read its input closes it; its own error is more useful than the broken pipe
    drop(child.stdin.take().map(|mut pipe| pipe.write_all(stdin.as_bytes())));
    let output = child.wait_with_output().expect("a child that was started can be waited for");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    CommandOutput { success: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

pub(crate) fn kubectl(arguments: &[&str]) -> CommandOutput {
    command("kubectl", arguments, "")
}

/// Runs `kubectl` with JSON or YAML documents on standard input.
pub(crate) fn kubectl_with(documents: &str, arguments: &[&str]) -> CommandOutput {
    command("kubectl", arguments, documents)
}

/// Returns one object as JSON.
pub(crate) fn object(namespace: &str, kind: &str, name: &str) -> Value {
    let text = kubectl(&["--namespace", namespace, "get", kind, name, "--output=json"]).assert_success();
    serde_json::from_str(&text).expect("kubectl prints JSON")
}

/// Waits until `poll` returns a value. The limit of ten minutes only catches a hang.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_mins(10);
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen within ten minutes");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Helm {
    Three,
    Four,
}

impl Helm {
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Three => "helm3",
            Self::Four => "helm4",
        }
    }

    pub(crate) fn run(self, arguments: &[&str]) -> CommandOutput {
        command(self.program(), arguments, "")
    }

    /// Returns the manifests of the chart with the values of a file, for a namespace.
    pub(crate) fn template(self, namespace: &str, values: &Path) -> String {
        self.template_with(namespace, &[values.to_owned()])
    }

    /// Returns the manifests of the chart with the values of several files; later files take precedence.
    pub(crate) fn template_with(self, namespace: &str, values: &[PathBuf]) -> String {
        let files = values.iter().map(|file| format!("--values={}", file.display()));
        let arguments: Vec<String> =
            ["template", "rel", CHART, "--namespace", namespace].map(str::to_owned).into_iter().chain(files).collect();
        self.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).assert_success()
    }
}

/// Values files in the `ci` folder of the chart, one per feature.
pub(crate) fn features() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(Path::new(CHART).join("ci")).expect("the chart has feature values");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    assert!(files.len() >= 5, "feature values are missing: {files:?}");
    files
}

/// Contents of the fenced blocks of a language in a page of the documentation, in order.
pub(crate) fn blocks_of_page(page: &str, language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(ROOT).join(page)).expect("the page exists");
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next().map(str::to_owned));
    blocks.collect()
}
