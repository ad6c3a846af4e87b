//! What is wrong with a configuration, all of it at once.

use std::fmt;

/// One thing that is wrong, told by the name of the variable, never by the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The variable, for routes with the place inside it: `SLACK_ROUTES[1].match.severity`.
    pub variable: String,
    /// What is wrong and how it is mended, in lower case.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.problem)
    }
}

/// Every fault of one configuration; one a line when shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, variable: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Fault { variable: variable.into(), problem: problem.into() });
    }

    /// Whether something is known to be wrong with this variable or its `_FILE`.
    pub(super) fn mention(&self, variable: &str) -> bool {
        self.0.iter().any(|f| f.variable == variable || f.variable.strip_suffix("_FILE") == Some(variable))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if n == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
