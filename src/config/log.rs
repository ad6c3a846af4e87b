//! The settings of the log.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::values;

#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    pub format: LogFormat,
    /// `RUST_LOG`: levels by target.
    pub filter: Targets,
    /// True if each line is marked as a line of a dry run.
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Json,
    Text,
}

impl LogConfig {
    /// The usable part of an invalid environment, with which its errors are reported.
    pub fn best_effort(vars: &[(String, String)], on_terminal: bool) -> Self {
        let given = |name: &str| vars.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim());
        let format = given("LOG_FORMAT").and_then(|v| values::parse_log_format(v).ok());
        let dry_run = given("DRY_RUN").and_then(|v| values::parse_bool(v).ok());
        let filter = given("RUST_LOG").filter(|v| !v.is_empty()).and_then(|v| values::parse_log_filter(v).ok());
        Self {
            format: format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json }),
            filter: filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO)),
            dry_run: dry_run.unwrap_or(false),
        }
    }
}
