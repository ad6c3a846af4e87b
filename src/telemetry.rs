//! Logging on standard error, lines for a person, and which version logs.

use std::fmt::Display;
use std::io::{self, Write};
use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that the program was built from, or `unknown`.
pub const REVISION: &str = env!("BUILD_REVISION");

/// What `--version` prints.
pub fn version() -> String {
    format!("guardduty-slack {VERSION} ({REVISION})")
}

/// A line on standard output. Whoever ends reading early, as in `preview | head`, does no harm.
pub fn out(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The same on standard error, for a person at a prompt.
pub fn err(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Starts logging for the whole process, panics included; a second call changes nothing.
pub fn init(log: &Log) {
    let colours = io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    if tracing::subscriber::set_global_default(subscriber(log, colours, io::stderr)).is_ok()
        && log.format == LogFormat::Json
    {
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// Times are UTC, one line an event.
fn subscriber<W>(log: &Log, colours: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let base = tracing_subscriber::fmt().with_env_filter(filter(&log.filter)).with_writer(writer);
    // An error of writing would be told by `eprintln!`, which panics where standard error itself is what fails: a full
    // disk below the log must not stop the alerts.
    let base = base.log_internal_errors(false);
    match log.format {
        LogFormat::Json => {
            Box::new(base.json().flatten_event(true).with_current_span(false).with_span_list(false).finish())
        }
        LogFormat::Text => Box::new(base.with_ansi(colours).finish()),
    }
}

/// Crates below ours that tell of every request, or as an error what we retry and tell ourselves, and up to where
/// they are heard. `RUST_LOG` overrides each by naming it.
const QUIET: [(&str, &str); 11] = [
    ("aws_config", "warn"),
    ("aws_runtime", "warn"),
    ("aws_sdk", "warn"),
    ("aws_smithy", "warn"),
    ("h2", "warn"),
    ("hyper", "warn"),
    ("hyper_util", "warn"),
    ("kube_client", "off"),
    ("reqwest", "warn"),
    ("rustls", "warn"),
    ("tower", "warn"),
];

/// `asked`, with the crates of [`QUIET`] kept down where it does not name them. Something that is no filter counts as
/// `info`: it was refused where the configuration was checked.
fn filter(asked: &str) -> EnvFilter {
    let quiet = QUIET.iter().filter(|(name, _)| !asked.contains(name)).map(|(name, level)| format!("{name}={level}"));
    let all: Vec<String> = std::iter::once(asked.to_owned()).chain(quiet).collect();
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    builder.parse(all.join(",")).unwrap_or_else(|_| EnvFilter::default().add_directive(LevelFilter::INFO.into()))
}

/// A panic as one event, so that standard error stays one JSON object a line.
fn log_panic(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let at = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(at, "panicked at {at}: {}", text.unwrap_or("without a message"));
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged under `RUST_LOG=filter`.
    fn logged(format: LogFormat, filter: &str, act: impl FnOnce()) -> Vec<String> {
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
        let memory = Memory::default();
        let writer = memory.clone();
        let log = Log { format, filter: filter.into() };
        tracing::subscriber::with_default(subscriber(&log, false, move || writer.clone()), act);
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
    fn text_has_no_colours_and_no_json() {
        let lines = logged(LogFormat::Text, "info", || tracing::info!(finding = "f1", "posted"));
        assert!(lines[0].contains("posted") && !lines[0].contains(['{', '\u{1b}']), "{}", lines[0]);
    }

    #[test]
    fn crates_below_are_quiet_unless_they_are_named() {
        let speak = || {
            tracing::debug!(target: "hyper_util::client", "below");
            tracing::error!(target: "kube_client::client", "below, told by us");
            tracing::debug!(target: "guardduty_slack::run", "ours");
        };
        assert_eq!(logged(LogFormat::Text, "debug", speak).len(), 1);
        assert_eq!(logged(LogFormat::Text, "debug,hyper_util=debug,kube_client=error", speak).len(), 3);
        assert_eq!(logged(LogFormat::Text, "info", speak).len(), 0);
        assert_eq!(logged(LogFormat::Text, "=,", || tracing::info!("told")).len(), 1);
    }

    #[test]
    fn a_panic_is_one_event_with_its_message_and_place() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        let lines = logged(LogFormat::Json, "info", || {
            let _ = std::panic::catch_unwind(|| panic!("told {}", "why"));
        });
        std::panic::set_hook(hook);
        let event: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        let message = event["message"].as_str().unwrap();
        assert!(
            lines.len() == 1 && message.starts_with("panicked at src/telemetry.rs:") && message.ends_with("told why")
        );
    }

    #[test]
    fn the_version_names_version_and_commit() {
        assert!(version().starts_with(&format!("guardduty-slack {VERSION} (")));
    }
}
