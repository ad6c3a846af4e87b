//! Parses the command line and performs the commands.

mod help;

use std::io::IsTerminal;

use crate::config::{self, Config, LogConfig};
use crate::exit::ExitStatus;
use crate::output::Output;
use crate::{check, inspect, preview, run, telemetry};

use help::Topic;

/// A command with its arguments.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Run,
    Check(check::Options),
    Preview { files: Vec<String> },
    Explain { ids: Vec<String> },
    State { json: bool },
    Help(Topic),
    Version,
}

/// Performs the command of the arguments (without the name of the program) and returns its exit status.
pub async fn main(args: Vec<String>, vars: Vec<(String, String)>) -> ExitStatus {
    let command = match parse(&args) {
        Ok(command) => command,
        Err(unknown) => {
            telemetry::print_stderr(format_args!("unknown command or option: {unknown}; see guardduty-slack --help"));
            return ExitStatus::InvalidInput;
        }
    };
    let output = Output::stdout();
    let exit = Box::pin(perform(command, vars, &output)).await;
    match output.finish() {
        Ok(()) => exit,
        Err(error) => {
            telemetry::report(format_args!("cannot write to standard output: {error}"));
            exit.max(ExitStatus::Incomplete)
        }
    }
}

async fn perform(command: Command, vars: Vec<(String, String)>, output: &Output) -> ExitStatus {
    let on_terminal = std::io::stderr().is_terminal();
    match command {
        Command::Help(topic) => {
            output.line(help::text(topic));
            ExitStatus::Success
        }
        Command::Version => {
            output.line(telemetry::version());
            ExitStatus::Success
        }
        Command::Preview { files } => match Config::for_preview(vars, on_terminal) {
            Ok(config) => ExitStatus::from_success(preview::run_preview(&config, &files, output)),
            Err(faults) => print_faults(&faults),
        },
        Command::Explain { ids } if ids.is_empty() => {
            telemetry::print_stderr("explain: name at least one finding ID; see guardduty-slack explain --help");
            ExitStatus::InvalidInput
        }
        Command::Explain { ids } => {
            warn_of_near_misses(&vars);
            match Config::from_env(vars, on_terminal) {
                Ok(config) => inspect::explain(&config, &ids, output).await,
                Err(faults) => print_faults(&faults),
            }
        }
        Command::State { json } => match Config::for_preview(vars, on_terminal) {
            Ok(config) => inspect::state(&config, json, output).await,
            Err(faults) => print_faults(&faults),
        },
        Command::Check(options) => {
            telemetry::init(&LogConfig::best_effort(&vars, on_terminal));
            warn_of_near_misses(&vars);
            match Config::from_env(vars, on_terminal) {
                Ok(config) => check::run_checks(&config, options, output).await,
                Err(faults) => print_faults(&faults),
            }
        }
        Command::Run => {
            telemetry::init(&LogConfig::best_effort(&vars, on_terminal));
            warn_of_near_misses(&vars);
            match Config::from_env(vars, on_terminal) {
                Ok(config) => run::run(&config, output).await,
                Err(faults) => log_faults(&faults),
            }
        }
    }
}

/// A misspelled name would otherwise be ignored silently.
fn warn_of_near_misses(vars: &[(String, String)]) {
    for (variable, known) in config::near_misses(vars) {
        tracing::warn!(variable, "unknown variable; did you mean {known}?");
    }
}

fn print_faults(faults: &config::ConfigErrors) -> ExitStatus {
    telemetry::print_stderr(faults);
    ExitStatus::InvalidInput
}

fn log_faults(faults: &config::ConfigErrors) -> ExitStatus {
    for fault in &faults.0 {
        tracing::error!(variable = fault.variable, error = fault.message, "invalid configuration");
    }
    ExitStatus::InvalidInput
}

