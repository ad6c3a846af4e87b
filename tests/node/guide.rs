//! `docs/install.md`, and the installation without Helm, as a new user follows them: every command and every values file as
//! written. Replaced are only the bot token and, by stand-ins in `PATH`, `git`, `aws` and the editor; the values also name
//! the authority of the fakes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use guardduty_slack_support::findings::high;
use guardduty_slack_support::slack::TOKEN;

use crate::eks::Credentials;
use crate::kit::{CommandOutput, ROOT, blocks_of_page, command, kubectl};
use crate::site::Site;

const PAGE: &str = "docs/install.md";
const READ_METRICS: &str =
    "import urllib.request as u; print(u.urlopen('http://10.200.0.1:9091/metrics').read().decode())";
const AUTHORITY: &str = "caBundle:\n  configMap: authority\n  key: ca.crt\n";
const GIT: &str = r#"mkdir guardduty-slack && cp -r "$ROOT/k8s" guardduty-slack/"#;
const AWS: &str = r#"case "$1 $2" in
  "sts get-caller-identity") echo 999988887777 ;;
  "eks describe-cluster") echo https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF ;;
  "iam list-open-id-connect-providers") echo arn:aws:iam::999988887777:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF ;;
  "guardduty list-detectors") echo 12abc34d567e8fa901bc2d34e56789f0 ;;
esac"#;

/// Writes the bot token to the kustomization, and adds the authority of the fakes.
const EDITOR: &str = r#"sed -i "s/xoxb-replace-me/$TOKEN/" "$1" && cat >>"$1" <<'PATCH'
  - target: { kind: CronJob, name: guardduty-slack }
    patch: |
      apiVersion: batch/v1
      kind: CronJob
      metadata: { name: guardduty-slack }
      spec:
        jobTemplate:
          spec:
            template:
              spec:
                volumes: [{ name: authority, configMap: { name: authority } }]
                containers:
                  - name: guardduty-slack
                    env: [{ name: SSL_CERT_FILE, value: /authority/ca.crt }]
                    volumeMounts: [{ name: authority, mountPath: /authority, readOnly: true }]
PATCH"#;

/// A shell session that goes through the guide.
struct Reader {
    folder: tempfile::TempDir,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let reader = Self { folder };
        let helm = r#"exec helm4 "$@""#;
        for (name, script) in [("git", GIT), ("aws", AWS), ("helm", helm), ("editor", EDITOR)] {
            reader.write_program(name, script);
        }
        reader
    }

    fn write_program(&self, name: &str, script: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/bash\n{script}\n")).expect("the temporary folder is writable");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the file is ours");
    }

    fn write_values(&self, values: &str) {
        let checkout = self.folder.path().join("guardduty-slack");
        std::fs::write(checkout.join("values.yaml"), values).expect("the checkout is writable");
    }

    /// Runs blocks in the checkout, with the variables that the first steps set.
    fn run(&self, blocks: &[String]) -> CommandOutput {
        let folder = self.folder.path().display();
        let variables = format!(
            "export REGION=eu-west-1 CLUSTER=security ACCOUNT=999988887777 OIDC_ID=0123456789ABCDEF EDITOR=editor TOKEN={TOKEN}"
        );
        let checkout = if self.folder.path().join("guardduty-slack").is_dir() { "guardduty-slack" } else { "." };
        let script = format!(
            "cd '{folder}/{checkout}'; export ROOT='{ROOT}' PATH='{folder}':\"$PATH\"; {variables}\n{}",
            blocks.join("\n")
        );
        command("bash", &["-euo", "pipefail", "-c", &script], "")
    }
}

/// Blocks from the one that starts with `first` to the one that starts with `last`, with the bot token in place of the example.
fn section(blocks: &[String], first: &str, last: &str) -> Vec<String> {
    let position = |prefix: &str| {
        let found = blocks.iter().position(|block| block.starts_with(prefix));
        found.unwrap_or_else(|| panic!("no block of the page starts with {prefix:?}"))
    };
    let blocks = blocks[position(first)..=position(last)].iter();
    blocks.map(|block| block.replace("xoxb-…", TOKEN)).collect()
}

