//! From `helm install` to the first message.

use guardduty_slack_support::findings::high;
use serde_json::json;

use crate::site::Site;

#[test]
#[ignore = "needs a node: tests/node/run"]
fn first_run_announces_a_finding_in_slack() {
    let mut site = Site::new("first-message");
    site.add([high("f1")]);
    site.install(json!({}));
    site.run("first").assert_success();
    assert_eq!(site.announced(), ["f1"]);
    assert!(site.state().is_some(), "the run saves its watermark");
}
