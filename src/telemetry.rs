//! Logs on standard error, and defines the version of the program.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::panic::PanicHookInfo;

use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{LogConfig, LogFormat};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that the program was built from, or `unknown`.
pub(crate) const REVISION: &str = env!("BUILD_REVISION");

/// The text of `--version`.
pub(crate) fn version() -> String {
    format!("guardduty-slack {VERSION} ({REVISION})")
}

/// Prints a line on standard error, for a person at a prompt.
pub(crate) fn print_stderr(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Logs an error, or prints it if the command does not log.
pub(crate) fn report(error: impl Display) {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{error}");
    } else {
        print_stderr(error);
    }
}

/// Starts logging for the whole process, including panics. A second call has no effect.
pub(crate) fn init(log: &LogConfig) {
    let colors = io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    if tracing::subscriber::set_global_default(subscriber(log, colors, io::stderr)).is_ok()
        && log.format == LogFormat::Json
    {
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// Times are in UTC. Each event is one line.
fn subscriber<W>(log: &LogConfig, colors: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = with_quiet_crates(&log.filter);
    let base = tracing_subscriber::fmt().with_max_level(most_verbose(&filter)).with_writer(writer);
    // An error of writing would be reported by `eprintln!`, which panics if standard error fails. A full disk of the log
    // must not stop the delivery of findings.
    let base = base.log_internal_errors(false);
    let dry_run = log.dry_run;
    match log.format {
        LogFormat::Json => {
            let json = base.json().flatten_event(true).with_current_span(false).with_span_list(false);
            let marked =
                json.map_event_format(|format| Marked { format, dry_run, end: "}\n", mark: r#","dry_run":true"# });
            Box::new(marked.finish().with(filter))
        }
        LogFormat::Text => {
            let text = base.with_ansi(colors);
            let marked = text.map_event_format(|format| Marked {
                format: format.with_ansi(colors),
                dry_run,
                end: "\n",
                mark: " dry_run=true",
            });
            Box::new(marked.finish().with(filter))
        }
    }
}

/// A format that marks every line of a dry run, including lines of dependencies.
struct Marked<F> {
    format: F,
    dry_run: bool,
    /// The end of a line. The mark is inserted before it.
    end: &'static str,
    mark: &'static str,
}

impl<S, N, F> FormatEvent<S, N> for Marked<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if !self.dry_run {
            return self.format.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        let text = line.strip_suffix(self.end).unwrap_or(&line);
        write!(writer, "{text}{}{}", self.mark, self.end)
    }
}

/// Dependencies that log every request, with their maximum level. `RUST_LOG` overrides it if it names the dependency.
const QUIET_CRATES: [(&str, LevelFilter); 10] = [
    ("aws_config", LevelFilter::ERROR),
    ("aws_runtime", LevelFilter::ERROR),
    ("aws_sdk", LevelFilter::WARN),
    ("aws_smithy", LevelFilter::WARN),
    ("h2", LevelFilter::WARN),
    ("hyper", LevelFilter::WARN),
    ("hyper_util", LevelFilter::WARN),
    ("reqwest", LevelFilter::WARN),
    ("rustls", LevelFilter::WARN),
    ("tower", LevelFilter::WARN),
];

/// The filter of `RUST_LOG`, with the level of [`QUIET_CRATES`] for those that it does not name.
fn with_quiet_crates(filter: &Targets) -> Targets {
    let is_named = |name: &str| filter.iter().any(|(target, _)| name.starts_with(target));
    let quiet = QUIET_CRATES.into_iter().filter(|(name, _)| !is_named(name));
    filter.clone().with_targets(quiet)
}

/// More verbose levels are disabled for all targets together, which is cheapest.
fn most_verbose(filter: &Targets) -> LevelFilter {
    let levels = filter.iter().map(|(_, level)| level);
    levels.chain(filter.default_level()).max().unwrap_or(LevelFilter::INFO)
}

/// Logs a panic as one event, so that standard error has one JSON object per line.
fn log_panic(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, "panicked at {location}: {}", text.unwrap_or("no message"));
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Returns the lines that are logged with `RUST_LOG=filter`.
    pub(crate) fn logged(format: LogFormat, filter: &str, act: impl FnOnce()) -> Vec<String> {
        logged_by(&LogConfig { format, filter: filter.parse().unwrap(), dry_run: false }, act)
    }

    fn logged_by(log: &LogConfig, act: impl FnOnce()) -> Vec<String> {
        #[derive(Clone, Default)]
        struct Memory(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Memory {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        // Otherwise a thread without a subscriber that logs first disables that line for all threads. Only the first call
        // has an effect.
        _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
        let memory = Memory::default();
        let writer = memory.clone();
        tracing::subscriber::with_default(subscriber(log, false, move || writer.clone()), act);
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn json_is_one_object_a_line_with_the_time_in_utc() {
        let lines = logged(LogFormat::Json, "info", || tracing::info!(finding = "f1", "posted\nto \"#sec\""));
        let event: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(
            (lines.len(), &event["message"], &event["finding"]),
            (1, &"posted\nto \"#sec\"".into(), &"f1".into())
        );
        assert!(event["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn every_line_of_a_dry_run_is_marked_as_one() {
        let log = |format| {
            let log = LogConfig { format, filter: "info".parse().unwrap(), dry_run: true };
            logged_by(&log, || tracing::info!(finding_id = "f1", "finding skipped"))
        };
        let event: serde_json::Value = serde_json::from_str(&log(LogFormat::Json)[0]).unwrap();
        assert_eq!((&event["dry_run"], &event["finding_id"]), (&true.into(), &"f1".into()));
        let text = &log(LogFormat::Text)[0];
        assert!(text.ends_with(" dry_run=true") && text.contains("finding skipped"), "{text}");
    }

    #[test]
    fn text_format_has_no_colors_and_no_json() {
        let lines = logged(LogFormat::Text, "info", || tracing::info!(finding = "f1", "posted"));
        assert!(lines[0].contains("posted") && !lines[0].contains(['{', '\u{1b}']), "{}", lines[0]);
    }

    #[test]
    fn logs_of_dependencies_are_hidden_unless_named() {
        let log_events = || {
            tracing::debug!(target: "hyper_util::client", "below");
            tracing::info!(target: "reqwest::connect", "below");
            tracing::debug!(target: "guardduty_slack::run", "ours");
        };
        assert_eq!(logged(LogFormat::Text, "debug", log_events).len(), 1);
        assert_eq!(logged(LogFormat::Text, "debug,hyper_util=debug,reqwest=info", log_events).len(), 3);
        assert_eq!(logged(LogFormat::Text, "debug,hyper=debug", log_events).len(), 2, "a prefix names it too");
        assert_eq!(logged(LogFormat::Text, "info", log_events).len(), 0);
    }

    #[test]
    fn a_panic_is_one_event_with_its_message_and_place() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        let lines = logged(LogFormat::Json, "info", || {
            let _ = std::panic::catch_unwind(|| panic!("failed because of {}", "this"));
        });
        std::panic::set_hook(hook);
        let event: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        let message = event["message"].as_str().unwrap();
        assert!(
            lines.len() == 1
                && message.starts_with("panicked at src/telemetry.rs:")
                && message.ends_with("failed because of this")
        );
    }

    #[test]
    fn the_version_names_version_and_commit() {
        assert!(version().starts_with(&format!("guardduty-slack {VERSION} (")));
    }
}
