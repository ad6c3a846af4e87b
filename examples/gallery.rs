//! Every message that the program can send, on one page, as Slack shows it: `cargo run --example gallery`.
//!
//! Made of the fixtures of the tests; writes `target/gallery/index.html`, the same messages as lines of 42 characters to
//! `phone.txt` and as they are sent to `payloads.json`, and prints the paths.

use std::path::{Path, PathBuf};
use std::time::Duration;

use guardduty_slack::finding::documents::read_documents;
use guardduty_slack::finding::{Attribute, Finding, SeverityLevel};
use guardduty_slack::mention::Mention;
use guardduty_slack::message::{
    self, Addressing, Marks, Message, MessageForm, MessageOptions, NoisyPair, Notice, NoticeId, NoticeLevel,
    RenderContext, Reopened, ReplyContent, Summary, WorstFinding,
};
use guardduty_slack::time::Timestamp;
use guardduty_slack::user::UserId;
use guardduty_slack_support::html::{self, Channel, Shown};
use guardduty_slack_support::text;

/// Characters of a line on a phone.
const PHONE_COLUMNS: usize = 42;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let findings = fixtures(&root.join("tests/fixtures/findings"))?;
    let channels = channels(&findings);
    let folder: PathBuf = root.join("target/gallery");
    std::fs::create_dir_all(&folder)?;
    let pages = [
        ("index.html", html::page("guardduty-slack: every message", &channels)),
        ("payloads.json", serde_json::Value::from(payloads(&channels)).to_string()),
        ("phone.txt", channels.iter().flat_map(|channel| &channel.messages).map(on_phone).collect()),
    ];
    for (name, content) in pages {
        let path = folder.join(name);
        std::fs::write(&path, content)?;
        println!("{}", path.display());
    }
    Ok(())
}

/// All messages and replies as they are sent.
fn payloads(channels: &[Channel]) -> Vec<serde_json::Value> {
    let mut payloads = Vec::new();
    for message in channels.iter().flat_map(|channel| &channel.messages) {
        payloads.push(message.payload.clone());
        for reply in &message.replies {
            let mut payload = reply.payload.clone();
            payload["thread_ts"] = message.ts.as_str().into();
            payloads.push(payload);
        }
    }
    payloads
}

/// A message and its replies as they are wrapped on a phone, with the number of lines.
fn on_phone(message: &Shown) -> String {
    let lines = text::lines(&message.payload, PHONE_COLUMNS);
    let replies: String = message.replies.iter().map(on_phone).collect();
    format!("{} ({} lines)\n{}\n\n{replies}", "─".repeat(PHONE_COLUMNS), lines.len(), lines.join("\n"))
}

/// The fixtures, the most severe first.
fn fixtures(folder: &Path) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        findings.extend(read_documents(&std::fs::read_to_string(entry?.path())?).findings);
    }
    findings.sort_by(|a, b| {
        b.severity.total_cmp(&a.severity).then_with(|| a.kind.cmp(&b.kind)).then_with(|| a.id.cmp(&b.id))
    });
    Ok(findings)
}

fn channels(findings: &[Finding]) -> Vec<Channel> {
    vec![
        channel("findings", one_per_type(findings)),
        channel("life-of-a-finding", lifecycle_messages(findings)),
        channel("triage", triage(findings)),
        channel("digests-and-summaries", digests(findings)),
        channel("notices", notices()),
        channel("when-slack-rejects-blocks", rejected(findings)),
    ]
}

fn channel(name: &str, messages: Vec<Shown>) -> Channel {
    Channel { name: name.to_owned(), messages }
}

fn wording() -> MessageOptions {
    MessageOptions {
        account_names: [("111122223333".to_owned(), "payments-prod".to_owned())].into(),
        runbook_url: Some("https://wiki.corp.example/guardduty/{type}?finding={id}".to_owned()),
        portal: None,
    }
}

/// Half past twelve on a day of the fixtures, a minute later with each message.
fn ts(n: usize) -> String {
    format!("{}.000100", 1_795_523_400 + 60 * n)
}

/// Messages one after the other, from a minute on.
fn shown(messages: impl IntoIterator<Item = Message>) -> Vec<Shown> {
    messages.into_iter().enumerate().map(|(n, message)| Shown::new(message.payload(), &ts(n))).collect()
}

fn of_finding(finding: &Finding, lifecycle_messages: &RenderContext) -> Message {
    message::finding(finding, lifecycle_messages, &wording(), MessageForm::Blocks)
}

