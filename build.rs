//! Puts the commit into the program, for `--version` and `guardduty_slack_build_info`.

use std::path::Path;
use std::process::Command;

/// Given by whoever builds without a checkout: the image, a packager.
const GIVEN: &str = "REVISION";

/// What the program is compiled with. `cargo run` and `cargo test` hand it to the program's environment as well, so
/// it must not begin like one of the program's own variables.
const COMPILED: &str = "BUILD_REVISION";

fn main() {
    println!("cargo::rerun-if-env-changed={GIVEN}");
    let given = std::env::var(GIVEN).ok().filter(|r| !r.trim().is_empty());
    let revision = given.or_else(commit).unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env={COMPILED}={}", revision.trim());
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    if is("CARGO_CFG_TARGET_ENV", "musl") && is("CARGO_CFG_TARGET_ARCH", "x86_64") {
        pack_relocations();
        // The profiles of a release abort at a panic; those of tests unwind.
        if is("PROFILE", "release") {
            leave_out_unwind_tables();
        }
    }
}

/// A static program that can stand anywhere begins by correcting some 30,000 addresses. Their list takes 730 KB of it, and
/// as much memory; packed, 12 KB. GNU ld does that, and musl reads it, since 2022.
fn pack_relocations() {
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
}

/// Where a panic aborts, nothing reads how to unwind the stack: 1.1 MB of tables, which the compiler writes even if told
/// not to. Only the two objects of the C runtime between which such tables lie refer to their own.
fn leave_out_unwind_tables() {
    let script = Path::new(&std::env::var_os("OUT_DIR").expect("cargo gives OUT_DIR")).join("no-unwind-tables.ld");
    let tables = "*(EXCLUDE_FILE(*crtbegin*.o *crtend*.o) .eh_frame)";
    let text = format!("SECTIONS {{ /DISCARD/ : {{ {tables} }} }}\nINSERT AFTER .text;\n");
    std::fs::write(&script, text).expect("OUT_DIR can be written");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
}

/// The commit of the checkout; `None` outside of one.
fn commit() -> Option<String> {
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    // HEAD changes with the branch, its log with every commit; in a worktree neither stands under .git.
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
