//! Renders the results as a table, as text or JSON.

use std::fmt;

use serde_json::{Value, json};

/// The outcome of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    /// A run works with reduced guarantees.
    Warning,
    Failed,
}

impl Status {
    /// The outcome in the table, in four columns.
    fn mark(self) -> &'static str {
        match self {
            Status::Ok => "ok  ",
            Status::Warning => "warn",
            Status::Failed => "FAIL",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Failed => "failed",
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct CheckResult {
    pub(super) status: Status,
    pub(super) name: String,
    pub(super) detail: String,
    /// Empty if there is nothing to do.
    pub(super) hint: String,
}

impl CheckResult {
    pub(super) fn ok(name: impl Into<String>, detail: impl fmt::Display) -> Self {
        Self::new(Status::Ok, name.into(), detail, String::new())
    }

    pub(super) fn warning(name: impl Into<String>, detail: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self::new(Status::Warning, name.into(), detail, hint.into())
    }

    pub(super) fn failed(name: impl Into<String>, detail: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self::new(Status::Failed, name.into(), detail, hint.into())
    }

    pub(super) fn is_warning(&self) -> bool {
        self.status == Status::Warning
    }

    fn new(status: Status, name: String, detail: impl fmt::Display, hint: String) -> Self {
        let detail = detail.to_string();
        let words: Vec<&str> = detail.split_whitespace().collect();
        Self { status, name, detail: words.join(" "), hint }
    }

    fn json(&self) -> Value {
        let mut row = json!({"check": self.name, "status": self.status.name(), "detail": self.detail});
        if !self.hint.is_empty() {
            row["hint"] = self.hint.as_str().into();
        }
        row
    }
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:<44}  {}", self.status.mark(), self.name, self.detail)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n      → {}", self.hint) }
    }
}

/// The results of all checks.
pub(super) struct Table(pub(super) Vec<CheckResult>);

impl Table {
    pub(super) fn is_passed(&self) -> bool {
        self.count(Status::Failed) == 0
    }

    fn count(&self, status: Status) -> usize {
        self.0.iter().filter(|row| row.status == status).count()
    }

    pub(super) fn json(&self) -> Value {
        let checks: Vec<Value> = self.0.iter().map(CheckResult::json).collect();
        json!({"checks": checks, "failed": self.count(Status::Failed), "warnings": self.count(Status::Warning)})
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.0 {
            writeln!(f, "{row}")?;
        }
        let checks = counted(self.0.len(), "check");
        let warnings = counted(self.count(Status::Warning), "warning");
        write!(f, "\n{checks}, {} failed, {warnings}", self.count(Status::Failed))
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table(vec![
            CheckResult::ok("configuration", "valid"),
            CheckResult::warning("Slack scope groups:history", "missing", "add the scope"),
            CheckResult::failed("AWS credentials of self", "refused\n  by 127.0.0.1:9", "check AWS_ENDPOINT_URL"),
        ])
    }

    #[test]
    fn the_table_has_one_line_per_check_and_a_hint_where_one_fails() {
        insta::assert_snapshot!(table(), @"
        ok    configuration                                 valid
        warn  Slack scope groups:history                    missing
              → add the scope
        FAIL  AWS credentials of self                       refused by 127.0.0.1:9
              → check AWS_ENDPOINT_URL

        3 checks, 1 failed, 1 warning
        ");
    }

    #[test]
    fn the_json_document_has_one_object_per_check() {
        insta::assert_json_snapshot!(table().json(), @r#"
        {
          "checks": [
            {
              "check": "configuration",
              "detail": "valid",
              "status": "ok"
            },
            {
              "check": "Slack scope groups:history",
              "detail": "missing",
              "hint": "add the scope",
              "status": "warning"
            },
            {
              "check": "AWS credentials of self",
              "detail": "refused by 127.0.0.1:9",
              "hint": "check AWS_ENDPOINT_URL",
              "status": "failed"
            }
          ],
          "failed": 1,
          "warnings": 1
        }
        "#);
    }
}
