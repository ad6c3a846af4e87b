//! A Pushgateway: groups of metrics; PUT replaces a group, POST the families of the same name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::Call;
use crate::scripted_faults::{FaultScript, Peer};
use crate::server::{Reply, Request};

type Families = BTreeMap<String, Vec<String>>;

#[derive(Clone)]
pub struct Pushgateway {
    stage: FaultScript,
    /// Path of a group and its families, by name.
    groups: Arc<Mutex<BTreeMap<String, Families>>>,
}

impl Pushgateway {
    pub(crate) fn new(stage: FaultScript) -> Self {
        Self { stage, groups: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Families>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Paths of all groups, such as `/metrics/job/guardduty-slack`.
    pub fn groups(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Every sample of every group, one a line.
    pub fn text(&self) -> String {
        let groups = self.lock();
        let lines: Vec<&str> = groups.values().flat_map(|f| f.values().flatten()).map(String::as_str).collect();
        lines.join("\n")
    }

    /// The value of the one sample whose name and labels are `series`, such as `guardduty_slack_run_success`.
    pub fn value(&self, series: &str) -> Option<f64> {
        self.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.trim().parse().ok())
    }
}

/// The families of a body in the text format; none if it is cut short.
fn families(body: &str) -> Option<Families> {
    body.strip_suffix('\n')?;
    let mut families = Families::new();
    for line in body.lines().filter(|l| !l.is_empty()) {
        let name = match line.strip_prefix("# ") {
            Some(comment) => comment.split(' ').nth(1)?,
            None => line.split(['{', ' ']).next()?,
        };
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|s| name.strip_suffix(s).filter(|n| families.contains_key(*n)));
        families.entry(family.unwrap_or(name).to_owned()).or_default().push(line.to_owned());
    }
    Some(families)
}

impl Peer for Pushgateway {
    fn call(&self, request: &Request) -> Call {
        Call {
            service: "pushgateway",
            operation: request.method.clone(),
            detail: request.path.clone(),
            ..Call::default()
        }
    }

    fn answer(&self, _: &Call, request: &Request) -> Reply {
        if request.method == "GET" {
            return Reply::text(200, "text/plain", "OK");
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let (true, Some(pushed)) = (request.path.starts_with("/metrics/job"), families(&body)) else {
            self.stage.violation(format!("the Pushgateway refuses {} {}", request.method, request.path));
            return Reply::text(400, "text/plain", "unexpected end of input stream");
        };
        let mut groups = self.lock();
        let group = groups.entry(request.path.clone()).or_default();
        if request.method == "PUT" {
            group.clear();
        }
        group.extend(pushed);
        Reply::text(200, "text/plain", "")
    }

    fn status(&self, _: &Call, status: u16) -> Reply {
        Reply::text(status, "text/plain", "as the script wants it")
    }

    fn error(&self, call: &Call, _: &str) -> Reply {
        self.status(call, 400)
    }
}
