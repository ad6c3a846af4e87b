//! The script of the day: who does what, and when the program runs.

use guardduty_slack_support::fault::{ok, status};
use guardduty_slack_support::findings::{FindingBuilder, Kind, finding_of, hex_id, iso, now};
use guardduty_slack_support::world::{ACCOUNT, World};

use crate::clock::Clock;
use crate::journal;

const ROUTES: &str = r##"[{"match": {"type": ["*:Runtime/*", "*:S3/*"]}, "channel": "#sec-critical", "mention": "<!subteam^S0ONCALL>",
  "escalate": {"after": "30m", "mention": "<!subteam^S0INCIDENT>"}}]"##;
const SCOPES: [&str; 5] = ["chat:write", "channels:history", "groups:history", "reactions:read", "users:read"];
const ANA: &str = "U0ANA";
const BEN: &str = "U0BEN";
/// IDs as Slack sends them, and how it shows them.
const NAMES: [(&str, &str); 4] =
    [("@U0ANA", "@Ana"), ("@U0BEN", "@Ben"), ("@S0ONCALL", "@security-on-call"), ("@S0INCIDENT", "@incident-lead")];
const MINUTE: i64 = 60_000;

struct Day {
    world: World,
    clock: Clock,
    step: usize,
}

/// Lets the day pass.
pub(crate) fn pass(world: World) -> (World, Clock) {
    world.slack.scopes(SCOPES);
    let world = world
        .metrics()
        .env("ACCOUNT_NAMES", format!("{ACCOUNT}=prod"))
        .env("GUARDDUTY_LOOKBACK", "12h")
        .env("RUNBOOK_URL", "https://runbooks.corp.example/guardduty?type={type}&account={account}")
        .env("SLACK_ROUTES", ROUTES)
        .env("SLACK_TRIAGE", "archive")
        .env("SLACK_TRIAGE_USERS", format!("{ANA},{BEN}"))
        .env("SLACK_REMIND_AFTER", "1s");
    let day = Day { world, clock: Clock::default(), step: 0 };
    let day = day.announce().acknowledge().escalate().recur().resolve().reopen().summarize();
    (day.world, day.clock)
}

/// The page with names of people in place of their IDs.
pub(crate) fn with_names(page: String) -> String {
    NAMES.iter().fold(page, |page, (id, name)| page.replace(id, name))
}

impl Day {
    /// Performs one run, this number of minutes ago. `effect`: part of a line that it must print.
    fn run(mut self, minutes_ago: i64, text: &str, effect: &str) -> Self {
        self.step += 1;
        println!("\n{}. {text}\n", self.step);
        let before = self.world.journal().len();
        self.world = self.world.run();
        self.clock.note(&self.world.new_messages(), minutes_ago);
        let lines = journal::lines(&self.world, before);
        lines.iter().for_each(|line| println!("   {line}"));
        assert!(lines.iter().any(|line| line.contains(effect)), "the run did not do what the script says: {effect}");
        self
    }

    fn findings<const N: usize>(mut self, findings: [FindingBuilder; N]) -> Self {
        self.world = self.world.findings(findings);
        self
    }

    fn react(self, kind: Kind, emoji: &str, user: &str) -> Self {
        self.world.slack.react(&self.world.message_of(&id(kind)).ts, emoji, user);
        self
    }

    fn announce(mut self) -> Self {
        self.world = self.world.slack([ok(), ok(), status(429).retry_after(2)]);
        let kinds = [Kind::ReverseShell, Kind::S3Exfiltration, Kind::PodExec, Kind::TorCaller, Kind::PortProbe];
        self.findings(kinds.map(|kind| seen(kind, 545).first_seen_ago(1_500))).run(
            540,
            "Morning. Five findings wait in GuardDuty. guardduty-slack runs; at the third message Slack says \"429, come\n   \
             again in 2 seconds\".",
            "HIGH 8.0 · User analytics-etl",
        )
    }

    fn acknowledge(self) -> Self {
        self.react(Kind::ReverseShell, "eyes", ANA).react(Kind::PortProbe, "no_bell", ANA).run(
            530,
            "Ana reacts with 👀 to the reverse shell, and mutes the port probe with 🔕. The next run reads that.",
            "(edited)      🔴 HIGH 8.0 · A reverse shell",
        )
    }

    fn escalate(mut self) -> Self {
        self.world = half_an_hour_later(self.world);
        self.run(509, "Half an hour after its message, nobody has acknowledged the exfiltration from a bucket: the route escalates.", "not acknowledged for")
    }

    fn recur(self) -> Self {
        self.react(Kind::S3Exfiltration, "eyes", BEN)
            .findings([
                seen(Kind::PodExec, 482).first_seen_ago(5_000).count(6).severity(8.0),
                seen(Kind::TorCaller, 481).first_seen_ago(5_000).count(14).ip("203.0.113.77"),
                seen(Kind::PortProbe, 480).first_seen_ago(5_000).count(90).ip("203.0.113.9"),
            ])
            .run(
                478,
                "Ben acknowledges the exfiltration. Meanwhile the severity of the command in a pod increases to high. The\n   \
                 Tor caller and the port probe recur from other addresses. The port probe is muted, so its thread gets no reply.",
                "Severity increased",
            )
    }

    fn resolve(self) -> Self {
        self.react(Kind::S3Exfiltration, "white_check_mark", BEN).react(Kind::TorCaller, "white_check_mark", ANA).run(
            400,
            "Ben resolves the exfiltration with ✅, Ana the Tor caller. The run archives both in GuardDuty.",
            "(GuardDuty)   archived",
        )
    }

    fn reopen(self) -> Self {
        let again = seen(Kind::S3Exfiltration, 121).first_seen_ago(20_000).count(7).ip("198.51.100.140");
        self.findings([again]).run(
            120,
            "The exfiltration continues from another address: its finding is open again.",
            "Reopened",
        )
    }

    fn summarize(mut self) -> Self {
        self.world = an_hour_later(self.world);
        self.run(0, "Evening. The summary is due.", "GuardDuty summary")
    }
}

fn id(kind: Kind) -> String {
    hex_id(&format!("{kind:?}"))
}

/// A finding that was last seen so many minutes ago.
fn seen(kind: Kind, minutes_ago: u64) -> FindingBuilder {
    finding_of(kind, &id(kind)).updated_ago(60 * minutes_ago)
}

/// Moves the times at which somebody is to be called by half an hour.
fn half_an_hour_later(world: World) -> World {
    let mut state = world.state();
    for entry in state["findings"].as_object_mut().into_iter().flat_map(|findings| findings.values_mut()) {
        if let Some(due) = entry["esc"]["due"].as_i64() {
            entry["esc"]["due"] = (due - 30 * MINUTE).into();
        }
    }
    world.set_state(&state.to_string())
}

/// The state was saved an hour ago, and since then a summary was due.
fn an_hour_later(world: World) -> World {
    let mut state = world.state();
    state["saved_at"] = iso(now() - 60 * MINUTE).into();
    let due = (now() / MINUTE - 3).rem_euclid(24 * 60);
    world.set_state(&state.to_string()).env("SLACK_SUMMARY", format!("daily {:02}:{:02}", due / 60, due % 60))
}
