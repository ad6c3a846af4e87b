//! Collects all errors of a configuration.

use std::fmt;

/// One configuration error. It names the variable, and never contains the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The variable. For routes, with the position inside it: `SLACK_ROUTES[1].match.severity`.
    pub variable: String,
    /// The error with its hint, in lowercase.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.message)
    }
}

/// All errors of one configuration. They are shown one per line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn push(&mut self, variable: impl Into<String>, problem: impl Into<String>) {
        self.0.push(ConfigError { variable: variable.into(), message: problem.into() });
    }

    /// Returns true if there is an error about this variable or its `_FILE`.
    pub(super) fn has_error_for(&self, variable: &str) -> bool {
        self.0.iter().any(|f| f.variable == variable || f.variable.strip_suffix("_FILE") == Some(variable))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if n == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