fn reply(finding: &Finding, content: &ReplyContent) -> Message {
    message::reply(finding, content, &wording(), MessageForm::Blocks)
}

/// A reply that is also sent to the channel.
fn broadcast(finding: &Finding, content: &ReplyContent) -> serde_json::Value {
    let mut payload = reply(finding, content).payload();
    payload["reply_broadcast"] = true.into();
    payload
}

fn one_per_type(findings: &[Finding]) -> Vec<Shown> {
    shown(findings.iter().map(|finding| of_finding(finding, &RenderContext::default())))
}

/// The finding whose messages are shown over time, as it was first seen and as it recurred.
fn example(findings: &[Finding]) -> Option<(Finding, Finding)> {
    let first = findings.iter().find(|finding| finding.kind.as_str() == "UnauthorizedAccess:IAMUser/TorIPCaller")?;
    let mut recurred = first.clone();
    recurred.count = 47;
    Some((first.clone(), recurred))
}

/// First seen, recurred with new addresses, with an increased severity level, archived; moved to another channel, and
/// posted to a channel that it was not intended for.
fn lifecycle_messages(findings: &[Finding]) -> Vec<Shown> {
    let Some((first, recurred)) = example(findings) else { return Vec::new() };
    let mention = Mention::parse("<!subteam^S0123ABC>");
    let mention = mention.as_ref();
    let seen = ["ip 198.51.100.4", "ip 203.0.113.88", "country France", "api ListBuckets"].map(Attribute::from);
    let fresh =
        ["ip 198.51.100.4", "country France", "api GetBucketPolicy", "api PutBucketPolicy"].map(Attribute::from);
    let content = ReplyContent { new_attributes: &fresh, previous_count: Some(14), ..ReplyContent::default() };
    let increased = ReplyContent {
        previous_severity: Some(5.0),
        previous_count: Some(46),
        addressing: mentioning(mention),
        ..ReplyContent::default()
    };
    let link = Some("https://corp.slack.com/archives/C1/p1795523400000100");
    let mut messages = shown([
        of_finding(&first, &RenderContext { mention, ..RenderContext::default() }),
        of_finding(&recurred, &RenderContext { known_attributes: &seen, ..RenderContext::default() }),
        of_finding(&archived(&recurred), &RenderContext::default()),
        of_finding(&first, &RenderContext { intended_channel: Some("#sec-critical"), ..RenderContext::default() }),
        message::redirect(&first.id, "#sec-critical", link, MessageForm::Blocks),
    ]);
    messages[1].replies = vec![
        Shown::new(reply(&recurred, &content).payload(), &ts(2)),
        Shown::new(broadcast(&recurred, &increased), &ts(3)),
    ];
    for edited in [1, 2, 4] {
        messages[edited].edited = true;
    }
    messages
}

fn archived(finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    finding.archived = true;
    finding
}

/// Acknowledged after an escalation, resolved, reopened, muted.
fn triage(findings: &[Finding]) -> Vec<Shown> {
    let Some((first, recurred)) = example(findings) else { return Vec::new() };
    let user = |id: &str| UserId::parse(id);
    let acknowledged = Marks { acknowledged: user("U0ANA"), ..Marks::default() };
    let resolved = Marks { resolved: user("U0BEN"), ..acknowledged.clone() };
    let muted = Marks { muted: user("U0ANA"), ..Marks::default() };
    let marked = |marks| RenderContext { marks: Some(marks), ..RenderContext::default() };
    let mention = Mention::parse("<!subteam^S0123ABC>");
    let unacknowledged = ReplyContent {
        unacknowledged_for: Some(Duration::from_mins(30)),
        addressing: mentioning(mention.as_ref()),
        ..ReplyContent::default()
    };
    let fresh = ["ip 198.51.100.4"].map(Attribute::from);
    let reopened =
        ReplyContent { reopened: Some(Reopened::Recurred), new_attributes: &fresh, ..ReplyContent::default() };
    let mut messages = shown([
        of_finding(&first, &marked(&acknowledged)),
        of_finding(&archived(&first), &marked(&resolved)),
        of_finding(&recurred, &marked(&acknowledged)),
        of_finding(&recurred, &marked(&muted)),
    ]);
    messages[0].replies = vec![Shown::new(broadcast(&first, &unacknowledged), &ts(1))];
    messages[2].replies = vec![Shown::new(reply(&recurred, &reopened).payload(), &ts(3))];
    for (message, emoji) in
        messages.iter_mut().zip([["eyes", ""], ["eyes", "white_check_mark"], ["eyes", ""], ["no_bell", ""]])
    {
        message.edited = true;
        message.reactions = emoji.iter().filter(|name| !name.is_empty()).map(|name| ((*name).to_owned(), 1)).collect();
    }
    messages
}

