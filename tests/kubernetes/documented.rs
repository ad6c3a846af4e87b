//! The commands, values and manifests of the installation documents, as a reader copies them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::kit::{CommandOutput, Helm, ROOT, blocks_of_page, command, kubectl, kubectl_with};
use crate::manifests::apply_strictly;
use crate::site::{FULL, Site, namespace_that_is_restricted};

const PAGES: [&str; 3] = ["README.md", "docs/install.md", "docs/install-variants.md"];

/// Contents of the fenced blocks of a language, in order, from the installation documents.
fn blocks(language: &str) -> Vec<String> {
    PAGES.iter().flat_map(|page| blocks_of_page(page, language)).collect()
}

/// The documented shell command that starts with `prefix`, with its continuation lines.
fn documented_command(prefix: &str) -> String {
    let block = blocks("sh").into_iter().find(|block| block.lines().any(|line| line.starts_with(prefix)));
    let block = block.unwrap_or_else(|| panic!("no documented command starts with {prefix:?}"));
    let mut lines = block.lines().skip_while(|line| !line.starts_with(prefix));
    let mut command = lines.next().unwrap_or_default().to_owned();
    while command.ends_with('\\') || command.ends_with('|') {
        command.push('\n');
        command.push_str(lines.next().unwrap_or_default());
    }
    command
}

fn run_in_bash(script: &str, directory: &Path) -> CommandOutput {
    let script = format!("cd '{}' || exit 1\n{script}", directory.display());
    command("bash", &["-o", "pipefail", "-c", &script], "")
}

fn copy_folder(from: &str, into: &Path) {
    let from = Path::new(ROOT).join(from);
    let (from, into) = (from.display().to_string(), into.display().to_string());
    command("cp", &["-r", &from, &into], "").assert_success();
}

#[test]
fn every_documented_command_is_valid_shell() {
    for block in blocks("sh") {
        let output = command("bash", &["-n"], &block);
        assert!(output.success, "{}\n{block}", output.stderr);
    }
}

#[test]
fn every_documented_version_is_the_version_of_the_crate() {
    for file in PAGES.into_iter().chain(["k8s/example/kustomization.yaml"]) {
        let text = std::fs::read_to_string(Path::new(ROOT).join(file)).expect("the file exists");
        let numbers = text.split(|c: char| !(c.is_ascii_digit() || c == '.')).map(|token| token.trim_matches('.'));
        let versions: Vec<&str> = numbers.filter(|token| token.split('.').count() == 3).collect();
        assert!(!versions.is_empty(), "{file} names no version");
        assert!(versions.iter().all(|version| *version == env!("CARGO_PKG_VERSION")), "{file}: {versions:?}");
    }
}

#[test]
fn the_documented_replacement_leaves_no_example_name() {
    let checkout = tempfile::tempdir().expect("a temporary folder");
    copy_folder("k8s", &checkout.path().join("k8s"));
    let replace = documented_command("sed -i.orig");
    let names = "export ACCOUNT=999988887777 OIDC_ID=0123456789ABCDEF REGION=ap-south-1 CLUSTER=prod";
    run_in_bash(&format!("{names}\n{replace}"), checkout.path()).assert_success();
    let left = run_in_bash(&documented_command("grep --line-number"), checkout.path());
    assert!(!left.success && left.stdout.is_empty(), "{}", left.stdout);
    for (file, name) in [("trust-irsa.json", "id/0123456789ABCDEF:sub"), ("eksctl-irsa.yaml", "  name: prod")] {
        let text = std::fs::read_to_string(checkout.path().join("k8s/iam").join(file)).expect("an IAM file");
        assert!(text.contains(name), "no {name:?} in {text}");
    }
}

/// Values files of the documents: the first one is complete, the others are added to it.
fn documented_values(folder: &Path) -> Vec<Vec<PathBuf>> {
    let values: Vec<String> = blocks("yaml").into_iter().filter(|block| block.starts_with("# values")).collect();
    assert!(values.len() >= 7, "documented values are missing");
    let files: Vec<PathBuf> = (0..values.len()).map(|at| folder.join(format!("values-{at}.yaml"))).collect();
    for (file, text) in files.iter().zip(&values) {
        std::fs::write(file, text).expect("the temporary folder is writable");
    }
    files.iter().map(|file| vec![files[0].clone(), file.clone()]).collect()
}

/// Values inside an Argo CD Application or a Flux HelmRelease.
fn embedded_values(manifest: &Value) -> Option<&Value> {
    manifest.pointer("/spec/source/helm/valuesObject").or_else(|| manifest.pointer("/spec/values"))
}

