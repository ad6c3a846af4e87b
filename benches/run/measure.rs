//! Measures a program: wall-clock time, CPU time and peak memory, as the kernel accounts for them.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// One run of a program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub wall: f64,
    /// User and system, seconds.
    pub cpu: f64,
    /// Peak resident memory, MiB.
    pub memory: f64,
    pub requests: usize,
    pub status: i32,
}

/// A program with its whole environment.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
}

/// The argument with which this program acts as the small parent of a measured program.
pub(crate) const MEASURE: &str = "--measure";

/// Runs a program in a directory as the child of a small process. At the fork, the kernel counts the memory of the parent
/// for the child, and this process is large.
pub(crate) fn measure(program: &Program, dir: &Path) -> io::Result<Cost> {
    let errors = dir.join("stderr");
    let output = Command::new(std::env::current_exe()?)
        .arg(MEASURE)
        .args(&program.command)
        .env_clear()
        .envs(program.env.iter().cloned())
        .current_dir(dir)
        .stderr(File::create(&errors)?)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let [wall, cpu, memory, status] = numbers[..] else {
        return Err(io::Error::other(format!("{:?} was not measured: {text}", program.command)));
    };
    let cost = Cost { wall, cpu, memory, requests: 0, status: status as i32 };
    if cost.status != 0 {
        let errors = std::fs::read_to_string(&errors).unwrap_or_default();
        let tail = errors.get(errors.len().saturating_sub(2_000)..).unwrap_or_default();
        return Err(io::Error::other(format!("{:?} ended with {}:\n{tail}", program.command, cost.status)));
    }
    Ok(cost)
}

/// The small parent process: runs the program of its arguments, and prints the measurement.
pub(crate) fn main(command: &[String]) -> ExitCode {
    let Some((program, args)) = command.split_first() else { return ExitCode::FAILURE };
    let began = Instant::now();
    let Ok(child) = Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).spawn() else {
        return ExitCode::FAILURE;
    };
    let (status, usage) = wait(child.id());
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    let (wall, cpu) = (began.elapsed().as_secs_f64(), seconds(usage.ru_utime) + seconds(usage.ru_stime));
    println!("{wall:.6} {cpu:.6} {:.3} {status}", usage.ru_maxrss as f64 / 1024.0);
    ExitCode::SUCCESS
}

fn wait(pid: u32) -> (i32, libc::rusage) {
    // SAFETY: both are plain numbers, for which zero is valid. wait4 writes only to them.
    unsafe {
        let (mut status, mut usage) = (0, std::mem::zeroed());
        libc::wait4(pid.cast_signed(), &raw mut status, 0, &raw mut usage);
        (if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 }, usage)
    }
}

/// The median of a list.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => values[n / 2],
        _ => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

pub(crate) fn millis(latency: Duration) -> u128 {
    latency.as_millis()
}
