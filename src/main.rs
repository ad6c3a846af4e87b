//! The door: see [`guardduty_slack::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let args = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(guardduty_slack::cli::main(args, guardduty_slack::config::environment())).into()
        }
        Err(e) => {
            eprintln!("the runtime cannot start: {e}");
            ExitCode::FAILURE
        }
    }
}
