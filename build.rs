//! Adds the commit to the program, for `--version` and `guardduty_slack_build_info`, and reduces the size of musl binaries.

use std::path::Path;
use std::process::Command;

/// Variable with the revision for builds without a checkout, such as those of the image and of packages.
const GIVEN: &str = "REVISION";

/// Variable with the revision at compile time. `cargo run` and `cargo test` also add it to the environment of the program, so
/// it must not have a prefix of the variables of the program.
const COMPILED: &str = "BUILD_REVISION";

fn main() {
    println!("cargo::rerun-if-env-changed={GIVEN}");
    let given = std::env::var(GIVEN).ok().filter(|r| !r.trim().is_empty());
    let revision = given.or_else(commit).unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env={COMPILED}={}", revision.trim());
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    if is("CARGO_CFG_TARGET_ENV", "musl") && is("CARGO_CFG_TARGET_ARCH", "x86_64") {
        pack_relocations();
        // The release profiles abort at a panic. Those of tests unwind.
        if is("PROFILE", "release") {
            omit_unwind_tables();
        }
    }
}

/// Packs relocations. A static position-independent program relocates about 30,000 addresses at its start. Their list takes
/// 730 KB of the binary and of memory, or 12 KB if it is packed. GNU ld and musl support packed relocations since 2022.
fn pack_relocations() {
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
}

/// Omits 1.1 MB of tables for unwinding the stack, which are unused if a panic aborts. The compiler writes them even if they
/// are disabled. The tables of the first and the last object of the C runtime are kept, because these objects refer to them.
fn omit_unwind_tables() {
    let script = Path::new(&std::env::var_os("OUT_DIR").expect("cargo gives OUT_DIR")).join("no-unwind-tables.ld");
    let tables = "*(EXCLUDE_FILE(*crtbegin*.o *crtend*.o) .eh_frame)";
    let text = format!("SECTIONS {{ /DISCARD/ : {{ {tables} }} }}\nINSERT AFTER .text;\n");
    std::fs::write(&script, text).expect("OUT_DIR can be written");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
}

/// The commit of the checkout; `None` outside of one.
fn commit() -> Option<String> {
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    // HEAD changes with the branch, and its log changes with every commit. In a worktree, neither is in .git.
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    Some(head)
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
