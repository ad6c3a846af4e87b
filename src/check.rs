//! `check`: proves the whole set-up, one line a check, with the mend where one fails. Nothing is posted (unless asked
//! for), recorded or pushed.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use futures_util::future::{join, join_all, join4};

use crate::config::{Access, AccountNames, Config, Pushgateway, RouteTo, Target};
use crate::exit::Exit;
use crate::guardduty::{Aws, Detector, ReadError, Source};
use crate::message::{self, Form, Level, Notice};
use crate::metrics::{Requests, with_auth};
use crate::slack::{Chat, Client, Failure, Proof};
use crate::state::State;
use crate::state::backing::Backing;
use crate::state::store::{self, Store};
use crate::telemetry::out;
use crate::time::{Clock, Millis};
use crate::{http, slack};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    /// It works without, with less.
    Warning,
    Failed,
}

/// One line of the table.
#[derive(Debug)]
struct Row {
    verdict: Verdict,
    what: String,
    found: String,
    mend: &'static str,
}

impl Row {
    fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, what: what.into(), found: found.into(), mend: "" }
    }

    fn warning(what: impl Into<String>, found: impl fmt::Display, mend: &'static str) -> Self {
        Self { verdict: Verdict::Warning, what: what.into(), found: found.to_string(), mend }
    }

    fn failed(what: impl Into<String>, found: impl fmt::Display, mend: &'static str) -> Self {
        Self { verdict: Verdict::Failed, what: what.into(), found: found.to_string(), mend }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warning => "warn",
            Verdict::Failed => "FAIL",
        };
        let found: Vec<&str> = self.found.split_whitespace().collect();
        write!(f, "{mark}  {:<44}  {}", self.what, found.join(" "))?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "\n      → {}", self.mend) }
    }
}

/// Checks everything side by side and prints the table. The exit status: 0 if nothing failed.
pub async fn check(config: &Config, post: bool) -> Exit {
    http::install_crypto();
    let requests = Requests::default();
    let (client, aws_client) = match (http::client(http::Timeouts::default()), http::aws_client()) {
        (Ok(client), Ok(aws)) => (client, aws),
        (Err(e), _) | (_, Err(e)) => {
            return print(&[Row::failed("HTTP client", e, "see SSL_CERT_FILE and HTTPS_PROXY")]);
        }
    };
    let chat = slack::Client::new(client.clone(), &config.slack.access, &config.slack.api_url, requests.clone());
    let aws = async {
        match Aws::connect(&config.aws, aws_client, requests.clone()).await {
            Ok(aws) => {
                let (mut rows, names) = join(aws_rows(&aws), names_row(&aws, config)).await;
                rows.extend(names);
                rows
            }
            Err(e) => vec![Row::failed("AWS region", e, "")],
        }
    };
    let slack = slack_rows(config, &chat, post);
    let state = state_rows(config, requests.clone());
    let gateway = gateway_rows(config.pushgateway.as_ref(), &client);
    let (aws, slack, state, gateway) = join4(aws, slack, state, gateway).await;
    let mut rows = vec![Row::ok("configuration", "all variables are understood")];
    rows.extend([aws, slack, state, gateway].into_iter().flatten());
    print(&rows)
}

fn print(rows: &[Row]) -> Exit {
    for row in rows {
        out(row);
    }
    let failed = rows.iter().filter(|r| r.verdict == Verdict::Failed).count();
    let warnings = rows.iter().filter(|r| r.verdict == Verdict::Warning).count();
    out(format_args!("\n{} checks, {failed} failed, {warnings} warnings", rows.len()));
    Exit::of(failed == 0)
}