fn mentioning(mention: Option<&Mention>) -> Addressing<'_> {
    Addressing { mention, ..Addressing::default() }
}

fn digests(findings: &[Finding]) -> Vec<Shown> {
    let quiet: Vec<&Finding> = findings.iter().filter(|finding| finding.severity < 7.0).collect();
    // A flood: every fixture many times, as if many resources were hit.
    let mut many: Vec<Finding> = findings.iter().cycle().take(480).cloned().collect();
    for (n, finding) in many.iter_mut().enumerate() {
        finding.id = format!("{:032x}", n + 1);
    }
    let many: Vec<&Finding> = many.iter().collect();
    let here = Mention::parse("<!here>");
    shown([
        message::digest("d-1a2b3c", &many, &wording(), &mentioning(here.as_ref()), MessageForm::Blocks),
        message::digest("d-4d5e6f", &quiet, &wording(), &mentioning(None), MessageForm::Blocks),
        message::summary(&summary(findings), MessageForm::Blocks),
    ])
}

fn summary(findings: &[Finding]) -> Summary {
    let worst = findings.iter().take(10).enumerate().map(|(n, finding)| WorstFinding {
        level: finding.severity_level(),
        severity: finding.severity,
        title: finding.title.clone().unwrap_or_else(|| finding.id.clone()),
        since: Timestamp(1_795_521_840_000),
        permalink: Some(format!("https://corp.slack.com/archives/C1/p{n}")),
    });
    let noisiest = findings.iter().take(5).zip([412, 90, 41, 17, 9]).map(|(finding, count)| NoisyPair {
        finding_type: finding.kind.as_str().to_owned(),
        resource: finding.resource_names().pop().unwrap_or_default(),
        count,
        command: "aws guardduty create-filter --region eu-west-1 --name example --action ARCHIVE".to_owned(),
    });
    Summary {
        id: "s-1".to_owned(),
        open: Some(
            [
                (SeverityLevel::Critical, 2),
                (SeverityLevel::High, 14),
                (SeverityLevel::Medium, 61),
                (SeverityLevel::Low, 198),
            ]
            .into(),
        ),
        older: Some([240, 122, 18]),
        new: 31,
        archived: 12,
        unacknowledged: Some(9),
        worst: worst.collect(),
        noisiest: noisiest.collect(),
        ..Summary::default()
    }
}

fn notices() -> Vec<Shown> {
    let notice = |level, title: &str, lines: &[&str]| Notice {
        id: NoticeId::new(title, Timestamp(0)),
        title: title.to_owned(),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        level,
    };
    let notices = [
        notice(
            NoticeLevel::Info,
            "No saved state: looking back 10 min",
            &[
                "Already open: 2 critical, 14 high, 198 others",
                "Findings that were already open are not posted. Each of them is posted when it recurs",
            ],
        ),
        notice(
            NoticeLevel::Warning,
            "Cannot read 111122223333/eu-central-1",
            &[
                "Access denied: this role may not call guardduty:ListFindings",
                "Since 2026-11-24T09:10:00.000Z",
                "Its findings are delayed. They are delivered once the source can be read again",
            ],
        ),
        notice(
            NoticeLevel::Resolved,
            "Could not read 111122223333/eu-central-1 from 2026-11-24T09:10:00.000Z to 2026-11-24T10:05:00.000Z",
            &["Reading has resumed. The findings of this period follow"],
        ),
        notice(
            NoticeLevel::Warning,
            "New suppression rule: hide-everything",
            &["It archives matching findings automatically: they are not sent to Slack", "111122223333/eu-west-1"],
        ),
    ];
    shown(notices.iter().map(|notice| message::notice(notice, MessageForm::Blocks)))
}

fn rejected(findings: &[Finding]) -> Vec<Shown> {
    let Some(worst) = findings.first() else { return Vec::new() };
    shown(
        [MessageForm::Text, MessageForm::Minimal]
            .map(|form| message::finding(worst, &RenderContext::default(), &wording(), form)),
    )
}