/// Reads the arguments without the name of the program. Returns the first argument that is unknown as an error.
fn parse(args: &[String]) -> Result<Command, &str> {
    let mut args = args.iter().map(String::as_str);
    let (command, topic) = match args.next() {
        None => return Ok(Command::Run),
        Some("run") => (Command::Run, Topic::Run),
        Some("check") => (Command::Check(check::Options::default()), Topic::Check),
        Some("preview") => (Command::Preview { files: Vec::new() }, Topic::Preview),
        Some("explain") => (Command::Explain { ids: Vec::new() }, Topic::Explain),
        Some("state") => (Command::State { json: false }, Topic::State),
        Some("help" | "--help" | "-h") => (Command::Help(Topic::Program), Topic::Program),
        Some("version" | "--version" | "-V") => (Command::Version, Topic::Program),
        Some(unknown) => return Err(unknown),
    };
    args.try_fold(command, |command, arg| with_option(command, topic, arg))
}

fn with_option(command: Command, topic: Topic, arg: &str) -> Result<Command, &str> {
    match (command, arg) {
        (_, "--help" | "-h") => Ok(Command::Help(topic)),
        (Command::Help(topic), "--post" | "--json") if topic == Topic::Check => Ok(Command::Help(topic)),
        (Command::Help(topic), "--json") if topic == Topic::State => Ok(Command::Help(topic)),
        (Command::State { .. }, "--json") => Ok(Command::State { json: true }),
        (Command::Check(options), "--post") => Ok(Command::Check(check::Options { post: true, ..options })),
        (Command::Check(options), "--json") => Ok(Command::Check(check::Options { json: true, ..options })),
        (Command::Preview { mut files }, file) if !file.starts_with('-') => {
            files.push(file.to_owned());
            Ok(Command::Preview { files })
        }
        (Command::Explain { mut ids }, id) if !id.starts_with('-') => {
            ids.push(id.to_owned());
            Ok(Command::Explain { ids })
        }
        (Command::Help(topic), _) if matches!(topic, Topic::Preview | Topic::Explain) && !arg.starts_with('-') => {
            Ok(Command::Help(topic))
        }
        _ => Err(arg),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Command, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&args).map_err(str::to_owned)
    }

    #[test]
    fn commands_take_their_own_options_only() {
        let check = |post, json| Ok(Command::Check(check::Options { post, json }));
        assert_eq!(parse_line(""), Ok(Command::Run));
        assert_eq!(parse_line("run"), Ok(Command::Run));
        assert_eq!(parse_line("check"), check(false, false));
        assert_eq!(parse_line("check --post"), check(true, false));
        assert_eq!(parse_line("check --json --post"), check(true, true));
        let preview = |files: &[&str]| Ok(Command::Preview { files: files.iter().map(|f| (*f).to_owned()).collect() });
        assert_eq!(parse_line("preview"), preview(&[]));
        assert_eq!(parse_line("preview a.json b.json"), preview(&["a.json", "b.json"]));
        for (line, unknown) in [
            ("nonsense", "nonsense"),
            ("nonsense --help", "nonsense"),
            ("run fast", "fast"),
            ("check --poste", "--poste"),
            ("preview --json", "--json"),
            ("--post", "--post"),
            ("--version --json", "--json"),
        ] {
            assert_eq!(parse_line(line), Err(unknown.to_owned()), "{line}");
        }
    }

    #[test]
    fn help_is_that_of_the_command() {
        for line in ["--help", "-h", "help"] {
            assert_eq!(parse_line(line), Ok(Command::Help(Topic::Program)));
        }
        assert_eq!(parse_line("run --help"), Ok(Command::Help(Topic::Run)));
        assert_eq!(parse_line("check --post -h"), Ok(Command::Help(Topic::Check)));
        assert_eq!(parse_line("check -h --json"), Ok(Command::Help(Topic::Check)));
        for line in ["preview --help", "preview a.json --help", "preview --help a.json"] {
            assert_eq!(parse_line(line), Ok(Command::Help(Topic::Preview)));
        }
    }
}
