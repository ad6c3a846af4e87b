//! Defines the severity levels.

use std::collections::BTreeMap;
use std::fmt;

/// Numbers of findings by severity level.
pub type FindingCounts = BTreeMap<SeverityLevel, u64>;

/// The four severity levels, with the half-open ranges of GuardDuty: critical from 9, high from 7, medium from 4.
/// See GuardDuty User Guide, “Severity levels of GuardDuty findings”.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeverityLevel {
    Low,
    Medium,
    High,
    Critical,
}

impl SeverityLevel {
    pub const ALL: [SeverityLevel; 4] =
        [SeverityLevel::Low, SeverityLevel::Medium, SeverityLevel::High, SeverityLevel::Critical];

    pub fn from_score(severity: f64) -> Self {
        match severity {
            s if s >= 9.0 => SeverityLevel::Critical,
            s if s >= 7.0 => SeverityLevel::High,
            s if s >= 4.0 => SeverityLevel::Medium,
            _ => SeverityLevel::Low,
        }
    }

    /// The lowest severity of the level.
    pub fn min_score(self) -> f64 {
        match self {
            SeverityLevel::Low => 0.0,
            SeverityLevel::Medium => 4.0,
            SeverityLevel::High => 7.0,
            SeverityLevel::Critical => 9.0,
        }
    }

    /// A severity with one decimal, cut and not rounded: 8.96 is high, and must not read as 9.0.
    pub fn format_score(severity: f64) -> String {
        format!("{:.1}", (severity * 10.0).floor() / 10.0)
    }

    pub fn name(self) -> &'static str {
        match self {
            SeverityLevel::Low => "low",
            SeverityLevel::Medium => "medium",
            SeverityLevel::High => "high",
            SeverityLevel::Critical => "critical",
        }
    }
}

impl fmt::Display for SeverityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
