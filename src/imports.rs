//! Tests that imports have one direction: a module uses only modules that are listed before it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The modules of the program in order, from those that use no other module to the command line.
const ORDER: &[&str] = &[
    "time",
    "user",
    "mention",
    "source_key",
    "exit",
    "output",
    "text",
    "pages",
    "retry",
    "finding",
    "http",
    "config",
    "telemetry",
    "metrics",
    "message",
    "slack",
    "guardduty",
    "state",
    "triage",
    "plan",
    "poll",
    "core",
    "preview",
    "run",
    "check",
    "inspect",
    "cli",
];

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The names after `crate::` in a text.
fn imported(text: &str) -> BTreeSet<&str> {
    let names = text.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn modules_import_only_what_is_listed_before_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let place = |name: &str| ORDER.iter().position(|module| *module == name);
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let module = name.split(['/', '.']).next().unwrap_or_default();
        if matches!(module, "main" | "lib" | "imports") {
            continue;
        }
        let own = place(module).unwrap_or_else(|| panic!("src/{name}: add the module {module} to the order"));
        let text = std::fs::read_to_string(&file).unwrap();
        // Unit tests may use all modules.
        let text =
            if name.ends_with("tests.rs") { "" } else { text.split("#[cfg(test)]\nmod ").next().unwrap_or_default() };
        let used = imported(text);
        wrong.extend(
            used.iter()
                .filter(|used| place(used).is_none_or(|used| used > own))
                .map(|used| format!("src/{name} uses {used}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_has_no_clock_and_no_io() {
    let mut files = Vec::new();
    source_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core"), &mut files);
    let forbidden =
        ["tokio", "async ", ".await", "Instant", "SystemTime", "Clock", "std::fs", "std::net", "enabled!", "span!"];
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let found = forbidden.iter().find(|word| text.contains(**word));
        assert_eq!(found, None, "{}", file.display());
    }
}
