//! The configuration of a history, from its environment variables.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use guardduty_slack::config::Config;

use crate::bugs::{self, Bug};
use crate::history::{Access, Installation};
use crate::triaged::{LISTED, SUMMARY};

type Variables = Vec<(&'static str, String)>;
type Configurations = HashMap<(Variables, Option<Bug>), Rc<Config>>;

thread_local! {
    /// Every configuration that was read. Many histories have the same one.
    static KNOWN: RefCell<Configurations> = RefCell::default();
}

/// Returns the configuration of a history.
pub(crate) fn config(setup: &Installation, bug: Option<Bug>) -> Rc<Config> {
    let key = (variables(setup), bug);
    if let Some(config) = KNOWN.with_borrow(|known| known.get(&key).cloned()) {
        return config;
    }
    let variables = key.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let mut config = Config::from_env(variables, false).expect("the configuration of a history is valid");
    bugs::configure(bug, &mut config);
    let config = Rc::new(config);
    KNOWN.with_borrow_mut(|known| known.insert(key, config.clone()));
    config
}

fn variables(setup: &Installation) -> Variables {
    let name = |n: &str| if setup.has_named_channels { format!("#{}", n.to_lowercase()) } else { format!("C{n}") };
    let mut vars = vec![
        ("GUARDDUTY_OVERLAP", format!("{}s", setup.overlap)),
        ("SLACK_DIGEST_AFTER", setup.digest_after.to_string()),
        ("SLACK_RECURRENCE", setup.recurrence.into()),
        ("SLACK_REMIND_AFTER", format!("{}s", setup.remind_after)),
        ("RUN_TIMEOUT", format!("{}s", setup.timeout)),
        ("GUARDDUTY_WATCH", setup.watch.to_string()),
    ];
    if setup.all {
        vars.push(("GUARDDUTY_REGIONS", "all".into()));
    }
    if setup.access == Access::Webhook {
        vars.push(("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T/B/X".into()));
    } else {
        vars.push(("SLACK_BOT_TOKEN", "xoxb-1".into()));
        vars.push(("SLACK_CHANNEL", name("SECURITY")));
    }
    if setup.triage != "off" {
        vars.push(("SLACK_TRIAGE", setup.triage.into()));
        vars.push(("SLACK_TRIAGE_USERS", LISTED.join(",")));
    }
    if setup.summary {
        vars.push(("SLACK_SUMMARY", SUMMARY.into()));
    }
    if setup.escalate {
        let escalate = r#"{"after":"2m","mention":"<!subteam^S1>"}"#;
        vars.push((
            "SLACK_ROUTES",
            format!(r#"[{{"match":{{"type":["*"]}},"channel":"{}","escalate":{escalate}}}]"#, name("SECURITY")),
        ));
    }
    if setup.routed {
        let urgent = match setup.access {
            Access::Webhook => String::new(),
            _ if setup.no_mentions => {
                format!(
                    r#"{{"match":{{"severity":">=7"}},"channel":"{}","mention":"<!channel> <!subteam^S1>"}},"#,
                    name("URGENT")
                )
            }
            _ => format!(r#"{{"match":{{"severity":">=7"}},"channel":"{}"}},"#, name("URGENT")),
        };
        vars.push(("SLACK_ROUTES", format!(r#"[{urgent}{{"match":{{"severity":"<2"}},"drop":true}}]"#)));
    }
    vars
}