async fn aws_rows(aws: &Aws) -> Vec<Row> {
    let (mut rows, mut unusable) = (Vec::new(), BTreeSet::new());
    for (identity, caller) in aws.callers().await {
        if caller.is_err() {
            unusable.insert(identity.clone());
        }
        rows.push(caller_row(&identity, caller.map(|c| c.arn)));
    }
    let callers = rows.len();
    for index in 0..aws.identities() {
        let seen = aws.sources_of(index).await;
        match seen.sources {
            // Said once, above.
            _ if unusable.contains(&seen.identity) => {}
            Ok(sources) => rows.extend(join_all(sources.iter().map(source_rows)).await.into_iter().flatten()),
            Err(e) => rows.push(Row::failed(
                format!("regions of {}", seen.identity),
                e,
                "allow account:ListRegions, or list GUARDDUTY_REGIONS",
            )),
        }
    }
    // Each source without a detector is a warning; when there is no other, a run would see nothing at all.
    if unusable.is_empty() && rows[callers..].iter().all(|r| r.verdict == Verdict::Warning) {
        let mend = "enable GuardDuty, or correct GUARDDUTY_REGIONS";
        rows.push(Row::failed("detectors", "there is none: nothing would be polled", mend));
    }
    rows
}

/// Without the names a message shows the accounts' numbers only.
async fn names_row(aws: &Aws, config: &Config) -> Option<Row> {
    let AccountNames::Organization = config.wording.account_names else { return None };
    Some(match aws.organization().await {
        Ok(names) => Row::ok("names of accounts", format!("{} accounts", names.len())),
        Err(e) => Row::warning("names of accounts", e, "allow organizations:ListAccounts, or list ACCOUNT_NAMES"),
    })
}

fn caller_row(identity: &str, arn: Result<String, ReadError>) -> Row {
    let what = format!("AWS credentials of {}", identity.rsplit('/').next().unwrap_or(identity));
    match arn {
        Ok(arn) => Row::ok(what, arn),
        Err(e) => Row::failed(
            what,
            e,
            "check the IRSA annotation or Pod Identity association, the role's trust policy and GUARDDUTY_EXTERNAL_ID",
        ),
    }
}

const READS: &str =
    "allow guardduty:ListDetectors, guardduty:ListFindings and guardduty:GetFindings (k8s/iam-policy.json)";

async fn source_rows(source: &Source) -> Vec<Row> {
    let key = source.key().to_string();
    let detector = match source.detectors().await {
        Ok(found) => found.into_iter().next(),
        Err(e) => return vec![Row::failed(format!("{key} ListDetectors"), e, READS)],
    };
    let Some(detector) = detector else {
        return vec![Row::warning(
            format!("{key} detector"),
            "GuardDuty is not enabled there",
            "enable it, or take the region out of GUARDDUTY_REGIONS",
        )];
    };
    let mut rows = vec![Row::ok(format!("{key} detector"), detector.clone())];
    rows.extend(findings_rows(source, &key, &detector).await);
    rows.extend(watch_rows(source, &key, &detector).await);
    rows
}

async fn findings_rows(source: &Source, key: &str, detector: &str) -> Vec<Row> {
    let page = match source.list(detector, Millis(0), None, None).await {
        Ok(page) => page,
        Err(e) => return vec![Row::failed(format!("{key} ListFindings"), e, READS)],
    };
    let listed = Row::ok(format!("{key} ListFindings"), format!("{} findings on the first page", page.ids.len()));
    if page.ids.is_empty() {
        let mend = "create sample findings in the GuardDuty console, then check again";
        return vec![
            listed,
            Row::warning(format!("{key} GetFindings"), "not proved: there is no finding to fetch", mend),
        ];
    }
    let fetched = match source.get(detector, &page.ids[..1]).await {
        Ok(_) => Row::ok(format!("{key} GetFindings"), "a finding can be fetched"),
        Err(e) => Row::failed(format!("{key} GetFindings"), e, READS),
    };
    vec![listed, fetched]
}

