//! `kubectl` and `helm` as a person uses them, in the cluster that `tests/kubernetes/cluster` started.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The repository.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The chart, in the repository.
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/helm/guardduty-slack");

/// The folder of the cluster that `tests/kubernetes/cluster` started.
pub fn cluster() -> PathBuf {
    std::env::var_os("CLUSTER").map(PathBuf::from).expect("a cluster: run these tests by tests/kubernetes/run")
}

/// What a command said, and whether it succeeded.
#[derive(Debug)]
pub struct Said {
    pub ok: bool,
    pub out: String,
    pub err: String,
}

impl Said {
    /// What it printed.
    #[track_caller]
    pub fn must(self) -> String {
        assert!(self.ok, "{}\n{}", self.out, self.err);
        self.out
    }

    /// What it complained of, which has to hold `word`.
    #[track_caller]
    pub fn must_fail(self, word: &str) {
        assert!(!self.ok, "succeeded: {}", self.out);
        assert!(self.err.contains(word), "no word of {word:?}: {}", self.err);
    }
}

pub fn command(program: &str, arguments: &[&str], stdin: &str) -> Said {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program} does not start: {e}"));
    // a program that does not read its input closes it; what it then says tells more than the broken pipe
    drop(child.stdin.take().map(|mut pipe| pipe.write_all(stdin.as_bytes())));
    let output = child.wait_with_output().expect("a child that was started can be waited for");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { ok: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
}

pub fn kubectl(arguments: &[&str]) -> Said {
    command("kubectl", arguments, "")
}

/// `kubectl` with documents, JSON or YAML, on standard input.
pub fn kubectl_with(documents: &str, arguments: &[&str]) -> Said {
    command("kubectl", arguments, documents)
}

/// One object as JSON.
pub fn object(namespace: &str, kind: &str, name: &str) -> Value {
    let text = kubectl(&["--namespace", namespace, "get", kind, name, "--output=json"]).must();
    serde_json::from_str(&text).expect("kubectl prints JSON")
}

/// Waits until `look` finds something, half a minute at most.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Helm {
    Three,
    Four,
}

impl Helm {
    pub fn program(self) -> &'static str {
        match self {
            Self::Three => "helm3",
            Self::Four => "helm4",
        }
    }

    pub fn run(self, arguments: &[&str]) -> Said {
        command(self.program(), arguments, "")
    }

    /// The chart's manifests with the values of a file, for a namespace.
    pub fn template(self, namespace: &str, values: &Path) -> String {
        self.template_with(namespace, &[values.to_owned()])
    }

    /// The manifests of the chart with the values of several files; later files take precedence.
    pub fn template_with(self, namespace: &str, values: &[PathBuf]) -> String {
        let files = values.iter().map(|file| format!("--values={}", file.display()));
        let arguments: Vec<String> =
            ["template", "rel", CHART, "--namespace", namespace].map(str::to_owned).into_iter().chain(files).collect();
        self.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).must()
    }
}

/// The values files under the chart's `ci/`, one a feature.
pub fn features() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(Path::new(CHART).join("ci")).expect("the chart has feature values");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    assert!(files.len() >= 5, "feature values are missing: {files:?}");
    files
}
