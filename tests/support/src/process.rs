//! The program under test as a child process in a bare environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::scripted_faults::FaultScript;

/// How a run ended and what it printed.
#[derive(Clone, Debug)]
pub struct ProcessResult {
    /// The exit status; none when a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl ProcessResult {
    /// How it ended and the last lines that it wrote, for a failure's message.
    pub fn tail(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().collect();
        let ended = match self.code {
            Some(code) => format!("exit {code}"),
            None => format!("signal {:?}", self.signal),
        };
        format!("the last run: {ended}\n  {}", lines[lines.len().saturating_sub(15)..].join("\n  "))
    }
}

/// A run that has been started.
pub struct RunningProcess {
    pid: u32,
    stage: FaultScript,
    ended: mpsc::Receiver<ProcessResult>,
    over: bool,
}

impl RunningProcess {
    pub(crate) fn start(
        program: &[OsString],
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
        folder: &Path,
        stdin: &[u8],
        stage: &FaultScript,
    ) -> Self {
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).args(arguments).env_clear().envs(environment).current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = crate::spawn_limiter::spawn_limited(stage, || {
            let child = command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", program[0].display()));
            stage.started(child.id());
            (child.id(), child)
        });
        let pid = child.id();
        let (send, ended) = mpsc::channel();
        let (stdin, twin) = (stdin.to_vec(), stage.clone());
        thread::spawn(move || {
            let ran = wait(child, stdin, || twin.ended(pid));
            drop(send.send(ran)); // nobody may be waiting any more
        });
        Self { pid, stage: stage.clone(), ended, over: false }
    }

    /// Ends it in order.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal); // it may just have ended
        }
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it has not ended after `limit`; it is killed then.
    pub fn finish(mut self, limit: Duration) -> ProcessResult {
        self.over = true;
        if let Ok(ran) = self.ended.recv_timeout(limit) {
            ran
        } else {
            self.kill();
            let tail = self.ended.recv().map(|ran| ran.tail()).unwrap_or_default();
            let calls: Vec<String> =
                self.stage.journal.entries().iter().map(|e| format!("{} {:?}", e.line(), e.effect)).collect();
            panic!("the program has not ended after {limit:?}\n{tail}\ncalls:\n{}", calls.join("\n"));
        }
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        if !self.over {
            self.kill();
        }
    }
}

fn wait(mut child: Child, stdin: Vec<u8>, ended: impl FnOnce()) -> ProcessResult {
    if let Some(mut pipe) = child.stdin.take() {
        thread::spawn(move || drop(pipe.write_all(&stdin)));
    }
    let errors = child.stderr.take().map(|pipe| thread::spawn(move || read(pipe)));
    let stdout = child.stdout.take().map(read).unwrap_or_default();
    let stderr = errors.and_then(|t| t.join().ok()).unwrap_or_default();
    let status = child.wait().ok();
    ended();
    ProcessResult { code: status.and_then(|s| s.code()), signal: status.and_then(|s| s.signal()), stdout, stderr }
}

fn read(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    drop(pipe.read_to_end(&mut bytes)); // what was read counts
    String::from_utf8_lossy(&bytes).into_owned()
}