/// What only makes silences less ambiguous: a missing permission is a warning.
async fn watch_rows(source: &Source, key: &str, detector: &str) -> Vec<Row> {
    const MEND: &str = "optional: allow it too (k8s/iam-policy-optional.json), or set GUARDDUTY_WATCH=false";
    let row = |operation: &str, result: Result<String, ReadError>| match result {
        Ok(found) => Row::ok(format!("{key} {operation}"), found),
        Err(e) => Row::warning(format!("{key} {operation}"), e, MEND),
    };
    let (status, open) = join(source.status(detector), source.open_findings(detector, None)).await;
    let (filters, ip_sets) = join(source.filters(detector), source.ip_sets(detector)).await;
    let enabled = |on: bool| if on { "enabled" } else { "DISABLED" }.to_owned();
    vec![
        row("GetDetector", status.map(enabled)),
        row("GetFindingsStatistics", open.map(|o| format!("{} open findings", o.values().sum::<u64>()))),
        row("ListFilters", filters.map(|f| format!("{} filters", f.len()))),
        row("ListIPSets", ip_sets.map(|i| format!("{} trusted-IP lists", i.len()))),
    ]
}

async fn slack_rows(config: &Config, chat: &Client, post: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Access::Bot { .. } = config.slack.access {
        match chat.identity().await {
            Ok(who) => {
                rows.push(Row::ok("Slack token", format!("{} in {}", who.user, who.team)));
                rows.extend(scope_rows(|scope| who.has(scope)));
            }
            Err(e) => {
                let mend =
                    slack_mend(&e, "install the app (slack-manifest.yaml) and set SLACK_BOT_TOKEN to its xoxb- token");
                rows.push(Row::failed("Slack token", e, mend));
                // Every channel would say the same.
                return rows;
            }
        }
    }
    for target in targets(config) {
        rows.push(if post { post_sample(chat, &target).await } else { target_row(&target, chat.probe(&target).await) });
    }
    rows
}

fn scope_rows(has: impl Fn(&str) -> bool) -> Vec<Row> {
    let mut rows = vec![match has("chat:write") {
        true => Row::ok("Slack scope chat:write", "granted"),
        false => Row::failed("Slack scope chat:write", "missing", "add it to the app and install it anew"),
    }];
    for (scope, channels) in [("channels:history", "public"), ("groups:history", "private")] {
        rows.push(match has(scope) {
            true => Row::ok(format!("Slack scope {scope}"), "granted"),
            false => Row::warning(
                format!("Slack scope {scope}"),
                format!("missing: in {channels} channels a message can repeat after a crash"),
                "add it to the app and install it anew",
            ),
        });
    }
    rows
}

