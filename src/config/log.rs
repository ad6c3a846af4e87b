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

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(vars: &[(&str, &str)]) -> Vec<(String, String)> {
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_log_format_follows_the_terminal_unless_it_is_given() {
        let format = |vars: &[(&str, &str)], terminal| LogConfig::best_effort(&pairs(vars), terminal).format;
        assert_eq!((format(&[], true), format(&[], false)), (LogFormat::Text, LogFormat::Json));
        assert_eq!(format(&[("LOG_FORMAT", "json")], true), LogFormat::Json);
        assert_eq!(format(&[("LOG_FORMAT", "xml")], false), LogFormat::Json);
        assert_eq!(LogConfig::best_effort(&pairs(&[("RUST_LOG", "=,")]), false).filter, filter("info"));
    }

    fn filter(text: &str) -> Targets {
        text.parse().unwrap()
    }

    #[test]
    fn log_filter_accepts_levels_and_targets() {
        for good in ["info", "warn,guardduty_slack=debug", "guardduty_slack::run=trace,hyper=off"] {
            assert!(values::parse_log_filter(good).is_ok(), "{good}");
        }
        assert_eq!(
            values::parse_log_filter("guardduty_slack::run=debug"),
            Ok(filter("info,guardduty_slack::run=debug"))
        );
        for bad in ["verbose", "hyper", ",", "=debug", "a=b=info", "info,hyper=loud"] {
            assert!(values::parse_log_filter(bad).is_err(), "{bad}");
        }
        // A pattern that takes minutes to match, a cut within a character, an order that is not one.
        let dots = format!("[{{a=x{}z}}]=info", ".".repeat(400));
        for wild in [&dots, "größe 7 t{\"63313ʾ ,    7", "h[{\"m|g\"=a}],h[{\"m|g\"=b}],h[{\"m|g\"=a}]"] {
            assert!(values::parse_log_filter(wild).is_err(), "{wild}");
        }
    }
}