/// Adds the second values to the first, as a reader edits the file.
fn merged(first: &str, additional: &str) -> String {
    let (config, rest) = additional.split_once("\nmetrics:").expect("the additional values end with metrics");
    let (_, config) = config.split_once("config:\n").expect("the additional values begin with config");
    format!("{}\nmetrics:{rest}", first.replacen("config:\n", &format!("config:\n{config}\n"), 1))
}

/// The command of a task in the table at the end of the page.
fn task(name: &str) -> String {
    let page = std::fs::read_to_string(Path::new(ROOT).join(PAGE)).expect("the page exists");
    let row = page.lines().find(|line| line.starts_with(&format!("| {name} |")));
    let row = row.unwrap_or_else(|| panic!("no task is called {name:?}"));
    row.split('`').nth(1).expect("a task has a command").to_owned()
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn installation_guide_works_as_written() {
    let mut site = Site::empty("guardduty-slack", Credentials::Irsa);
    for kind in ["prometheusrule", "servicemonitor"] {
        kubectl(&["apply", &format!("--filename={ROOT}/tests/kubernetes/crds/{kind}.yaml")]).assert_success();
    }
    site.add([high("sample").sample()]);
    let reader = Reader::new();
    let blocks = blocks_of_page(PAGE, "sh");
    let values = blocks_of_page(PAGE, "yaml");

    reader.run(&section(&blocks, "git clone", "export REGION")).assert_success();
    let left = reader.run(&section(&blocks, "grep --line-number", "grep --line-number"));
    assert!(left.stdout.is_empty(), "{}", left.stdout);
    reader.run(&section(&blocks, "kubectl create namespace", "aws iam get-role")).assert_success();
    site.create_authority();
    let first_values = format!("{}{AUTHORITY}", values[0]);
    reader.write_values(&first_values);
    let output = reader.run(&section(&blocks, "helm install", "detector=")).assert_success();
    assert!(output.contains("finding posted"), "the logs of the first run: {output}");
    site.ended("first").assert_success();
    assert_eq!(site.announced(), ["sample"]);

    reader.write_values(&merged(&first_values, &values[1]));
    reader.run(&section(&blocks, "helm upgrade", "helm upgrade")).assert_success();
    reader.run(&[task("pause"), task("start a run now")]).assert_success();
    site.ended("manual").assert_success();
    let metrics = command("python3", &["-c", READ_METRICS], "").assert_success();
    let success = metrics.lines().find(|line| line.starts_with("guardduty_slack_last_success_timestamp_seconds{"));
    let success = success.expect("the run pushes its metrics");
    for label in [r#"namespace="guardduty-slack""#, r#"release="guardduty-slack""#] {
        assert!(success.contains(label), "{success}");
    }

    reader.run(&[task("announce the last six hours again")]).assert_success();
    site.run("replay").assert_success();
    assert_eq!(site.announced(), ["sample", "sample"]);
    reader.run(&[task("uninstall")]).assert_success();
    assert!(site.state().is_some(), "an uninstall keeps the state");
    reader.run(&[task("start over")]).assert_success();
    assert_eq!(site.state(), None);
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn installation_without_helm_works_as_written() {
    let mut site = Site::empty("guardduty-slack", Credentials::Irsa);
    site.add([high("f1")]);
    let reader = Reader::new();
    reader.run(&section(&blocks_of_page(PAGE, "sh"), "git clone", "git clone")).assert_success();
    let blocks = blocks_of_page("docs/install-variants.md", "sh");
    reader.run(&section(&blocks, "cp -r k8s/example", "cp -r k8s/example")).assert_success();
    site.create_authority();
    site.run("first").assert_success();
    assert_eq!(site.announced(), ["f1"]);

    let check = "kubectl --namespace guardduty-slack create job --from=cronjob/guardduty-slack check";
    let output = reader.run(&section(&blocks, check, check)).assert_success();
    assert!(output.contains("ListFindings"), "the logs of the check: {output}");
}
