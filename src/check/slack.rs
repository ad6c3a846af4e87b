//! Checks the token, its scopes, the blocks of messages, and every channel.

use super::table::CheckResult;
use super::{hint, metadata, samples};
use crate::config::{Config, SlackAuth, Target};
use crate::message::{self, MessageForm, Notice, NoticeId, NoticeLevel};
use crate::slack::{Client, ProbeResult, SlackApi, SlackError};
use crate::time::Timestamp;

pub(super) const REINSTALL: &str = "add the scope and reinstall the app";
const CHANNEL_HINT: &str = "invite the app to the channel (/invite), or correct SLACK_CHANNEL or SLACK_ROUTES";

pub(super) async fn rows(config: &Config, chat: &Client, post: bool) -> Vec<CheckResult> {
    let mut rows = Vec::new();
    if let SlackAuth::Bot { .. } = config.slack.access {
        match chat.identity().await {
            Ok(identity) => {
                rows.push(CheckResult::ok("Slack token", format!("{} in {}", identity.user, identity.team)));
                rows.extend(check_scopes(|scope| identity.has_scope(scope)));
                rows.extend(config.slack.triage.as_ref().map(|_| triage_row(identity.has_scope("reactions:read"))));
            }
            Err(failure) => {
                let rejected = "install the app (slack-manifest.yaml) and set SLACK_BOT_TOKEN to its xoxb- token";
                rows.push(CheckResult::failed("Slack token", &failure, hint::for_slack(&failure, rejected)));
                // Every channel would fail for the same reason.
                return rows;
            }
        }
    }
    if let SlackAuth::Bot { .. } = config.slack.access {
        rows.push(blocks_row(chat).await);
    }
    match post {
        true => rows.extend(post_rows(config, chat).await),
        false => {
            for target in config.targets() {
                rows.push(channel_result(&target, chat.probe(&target).await));
            }
        }
    }
    rows
}

fn check_scopes(has: impl Fn(&str) -> bool) -> Vec<CheckResult> {
    let mut rows = vec![match has("chat:write") {
        true => CheckResult::ok("Slack scope chat:write", "granted"),
        false => CheckResult::failed("Slack scope chat:write", "missing", REINSTALL),
    }];
    for (scope, channels) in [("channels:history", "public"), ("groups:history", "private")] {
        let name = format!("Slack scope {scope}");
        let missing = format!("missing: messages in {channels} channels can be duplicated after a crash");
        rows.push(if has(scope) {
            CheckResult::ok(name, "granted")
        } else {
            CheckResult::warning(name, missing, REINSTALL)
        });
    }
    rows
}

/// A run without the scope still announces findings.
fn triage_row(has_scope: bool) -> CheckResult {
    let name = "Slack scope reactions:read";
    if has_scope {
        CheckResult::ok(name, "granted")
    } else {
        CheckResult::warning(name, "missing: SLACK_TRIAGE has no effect", REINSTALL)
    }
}

fn channel_result(target: &Target, proof: Result<ProbeResult, SlackError>) -> CheckResult {
    let name = format!("Slack {}", target.name());
    match proof {
        Ok(ProbeResult::Writable) => CheckResult::ok(name, "accepts messages"),
        Ok(ProbeResult::Unverified(reason)) => {
            CheckResult::warning(name, reason, "run `check --post` to post a test message")
        }
        Err(failure) => CheckResult::failed(name, &failure, hint::for_slack(&failure, CHANNEL_HINT)),
    }
}

/// Checks that Slack accepts the blocks of each kind of message. Not every workspace offers the method.
async fn blocks_row(chat: &Client) -> CheckResult {
    let name = "Slack message blocks";
    for (kind, message) in samples::messages() {
        match chat.validate_blocks(&message).await {
            Ok(()) => {}
            Err(SlackError::ContentRejected(reason)) => {
                let detail = format!("Slack rejects the blocks of a {kind}: {reason}");
                return CheckResult::warning(name, detail, "report this; until then, messages are sent as plain text");
            }
            Err(_) => return CheckResult::ok(name, "not verified: blocks.validate is not available"),
        }
    }
    CheckResult::ok(name, "accepted")
}

/// Posts a test message to every channel, and reads its metadata back if the history can be read.
async fn post_rows(config: &Config, chat: &Client) -> Vec<CheckResult> {
    let mut rows = Vec::new();
    let mut first_readable = None;
    for target in config.targets() {
        let (row, posted) = post_test_message(chat, target).await;
        rows.push(row);
        if let Some(posted) = posted {
            let row = metadata::posted_row(chat, &posted).await;
            first_readable = first_readable.or((!row.is_warning()).then_some(posted));
            rows.push(row);
        }
    }
    if let Some(test) = first_readable {
        rows.extend(metadata::other_rows(chat, &test).await);
    }
    rows
}

/// The posted message. `None` for a webhook, which does not return it.
async fn post_test_message(chat: &Client, target: Target) -> (CheckResult, Option<metadata::Posted>) {
    let name = format!("Slack {} post", target.name());
    let notice = Notice {
        id: NoticeId::new("test", Timestamp::from_system_clock()),
        title: "Test message: guardduty-slack can post to this channel".into(),
        lines: vec!["Sent by `guardduty-slack check --post`. Not a finding; no action needed".into()],
        level: NoticeLevel::Info,
    };
    let message = message::notice(&notice, MessageForm::Blocks);
    match chat.post_message(&target, &message, None).await {
        Ok(posted) => {
            let posted = posted.into_bot().map(|at| metadata::Posted { target, at, message });
            (CheckResult::ok(name, "test message posted"), posted)
        }
        Err(failure) => (CheckResult::failed(name, &failure, hint::for_slack(&failure, CHANNEL_HINT)), None),
    }
}
