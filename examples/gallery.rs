//! Every message that the program can send, on one page, as Slack shows it: `cargo run --example gallery`.
//!
//! Made of the fixtures of the tests; writes `target/gallery/index.html`, the same messages as lines of 42 characters to
//! `phone.txt` and as they are sent to `payloads.json`, and prints the paths.

use std::path::{Path, PathBuf};

use guardduty_slack::finding::Finding;
use guardduty_slack::finding::documents::read_documents;
use guardduty_slack::message::{self, Addressing, Form, Level, Life, News, Notice, Wording};
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
        room("findings", one_each(findings)),
        room("life-of-a-finding", life(findings)),
        room("digests", digests(findings)),
        room("notices", notices()),
        room("when-slack-refuses", refused(findings)),
    ]
}

fn room(name: &str, payloads: Vec<Shown>) -> Channel {
    Channel { name: name.to_owned(), messages: payloads }
}

fn wording() -> Wording {
    Wording {
        account_names: [("111122223333".to_owned(), "payments-prod".to_owned())].into(),
        runbook_url: Some("https://wiki.corp.example/guardduty/{type}?finding={id}".to_owned()),
        portal: None,
    }
}

/// Half past twelve on a day of the fixtures, a minute later with each message.
fn ts(n: usize) -> String {
    format!("{}.000100", 1_795_523_400 + 60 * n)
}

fn one_each(findings: &[Finding]) -> Vec<Shown> {
    let message = |f| message::finding(f, &Life::default(), &wording(), Form::Full);
    findings.iter().enumerate().map(|(n, f)| Shown::new(message(f).payload(), &ts(n))).collect()
}

/// First seen, recurred with new addresses, risen, archived; moved to another channel, and told in the wrong one.
fn life(findings: &[Finding]) -> Vec<Shown> {
    let Some(first) = findings.iter().find(|f| f.kind.as_str() == "UnauthorizedAccess:IAMUser/TorIPCaller") else {
        return Vec::new();
    };
    let w = wording();
    let mention = Some("<!subteam^S0123ABC>");
    let seen = ["ip 198.51.100.4", "ip 203.0.113.88", "country France", "api ListBuckets"].map(str::to_owned);
    let new = message::finding(first, &Life { mention, ..Life::default() }, &w, Form::Full);
    let mut recurred = first.clone();
    recurred.count = 47;
    let later = message::finding(&recurred, &Life { traits_seen: &seen, ..Life::default() }, &w, Form::Full);
    let fresh = ["ip 198.51.100.4", "country France", "api GetBucketPolicy", "api PutBucketPolicy"].map(str::to_owned);
    let news =
        message::reply(&recurred, &News { fresh: &fresh, count_was: Some(14), ..News::default() }, &w, Form::Full);
    let rise = message::reply(
        &recurred,
        &News { severity_was: Some(5.0), count_was: Some(46), addressing: mentioning(mention), ..News::default() },
        &w,
        Form::Full,
    );
    let mut broadcast = rise.payload();
    broadcast["reply_broadcast"] = true.into();
    let archived = message::finding(&recurred, &Life { archived: true, ..Life::default() }, &w, Form::Full);
    let strayed =
        message::finding(first, &Life { refused_channel: Some("#sec-critical"), ..Life::default() }, &w, Form::Full);
    let moved = message::moved(
        &first.id,
        "#sec-critical",
        Some("https://corp.slack.com/archives/C1/p1795523400000100"),
        Form::Full,
    );
    vec![
        Shown::new(new.payload(), &ts(0)),
        Shown {
            edited: true,
            replies: vec![Shown::new(news.payload(), &ts(2)), Shown::new(broadcast, &ts(3))],
            ..Shown::new(later.payload(), &ts(1))
        },
        Shown { edited: true, ..Shown::new(archived.payload(), &ts(4)) },
        Shown::new(strayed.payload(), &ts(5)),
        Shown { edited: true, ..Shown::new(moved.payload(), &ts(6)) },
    ]
}

fn mentioning(mention: Option<&str>) -> Addressing<'_> {
    Addressing { mention, ..Addressing::default() }
}

fn digests(findings: &[Finding]) -> Vec<Shown> {
    let quiet: Vec<&Finding> = findings.iter().filter(|f| f.severity < 7.0).collect();
    // A flood: every fixture many times, as if many resources were hit.
    let mut many: Vec<Finding> = findings.iter().cycle().take(480).cloned().collect();
    for (n, f) in many.iter_mut().enumerate() {
        f.id = format!("{:032x}", n + 1);
    }
    let mention = Some("<!here>");
    [
        message::digest("d-1a2b3c", &many.iter().collect::<Vec<_>>(), &wording(), &mentioning(mention), Form::Full),
        message::digest("d-4d5e6f", &quiet, &wording(), &mentioning(None), Form::Full),
    ]
    .iter()
    .enumerate()
    .map(|(n, m)| Shown::new(m.payload(), &ts(n)))
    .collect()
}

fn notices() -> Vec<Shown> {
    let notice = |level, title: &str, lines: &[&str]| Notice {
        id: title.into(),
        title: title.into(),
        lines: lines.iter().map(|l| (*l).to_owned()).collect(),
        level,
    };
    [
        notice(
            Level::Info,
            "No saved state: looking back 10 min",
            &[
                "Already open: 2 critical, 14 high, 198 others",
                "Findings that were already open are not posted. Each of them is posted when it recurs",
            ],
        ),
        notice(
            Level::Warning,
            "Cannot read 111122223333/eu-central-1",
            &[
                "Since 2026-11-24T09:10:00Z",
                "GuardDuty denies guardduty:ListFindings to this role",
                "Its findings are delayed. They are delivered once the source can be read again",
            ],
        ),
        notice(
            Level::Resolved,
            "Could not read 111122223333/eu-central-1 from 2026-11-24T09:10:00Z to 2026-11-24T10:05:00Z",
            &["Reading has resumed. The findings of this period follow"],
        ),
        notice(
            Level::Warning,
            "New suppression rule “hide-everything” in 111122223333/eu-west-1",
            &[
                "It archives matching findings automatically: they are not sent to Slack",
                "Changed at 2026-11-24T10:00:00Z",
            ],
        ),
    ]
    .iter()
    .enumerate()
    .map(|(n, notice)| Shown::new(message::notice(notice, Form::Full).payload(), &ts(n)))
    .collect()
}

fn refused(findings: &[Finding]) -> Vec<Shown> {
    let Some(worst) = findings.first() else { return Vec::new() };
    [Form::Text, Form::Bare]
        .iter()
        .enumerate()
        .map(|(n, form)| Shown::new(message::finding(worst, &Life::default(), &wording(), *form).payload(), &ts(n)))
        .collect()
}
