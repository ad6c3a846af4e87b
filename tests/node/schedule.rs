//! Runs that the CronJob controller starts.

use guardduty_slack_support::findings::high;
use serde_json::json;

use crate::kit::{Helm, eventually};
use crate::site::Site;

#[test]
#[ignore = "needs a node: tests/node/run"]
fn cron_job_starts_runs_by_itself_unless_it_is_suspended() {
    let mut site = Site::new("schedule");
    site.add([high("f1")]);
    let suspended = json!({ "schedule": "* * * * *", "suspend": true });
    site.helm_release(Helm::Four, "install", "suspended", "0.1.0", suspended).assert_success();
    site.install(json!({ "schedule": "* * * * *", "suspend": false }));

    let job = eventually("a Job of the CronJob", || {
        let jobs = site.kubectl(&["get", "jobs", "--output=name"]).assert_success();
        let job = jobs.lines().find(|job| job.starts_with("job.batch/guardduty-slack-"))?;
        job.strip_prefix("job.batch/").map(str::to_owned)
    });
    site.ended(&job).assert_success();
    assert_eq!(site.announced(), ["f1"]);
    let suspended = site.object("cronjob", "suspended-guardduty-slack");
    assert_eq!(suspended["status"].get("lastScheduleTime"), None, "a suspended CronJob starts no run");
}
