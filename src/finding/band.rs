//! Severity levels.

use std::fmt;

/// The four bands of severity, with GuardDuty's half-open bounds: critical from 9, high from 7, medium from 4.
/// Source: GuardDuty User Guide, “Severity levels of GuardDuty findings”.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    Low,
    Medium,
    High,
    Critical,
}

impl Band {
    pub const ALL: [Band; 4] = [Band::Low, Band::Medium, Band::High, Band::Critical];

    pub fn of(severity: f64) -> Self {
        match severity {
            s if s >= 9.0 => Band::Critical,
            s if s >= 7.0 => Band::High,
            s if s >= 4.0 => Band::Medium,
            _ => Band::Low,
        }
    }

    /// The lowest severity of the band.
    pub fn floor(self) -> f64 {
        match self {
            Band::Low => 0.0,
            Band::Medium => 4.0,
            Band::High => 7.0,
            Band::Critical => 9.0,
        }
    }

    /// A severity with one decimal, cut and not rounded: 8.96 is high, and must not read as 9.0.
    pub fn number(severity: f64) -> String {
        format!("{:.1}", (severity * 10.0).floor() / 10.0)
    }

    pub fn name(self) -> &'static str {
        match self {
            Band::Low => "low",
            Band::Medium => "medium",
            Band::High => "high",
            Band::Critical => "critical",
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
