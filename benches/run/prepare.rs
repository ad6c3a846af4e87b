//! Prepares a measurement: the program, an interpreter, a directory.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::jobs::Bench;
use crate::server::Server;

const TARGET: &str = "x86_64-unknown-linux-musl";

pub(crate) fn bench() -> io::Result<Bench> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let dir = root.join("target/bench-run");
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("token"), "a token of the cluster")?;
    Ok(Bench {
        server: Server::start()?,
        binary: binary(&root)?,
        python: python(&root)?,
        script: root.join("benches/baseline.py"),
        dir,
    })
}

fn binary(root: &Path) -> io::Result<PathBuf> {
    if let Some(given) = std::env::var_os("GUARDDUTY_SLACK_BIN") {
        return std::fs::canonicalize(given);
    }
    let built = root.join(format!("target/{TARGET}/dist/guardduty-slack"));
    if !built.exists() {
        run(Command::new("cargo").args(["build", "--profile", "dist", "--target", TARGET]).current_dir(root))?;
    }
    Ok(built)
}

/// With an empty `PYTHON`, the script is not measured.
fn python(root: &Path) -> io::Result<Option<PathBuf>> {
    if let Some(given) = std::env::var_os("PYTHON") {
        return Ok((!given.is_empty()).then(|| PathBuf::from(given)));
    }
    let made = root.join("target/bench-python");
    let python = made.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&made))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "boto3", "requests"]))?;
    }
    Ok(Some(python))
}

fn run(command: &mut Command) -> io::Result<()> {
    match command.status()? {
        status if status.success() => Ok(()),
        status => Err(io::Error::other(format!("{command:?} ended with {status}"))),
    }
}
