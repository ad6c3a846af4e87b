//! The command line: which story is told, and with what exit status.

use std::io::IsTerminal;

use crate::config::{self, Config, Log};
use crate::exit::Exit;
use crate::{check, preview, run, telemetry};

const USAGE: &str = "\
Delivers every AWS GuardDuty finding to Slack: once, in time, readable, with nothing lost.

USAGE
  guardduty-slack [run]           one run: read, deliver, record, exit; a scheduler repeats it
  guardduty-slack check [--post]  prove the set-up, one line a check; --post also posts a marked sample to every channel
  guardduty-slack preview         read findings (JSON) on standard input, print the Slack messages; no network
  guardduty-slack --help | --version

EXIT STATUS
  0  everything found is settled
  1  something is not, a source could not be read, or the state could not be recorded: the next run tries again
  2  the configuration or the state is wrong: a retry cannot help

";

/// What is asked for on the command line.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Run,
    Check { post: bool },
    Preview,
    Help,
    Version,
}

fn parse(args: &[String]) -> Option<Command> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] | ["run"] => Some(Command::Run),
        ["check"] => Some(Command::Check { post: false }),
        ["check", "--post"] => Some(Command::Check { post: true }),
        ["preview"] => Some(Command::Preview),
        ["help"] | [.., "--help" | "-h"] => Some(Command::Help),
        ["version" | "--version" | "-V"] => Some(Command::Version),
        _ => None,
    }
}

/// Does what the arguments (without the program's name) ask for, and gives the exit status.
pub async fn main(args: Vec<String>, vars: Vec<(String, String)>) -> Exit {
    let Some(command) = parse(&args) else {
        telemetry::err(format_args!("unknown command: {}\n\n{USAGE}", args.join(" ")));
        return Exit::Wrong;
    };
    let on_terminal = std::io::stderr().is_terminal();
    match command {
        Command::Help => {
            telemetry::out(format_args!("{USAGE}{}", config::help().trim_end()));
            Exit::Settled
        }
        Command::Version => {
            telemetry::out(telemetry::version());
            Exit::Settled
        }
        Command::Preview => match Config::for_preview(vars, on_terminal) {
            Ok(config) => Exit::of(preview::preview(&config).await),
            Err(faults) => told_on_stderr(&faults),
        },
        Command::Check { post } => match Config::from_env(vars, on_terminal) {
            Ok(config) => {
                telemetry::init(&config.log);
                check::check(&config, post).await
            }
            Err(faults) => told_on_stderr(&faults),
        },
        Command::Run => {
            telemetry::init(&Log::lenient(&vars, on_terminal));
            match Config::from_env(vars, on_terminal) {
                Ok(config) => run::run(&config).await,
                Err(faults) => logged(&faults),
            }
        }
    }
}

fn told_on_stderr(faults: &config::Faults) -> Exit {
    telemetry::err(faults);
    Exit::Wrong
}

fn logged(faults: &config::Faults) -> Exit {
    for fault in faults.iter() {
        tracing::error!(variable = fault.variable, problem = fault.problem, "the configuration is wrong");
    }
    Exit::Wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_the_usage_names() {
        let parse = |line: &str| parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse(""), Some(Command::Run));
        assert_eq!(parse("run"), Some(Command::Run));
        assert_eq!(parse("check --post"), Some(Command::Check { post: true }));
        assert_eq!(parse("preview --help"), Some(Command::Help));
        assert_eq!(parse("check --post -h"), Some(Command::Help));
        for wrong in ["nonsense", "run fast", "check --poste", "--post"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