fn assert_values_are_accepted(files: &[PathBuf]) {
    for helm in [Helm::Three, Helm::Four] {
        let output = apply_strictly(&helm.template_with("documented", files));
        assert!(output.success && !output.stderr.contains("Warning"), "{files:?} with {helm:?}: {}", output.stderr);
    }
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn documented_values_render_manifests_that_the_api_server_accepts() {
    for namespace in ["documented", "monitoring"] {
        namespace_that_is_restricted(namespace);
    }
    kubectl(&["--namespace=documented", "create", "serviceaccount", FULL]).assert_success();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for files in documented_values(folder.path()) {
        assert_values_are_accepted(&files);
    }
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn documented_manifests_are_accepted_and_their_values_render() {
    for namespace in ["documented-gitops", "argocd", "guardduty-slack", "monitoring"] {
        namespace_that_is_restricted(namespace);
    }
    kubectl(&["--namespace=documented-gitops", "create", "serviceaccount", FULL]).assert_success();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifests: Vec<String> = blocks("yaml").into_iter().filter(|block| block.contains("\napiVersion: ")).collect();
    let manifests: Vec<String> = manifests.into_iter().filter(|block| !block.starts_with("# values")).collect();
    let mut releases = 0;
    for manifest in &manifests {
        let arguments = ["apply", "--dry-run=server", "--validate=strict", "--output=json", "--filename=-"];
        let accepted: Value = serde_json::from_str(&kubectl_with(manifest, &arguments).assert_success()).expect("JSON");
        let items = accepted["items"].as_array().cloned().unwrap_or_else(|| vec![accepted]);
        for values in items.iter().filter_map(embedded_values) {
            releases += 1;
            let file = folder.path().join("values.yaml");
            std::fs::write(&file, values.to_string()).expect("the temporary folder is writable");
            for helm in [Helm::Three, Helm::Four] {
                let output = apply_strictly(&helm.template_with("documented-gitops", std::slice::from_ref(&file)));
                assert!(
                    output.success && !output.stderr.contains("Warning"),
                    "{manifest} with {helm:?}: {}",
                    output.stderr
                );
            }
        }
    }
    assert_eq!(releases, 2, "one by Argo CD, one by Flux");
}

/// Validates manifests of the namespace that another test applies with client-side apply.
fn assert_example_is_accepted(manifests: &str) {
    namespace_that_is_restricted("guardduty-slack");
    let output = kubectl_with(manifests, &["apply", "--dry-run=server", "--validate=strict", "--filename=-"]);
    assert!(output.success && !output.stderr.contains("would violate"), "{}", output.stderr);
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_example_is_accepted_when_it_is_copied_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy_folder("k8s/example", &folder.path().join("copy"));
    let rendered = run_in_bash("kubectl kustomize copy", folder.path()).assert_success();
    assert!(!rendered.contains("monitoring.coreos.com"), "the example requires the Prometheus Operator");
    assert_example_is_accepted(&rendered);
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_example_is_accepted_with_each_component() {
    for component in ["pushgateway", "monitoring"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy_folder("k8s", &folder.path().join("k8s"));
        let kustomization = folder.path().join("k8s/example/kustomization.yaml");
        let text = std::fs::read_to_string(&kustomization).expect("an overlay");
        std::fs::write(&kustomization, format!("{text}components: [../{component}]\n"))
            .expect("the temporary folder is writable");
        let rendered = run_in_bash("kubectl kustomize k8s/example", folder.path()).assert_success();
        assert!(rendered.contains("PUSHGATEWAY_URL"), "{rendered}");
        assert_example_is_accepted(&rendered);
    }
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_documented_check_without_helm_verifies_the_setup() {
    let mut site = Site::new("check-without-helm");
    site.helm(Helm::Four, "install", &[]).assert_success();
    let check =
        documented_command("kubectl --namespace guardduty-slack create job --from=cronjob/guardduty-slack check");
    let check = check.replace("--namespace guardduty-slack", "--namespace check-without-helm");
    let check = check.replace("cronjob/guardduty-slack", &format!("cronjob/{FULL}"));
    run_in_bash(&check, Path::new(ROOT)).assert_success();
    let job = site.object("job", "check");
    let world = site.run_container(&job["spec"]["template"]["spec"]["containers"][0]);
    assert_eq!(world.last_run().code, Some(0), "{}\n{}", world.last_run().stdout, world.last_run().stderr);
    assert!(world.posted_ids().is_empty());
}
