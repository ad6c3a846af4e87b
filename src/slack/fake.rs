//! Slack on loopback for tests, which answers as scripted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use guardduty_slack_support::server::{Outcome, Reply, Request, Server};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Client, SentMessage, SlackApi, SlackError, Target};
use crate::config::SlackAuth;
use crate::http::{self, Timeouts};
use crate::message::{Message, MessageForm, Notice, NoticeId, NoticeLevel, notice};
use crate::metrics::RequestCounts;
use crate::time::Timestamp;

pub(super) struct FakeSlack {
    pub(super) client: Client,
    /// The webhook of this Slack.
    pub(super) hook: Target,
    counts: RequestCounts,
    requests: Arc<Mutex<Vec<Request>>>,
    _server: Option<Server>,
}

impl FakeSlack {
    /// Answers the requests in this order.
    pub(super) fn answering(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        Self::within(Duration::from_secs(30), outcomes)
    }

    /// With a client whose timeout is `total`.
    pub(super) fn within(total: Duration, outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let outcomes: Vec<Outcome> = outcomes.into_iter().collect();
        let outcomes = Mutex::new(outcomes.into_iter());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let journal = requests.clone();
        let server = Server::start(move |request, _| {
            journal.lock().unwrap().push(request);
            outcomes.lock().unwrap().next().expect("no more than the scripted requests")
        });
        let auth = SlackAuth::Bot { token: SecretString::from("xoxb-secret"), channel: "C1".into() };
        let timeouts = Timeouts { total, ..Timeouts::default() };
        let counts = RequestCounts::default();
        let api = format!("{}/api", server.url());
        let client = Client::new(http::client(timeouts).unwrap(), &auth, &api, counts.clone());
        let url = SecretString::from(format!("{}/services/secret", server.url()));
        let hook = Target::Webhook { name: "SLACK_WEBHOOK_URL".into(), url };
        Self { client, hook, counts, requests, _server: Some(server) }
    }

    /// Its port is closed.
    pub(super) fn stopped() -> Self {
        Self { _server: None, ..Self::answering([]) }
    }

    pub(super) async fn post(&self) -> Result<SentMessage, SlackError> {
        self.client.post_message(&Target::Channel("#security".into()), &message(), None).await
    }

    pub(super) async fn post_to_webhook(&self) -> Result<SentMessage, SlackError> {
        self.client.post_message(&self.hook, &message(), None).await
    }

    /// `operation code times`
    pub(super) fn counted(&self) -> Vec<String> {
        let counts = self.counts.take_counts().into_iter();
        counts.map(|((_, operation, code), n)| format!("{operation} {code} {n}")).collect()
    }

    /// The nth request.
    pub(super) fn request(&self, nth: usize) -> Request {
        self.requests.lock().unwrap()[nth].clone()
    }
}

/// Each answer ends its connection, so that no fault of one meets the next request.
pub(super) fn answer(status: u16, body: &str) -> Outcome {
    answer_with(status, &[], body)
}

pub(super) fn answer_with(status: u16, headers: &[(&str, &str)], body: &str) -> Outcome {
    let reply = Reply::text(status, "application/json", body).with("connection", "close");
    Outcome::Reply(headers.iter().fold(reply, |reply, (name, value)| reply.with(name, value)))
}

pub(super) fn ok(body: Value) -> Outcome {
    answer(200, &body.to_string())
}

pub(super) fn error(code: &str) -> Outcome {
    ok(json!({"ok": false, "error": code}))
}

/// The answer of `auth.test`.
pub(super) fn auth() -> Outcome {
    let body = json!({"ok": true, "url": "https://example.slack.com/", "team": "Example", "user": "guardduty", "bot_id": "B1"});
    answer_with(200, &[("x-oauth-scopes", "chat:write, channels:history")], &body.to_string())
}

pub(super) fn message() -> Message {
    let id = NoticeId::new("n", Timestamp(1));
    let content = Notice { id, title: "no saved state".into(), lines: Vec::new(), level: NoticeLevel::Info };
    notice(&content, MessageForm::Blocks)
}
