//! The texts of `--help`, for the program and for each command.

use crate::config;

/// Topic of a help text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Program,
    Run,
    Check,
    Preview,
    Explain,
    State,
}

#[cfg(test)]
const COMMANDS: [Topic; 5] = [Topic::Run, Topic::Check, Topic::Preview, Topic::Explain, Topic::State];

/// The help of the program with all variables, or the help of one command.
pub(super) fn text(topic: Topic) -> String {
    match topic {
        Topic::Program => format!("{PROGRAM}\n{}", config::render_help().trim_end()),
        Topic::Run => RUN.to_owned(),
        Topic::Check => CHECK.to_owned(),
        Topic::Preview => PREVIEW.to_owned(),
        Topic::Explain => EXPLAIN.to_owned(),
        Topic::State => STATE.to_owned(),
    }
}

const PROGRAM: &str = "\
Delivers every AWS GuardDuty finding to Slack exactly once.

USAGE
  guardduty-slack [COMMAND]

COMMANDS
  run      perform one run and exit; a scheduler repeats it (the default)
  check    verify the setup, one line per check
             --post  also post a test message to every channel
             --json  print the table as one JSON document
  preview [FILE...]
           read findings (JSON) from the files or from standard input and print
           the Slack messages; no network
  explain ID...
           show what happened to a finding, and what the next run would do
  state    print the saved state for people
             --json  print the saved document

OPTIONS
  -h, --help     print this help; after a command, the help of that command
  -V, --version  print the version and the commit

EXIT STATUS
  0  everything that was found is processed
  1  something is not processed, a source could not be read, or the state
     could not be saved; the next run retries
  2  the configuration, the replay value or the state is invalid; a retry
     does not help
";

const RUN: &str = "\
Performs one run and exits: reads the findings of every source, delivers them to
Slack, saves the state, pushes the metrics. A scheduler repeats it.

USAGE
  guardduty-slack [run]

With DRY_RUN=true the messages are printed on standard output instead: nothing
is posted, saved or pushed. guardduty-slack --help lists all variables.

EXIT STATUS
  0  everything that was found is processed
  1  something is not processed, a source could not be read, or the state
     could not be saved; the next run retries
  2  the configuration, the replay value or the state is invalid; a retry
     does not help";

const CHECK: &str = "\
Verifies the whole setup and prints one line per check, with a hint where a
check fails. Nothing is saved or pushed, and without --post nothing is posted.

USAGE
  guardduty-slack check [--post] [--json]

OPTIONS
  --post  post one test message to every channel of the routes and to the
          default channel
  --json  print the table as one JSON document

EXIT STATUS
  0  no check failed
  1  a check failed
  2  the configuration is invalid";

const PREVIEW: &str = "\
Reads findings and prints as JSON the Slack messages that a run would send.
Standard error shows the route of each finding, with the reason. The command
uses neither the network nor the state.

USAGE
  guardduty-slack preview [FILE...]

Without files, standard input is read. An input is one finding, an array, JSON
lines, the output of `aws guardduty get-findings`, or an EventBridge event. A
finding that would not be sent is not printed on standard output.

EXIT STATUS
  0  every finding was read
  1  an input cannot be read, or something in it is not a finding
  2  the configuration is invalid";

const EXPLAIN: &str = "\
Shows for each finding ID whether and where the finding was announced, which
revision was processed last, which route or filter applies, and what the next
run would do. Reads the state and GuardDuty. Nothing is posted or saved.

USAGE
  guardduty-slack explain ID...

EXIT STATUS
  0  every ID was found
  1  an ID was not found, or a source could not be read
  2  no ID is given, or the configuration or the state is invalid";

const STATE: &str = "\
Prints the saved state: each source with its watermark and health, counts of
findings, the lease, pending notices and digests, and the size.

USAGE
  guardduty-slack state [--json]

OPTIONS
  --json  print the document as it is saved

EXIT STATUS
  0  the state was printed, or there is none yet
  1  the state cannot be read
  2  the configuration or the state is invalid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_help_fits_80_columns() {
        for topic in COMMANDS.into_iter().chain([Topic::Program]) {
            for line in text(topic).lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn the_help_of_a_command_is_about_that_command_only() {
        let variables = config::VARIABLES.len();
        assert!(text(Topic::Program).lines().count() > variables);
        for topic in COMMANDS {
            assert!(text(topic).lines().count() < 20, "{topic:?}");
        }
    }
}
