//! Parses the `severity` of a route: a comparison, a number, or a severity level.

use std::ops::{Bound, RangeBounds};

use serde_json::Value;

use crate::finding::SeverityLevel;

/// The severities that a route matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeverityRange {
    lower: Bound<f64>,
    upper: Bound<f64>,
}

/// The operand of a comparison: one number, or all numbers of a severity level.
#[derive(Clone, Copy)]
struct Operand {
    lower: Bound<f64>,
    upper: Bound<f64>,
}

impl SeverityRange {
    /// Returns true if the range contains this severity.
    pub fn contains(self, severity: f64) -> bool {
        (self.lower, self.upper).contains(&severity)
    }

    /// Reads `">=7"`, `"<4"`, `7`, `"7"`, `"critical"` or `">=high"`. A number alone matches that number; a severity
    /// level alone matches the severities of that level. Returns `None` for anything else.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Self::parse_text(&number.to_string()),
            Value::String(text) => Self::parse_text(text),
            _ => None,
        }
    }

    fn parse_text(text: &str) -> Option<Self> {
        const OPERATOR_SIGNS: [&str; 5] = [">=", "<=", ">", "<", "="];
        let text = text.trim();
        let sign = OPERATOR_SIGNS.into_iter().find(|sign| text.starts_with(sign)).unwrap_or_default();
        let Operand { lower, upper } = Operand::parse(text[sign.len()..].trim())?;
        Some(match sign {
            ">=" => Self { lower, upper: Bound::Unbounded },
            "<=" => Self { lower: Bound::Unbounded, upper },
            ">" => Self { lower: beyond(upper), upper: Bound::Unbounded },
            "<" => Self { lower: Bound::Unbounded, upper: beyond(lower) },
            _ => Self { lower, upper },
        })
    }
}

impl Operand {
    fn parse(text: &str) -> Option<Self> {
        if let Some(level) = SeverityLevel::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(text)) {
            let next = SeverityLevel::ALL.into_iter().find(|other| *other > level);
            let upper = next.map_or(Bound::Unbounded, |next| Bound::Excluded(next.min_score()));
            return Some(Self { lower: Bound::Included(level.min_score()), upper });
        }
        let number: f64 = text.parse().ok()?;
        let bound = Bound::Included(number);
        (0.0..=10.0).contains(&number).then_some(Self { lower: bound, upper: bound })
    }
}

/// The bound of the severities outside of a range on one side. `None` if the range is not bounded on that side.
fn beyond(bound: Bound<f64>) -> Bound<f64> {
    match bound {
        Bound::Included(number) => Bound::Excluded(number),
        Bound::Excluded(number) => Bound::Included(number),
        Bound::Unbounded => Bound::Excluded(f64::INFINITY),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Of the severities 0.0, 0.1, … 10.0, the lowest and the highest that match.
    fn ends(value: Value) -> Option<(f64, f64)> {
        let range = SeverityRange::parse(&value)?;
        let mut matching =
            (0..=100).map(|tenths| f64::from(tenths) / 10.0).filter(|severity| range.contains(*severity));
        let lowest = matching.next()?;
        Some((lowest, matching.next_back().unwrap_or(lowest)))
    }

    #[test]
    fn severity_takes_a_comparison_a_number_or_a_level() {
        let table = [
            (json!(">=7"), (7.0, 10.0)),
            (json!("> 7"), (7.1, 10.0)),
            (json!("<=4"), (0.0, 4.0)),
            (json!("<4.0"), (0.0, 3.9)),
            (json!("=5"), (5.0, 5.0)),
            (json!("8"), (8.0, 8.0)),
            (json!(8), (8.0, 8.0)),
            (json!(5.3), (5.3, 5.3)),
            (json!("critical"), (9.0, 10.0)),
            (json!("High"), (7.0, 8.9)),
            (json!("=medium"), (4.0, 6.9)),
            (json!(">=high"), (7.0, 10.0)),
            (json!(">medium"), (7.0, 10.0)),
            (json!("<=medium"), (0.0, 6.9)),
            (json!("< high"), (0.0, 6.9)),
        ];
        for (value, expected) in table {
            assert_eq!(ends(value.clone()), Some(expected), "{value}");
        }
    }

    #[test]
    fn nothing_is_more_severe_than_critical_or_less_severe_than_low() {
        assert_eq!(ends(json!(">critical")), None);
        assert_eq!(ends(json!("<low")), None);
    }

    #[test]
    fn other_values_are_rejected() {
        for value in
            [json!("urgent"), json!(">=11"), json!(-1), json!("7+"), json!(""), json!(true), json!([7]), json!("nan")]
        {
            assert_eq!(SeverityRange::parse(&value), None, "{value}");
        }
    }
}