/// Slack that cannot be reached is no matter of the app's.
fn slack_mend(failure: &Failure, mend: &'static str) -> &'static str {
    if failure.is_transient() {
        "can Slack be reached? see SLACK_API_URL, HTTPS_PROXY and the NetworkPolicy"
    } else {
        mend
    }
}

const INVITE: &str = "invite the app to the channel (/invite), or correct SLACK_CHANNEL or SLACK_ROUTES";

fn target_row(target: &Target, proof: Result<Proof, Failure>) -> Row {
    let what = format!("Slack {}", target.name());
    match proof {
        Ok(Proof::Accepts) => Row::ok(what, "takes messages"),
        Ok(Proof::Unproven(why)) => Row::warning(what, why, "`check --post` posts a sample there"),
        Err(e) => {
            let mend = slack_mend(&e, INVITE);
            Row::failed(what, e, mend)
        }
    }
}

async fn post_sample(chat: &Client, target: &Target) -> Row {
    let what = format!("Slack {} post", target.name());
    let notice = Notice {
        id: format!("sample-{}", Clock::system().now().0),
        title: "this is a sample: guardduty-slack can post here".into(),
        lines: vec!["sent by `guardduty-slack check --post`; no finding, nothing to do".into()],
        level: Level::Info,
    };
    match chat.post(target, &message::notice(&notice, Form::Full), None).await {
        Ok(_) => Row::ok(what, "a sample was posted"),
        Err(e) => {
            let mend = slack_mend(&e, INVITE);
            Row::failed(what, e, mend)
        }
    }
}

/// The default channel and every route's, each once.
fn targets(config: &Config) -> Vec<Target> {
    let routed = config.routes.0.iter().filter_map(|r| match &r.to {
        RouteTo::Target(target) => Some(target.clone()),
        RouteTo::Drop => None,
    });
    let mut seen = BTreeSet::new();
    let all = std::iter::once(config.slack.access.default_target()).chain(routed);
    all.filter(|t| seen.insert(t.name().to_owned())).collect()
}

async fn state_rows(config: &Config, requests: Requests) -> Vec<Row> {
    let mut store = Backing::new(&config.state, requests);
    let what = match &config.state.configmap {
        Some(name) => format!("ConfigMap {name}"),
        None => format!("state file {}", config.state.file.display()),
    };
    let (unread, unwritten) = match config.state.configmap {
        Some(_) => (
            "is STATE_CONFIGMAP there, may the Role get and patch it by name, does the NetworkPolicy allow the API server?",
            "may the Role patch it by name, and does the API server answer?",
        ),
        None => ("correct STATE_FILE, or its permissions", "make STATE_FILE's folder writable, or choose another"),
    };
    let store::Loaded { source, replay } = store.load().await;
    let read = match source {
        store::Source::New => Row::ok(format!("{what} read"), "no state yet: the first run starts afresh"),
        store::Source::Primary(text) => match State::parse(&text) {
            Ok(state) => {
                Row::ok(format!("{what} read"), format!("{} sources, {} bytes", state.sources.len(), text.len()))
            }
            Err(e) => Row::failed(format!("{what} read"), e, "see «A damaged state» in docs/operations.md"),
        },
        store::Source::Copy { why, .. } | store::Source::Unreadable(why) => {
            // What is not read is not written either.
            return vec![Row::failed(format!("{what} read"), why, unread)];
        }
    };
    let write = match store.probe().await {
        Ok(()) => Row::ok(format!("{what} write"), "permitted"),
        Err(e) => Row::failed(format!("{what} write"), e, unwritten),
    };
    let replay = replay.map(|text| match store::replay_since(&text, Clock::system().now()) {
        Ok(since) => Row::ok("replay", format!("the next run announces anew what was updated since {}", since.iso())),
        Err(e) => Row::failed("replay", e, "no run succeeds until then"),
    });
    [read, write].into_iter().chain(replay).collect()
}

async fn gateway_rows(gateway: Option<&Pushgateway>, client: &reqwest::Client) -> Vec<Row> {
    let Some(gateway) = gateway else { return Vec::new() };
    let request = client.get(format!("{}/-/ready", gateway.url)).timeout(Duration::from_secs(5));
    let row = match with_auth(request, gateway).send().await {
        Ok(answer) if matches!(answer.status().as_u16(), 401 | 403) => Row::failed(
            "Pushgateway",
            format!("answers {}", answer.status()),
            "correct PUSHGATEWAY_USERNAME and PUSHGATEWAY_PASSWORD",
        ),
        Ok(answer) if answer.status().is_success() => Row::ok("Pushgateway", "ready"),
        Ok(answer) => Row::failed("Pushgateway", format!("answers {}", answer.status()), "correct PUSHGATEWAY_URL"),
        Err(e) => Row::failed("Pushgateway", http::describe(e), "correct PUSHGATEWAY_URL, or unset it"),
    };
    vec![row]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Credentials;

    #[tokio::test]
    async fn a_gateway_that_wants_a_password_is_asked_with_it() {
        use axum::http::{HeaderMap, StatusCode};

        async fn guarded(headers: HeaderMap) -> StatusCode {
            let known = headers.get("authorization").is_some_and(|auth| auth == "Basic cHVzaGVyOnMzY3JldA==");
            if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
        }
        http::install_crypto();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(guarded)).await });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for (password, verdict) in [("s3cret", Verdict::Ok), ("stale", Verdict::Failed)] {
            let auth = Some(Credentials { username: "pusher".into(), password: password.into() });
            let gateway = Pushgateway { url: url.clone(), job: "j".into(), labels: Default::default(), auth };
            let rows = gateway_rows(Some(&gateway), &client).await;
            assert_eq!(rows[0].verdict, verdict, "{rows:?}");
        }
    }
}
