//! The errors of building a client.

use std::fmt;

/// The reason why no client can be built: the environment is invalid, and a retry does not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HttpError {
    /// A bundle of certificates that cannot be used.
    Roots {
        variable: &'static str,
        file: String,
        why: String,
    },
    /// The value is not shown, because it may contain a password.
    Proxy {
        variable: &'static str,
    },
    Client(String),
}

impl HttpError {
    /// The invalid variable.
    pub(crate) fn variable(&self) -> &'static str {
        match self {
            HttpError::Roots { variable, .. } | HttpError::Proxy { variable } => variable,
            HttpError::Client(_) => "HTTP client",
        }
    }

    pub(crate) fn problem(&self) -> String {
        match self {
            HttpError::Roots { file, why, .. } => {
                format!("{file} {why}; name a file of PEM certificates, or unset it for the built-in roots")
            }
            HttpError::Proxy { .. } => "invalid proxy URL (not shown): expected http://host:port".into(),
            HttpError::Client(why) => format!("cannot be built: {why}"),
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable(), self.problem())
    }
}

impl std::error::Error for HttpError {}
