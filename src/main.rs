//! The entry point. See [`guardduty_slack::cli`].

use std::process::ExitCode;

/// Replaces the allocator of musl, which is slow: it returns memory after each free, and locks for each allocation. See
/// docs/performance.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let args = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(guardduty_slack::cli::main(args, guardduty_slack::config::read_environment()));
            // A call to a filesystem that does not respond must not keep the process alive.
            runtime.shutdown_background();
            exit.into()
        }
        Err(error) => {
            eprintln!("cannot start the async runtime: {error}");
            ExitCode::FAILURE
        }
    }
}
