//! Slack as far as the program sees it: the Web API, incoming webhooks, their limits and their errors.

pub mod blockkit;
mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::findings::now;
use crate::journal::Call;
use crate::server::{Reply, Request};
use crate::stage::{Peer, Stage};

/// The program's own `bot_id`, as `auth.test` tells it.
pub const OWN_BOT: &str = "B0GUARDDUTY";
/// The bot token that the fake accepts.
pub const TOKEN: &str = "xoxb-1111-2222-fakeBotTokenNeverPrinted";
/// The default channel's id; its name is `security`.
pub const CHANNEL: &str = "C0SECURITY";

/// Slack takes one message a second and channel, and tolerates short bursts.
const BURST: f64 = 10.0;
const THROTTLED: &str = "ratelimited";

/// A message as it stands now, and every payload that it ever had.
#[derive(Clone, Debug)]
pub struct Message {
    pub channel: String,
    pub ts: String,
    /// Empty for a message at top level.
    pub thread: String,
    pub bot: String,
    pub payload: Value,
    pub versions: Vec<Value>,
    /// Deleted by hand: no longer in the channel.
    pub deleted: bool,
    /// The error that an update of it gets, such as `edit_window_closed`.
    pub frozen: Option<String>,
    posted: Instant,
}

impl Message {
    pub fn event_type(&self) -> &str {
        self.payload["metadata"]["event_type"].as_str().unwrap_or_default()
    }

    /// A member of the metadata's payload as text.
    pub fn told(&self, member: &str) -> String {
        match &self.payload["metadata"]["event_payload"][member] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// Everything that a reader sees of it.
    pub fn visible(&self) -> String {
        blockkit::visible(&self.payload)
    }
}

#[derive(Clone, Debug)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub private: bool,
    pub member: bool,
    pub archived: bool,
}

impl Channel {
    pub fn new(id: &str, name: &str) -> Self {
        Self { id: id.into(), name: name.into(), private: false, member: true, archived: false }
    }
}

/// Whether a payload is refused, whatever Slack's rules say.
pub type Refusal = fn(&Value) -> bool;

pub(crate) struct Inner {
    pub channels: Vec<Channel>,
    pub messages: Vec<Message>,
    pub scopes: BTreeSet<String>,
    /// Path of a webhook and the channel it posts to.
    webhooks: Vec<(String, String)>,
    /// How long history does not show a message yet.
    pub lag: Duration,
    /// Messages a page of history at most.
    pub page: usize,
    refuses: Refusal,
    posted: u64,
    /// By channel: what is left of its burst, and since when.
    buckets: BTreeMap<String, (f64, Instant)>,
}

#[derive(Clone)]
pub struct Slack {
    stage: Stage,
    inner: Arc<Mutex<Inner>>,
}

impl Slack {
    pub(crate) fn new(stage: Stage) -> Self {
        let scopes = ["chat:write", "channels:history", "groups:history"];
        let private = Channel { private: true, ..Channel::new("G0PRIVATE", "sec-private") };
        let outside = Channel { member: false, ..Channel::new("C0OUTSIDE", "outside") };
        let inner = Inner {
            channels: vec![
                Channel::new(CHANNEL, "security"),
                Channel::new("C0CRITICAL", "sec-critical"),
                private,
                outside,
            ],
            messages: Vec::new(),
            scopes: scopes.into_iter().map(Into::into).collect(),
            webhooks: Vec::new(),
            lag: Duration::ZERO,
            page: 999,
            refuses: |_| false,
            posted: 0,
            buckets: BTreeMap::new(),
        };
        Self { stage, inner: Arc::new(Mutex::new(inner)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of an incoming webhook into a channel; it is a secret.
    pub fn webhook(&self, name: &str, channel: &str) -> String {
        let path = format!("/services/T0TEAM/{name}/fakeWebhookSecret{name}");
        self.lock().webhooks.push((path.clone(), channel.into()));
        path
    }

    pub fn channel(&self, channel: Channel) {
        let mut inner = self.lock();
        inner.channels.retain(|c| c.id != channel.id);
        inner.channels.push(channel);
    }

    /// The name, without `#`, of a channel by its id.
    pub fn channel_name(&self, id: &str) -> String {
        self.lock().by_id(id).map(|c| c.name.clone()).unwrap_or_default()
    }

    pub fn scopes<'a>(&self, scopes: impl IntoIterator<Item = &'a str>) {
        self.lock().scopes = scopes.into_iter().map(Into::into).collect();
    }

    pub fn lag(&self, lag: Duration) {
        self.lock().lag = lag;
    }

    pub fn page(&self, size: usize) {
        self.lock().page = size;
    }

    /// Refuses, as invalid blocks or arguments, every payload of which `refuses` says so.
    pub fn refuse(&self, refuses: Refusal) {
        self.lock().refuses = refuses;
    }

    /// All messages that the program ever posted, in order, those deleted since included.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.iter().filter(|m| m.bot == OWN_BOT).cloned().collect()
    }

    /// A message of somebody else's bot, with whatever metadata it likes; its `ts`.
    pub fn plant(&self, channel: &str, payload: Value) -> String {
        self.lock().store(channel, payload, "", "B0STRANGER")
    }

    /// What a person does by hand.
    pub fn delete(&self, ts: &str) {
        self.lock().messages.iter_mut().filter(|m| m.ts == ts).for_each(|m| m.deleted = true);
    }

    /// From now on updates of this message get an error, such as `edit_window_closed`.
    pub fn freeze(&self, ts: &str, error: &str) {
        self.lock().messages.iter_mut().filter(|m| m.ts == ts).for_each(|m| m.frozen = Some(error.into()));
    }

    fn throttle(&self) -> Reply {
        Reply::json(429, &json!({ "ok": false, "error": THROTTLED })).with("retry-after", 1)
    }

    fn webhook_channel(&self, path: &str) -> Option<String> {
        self.lock().webhooks.iter().find(|(p, _)| p == path).map(|(_, c)| c.clone())
    }

    fn post_webhook(&self, path: &str, payload: &Value) -> Reply {
        let Some(channel) = self.webhook_channel(path) else {
            return Reply::text(404, "text/plain", "no_service");
        };
        if !self.lock().may_post(&channel) {
            return self.throttle();
        }
        if let Some(error) = self.refusal("webhook", payload) {
            return Reply::text(400, "text/plain", error);
        }
        self.lock().store(&channel, payload.clone(), "", OWN_BOT);
        Reply::text(200, "text/plain", "ok")
    }

    fn api(&self, operation: &str, arguments: &Value) -> Result<Value, String> {
        self.scope_for(operation, arguments)?;
        match operation {
            "auth.test" => Ok(json!({
                "url": "https://fake.slack.com/", "team": "Fake", "user": "guardduty", "team_id": "T0TEAM", "user_id": "U0GUARDDUTY", "bot_id": OWN_BOT,
            })),
            "chat.postMessage" => self.post(arguments),
            "chat.update" => self.update(arguments),
            "conversations.history" => self.lock().history(arguments),
            "conversations.replies" => self.lock().replies(arguments),
            "conversations.info" => {
                let inner = self.lock();
                let channel = inner.by_id(text(arguments, "channel"))?;
                Ok(json!({ "channel": {
                    "id": channel.id, "name": channel.name, "is_member": channel.member, "is_archived": channel.archived, "is_private": channel.private,
                }}))
            }
            _ => Err("unknown_method".into()),
        }
    }

    fn scope_for(&self, operation: &str, arguments: &Value) -> Result<(), String> {
        let inner = self.lock();
        let private = inner.by_id(text(arguments, "channel")).is_ok_and(|c| c.private);
        let scope = match operation {
            "chat.postMessage" | "chat.update" => "chat:write",
            "conversations.history" | "conversations.replies" if private => "groups:history",
            "conversations.history" | "conversations.replies" => "channels:history",
            "conversations.info" => "channels:read",
            _ => return Ok(()),
        };
        if inner.scopes.contains(scope) { Ok(()) } else { Err("missing_scope".into()) }
    }

    fn post(&self, arguments: &Value) -> Result<Value, String> {
        let channel = self.lock().by_name(text(arguments, "channel"))?;
        if channel.archived {
            return Err("is_archived".into());
        }
        if !channel.member {
            return Err("not_in_channel".into());
        }
        if !self.lock().may_post(&channel.id) {
            return Err(THROTTLED.into());
        }
        if let Some(error) = self.refusal("chat.postMessage", arguments) {
            return Err(error);
        }
        let mut inner = self.lock();
        let thread = text(arguments, "thread_ts").to_owned();
        let stands = |m: &Message| m.channel == channel.id && m.ts == thread && !m.deleted;
        if !thread.is_empty() && !inner.messages.iter().any(stands) {
            return Err("thread_not_found".into());
        }
        let ts = inner.store(&channel.id, arguments.clone(), &thread, OWN_BOT);
        let shown = inner.messages.last().map(|m| inner.shown(m, false));
        Ok(json!({ "channel": channel.id, "ts": ts, "message": shown }))
    }

    /// What is not sent again stays: metadata, attachments and, without a new text, the blocks.
    fn update(&self, arguments: &Value) -> Result<Value, String> {
        let channel = self.lock().by_id(text(arguments, "channel"))?.clone();
        let standing = |m: &&mut Message| m.channel == channel.id && m.ts == text(arguments, "ts") && !m.deleted;
        let mut inner = self.lock();
        let message = inner.messages.iter_mut().find(standing).ok_or("message_not_found")?;
        if let Some(error) = &message.frozen {
            return Err(error.clone());
        }
        if message.bot != OWN_BOT {
            return Err("cant_update_message".into());
        }
        let mut new = message.payload.clone();
        if !arguments["text"].is_null() {
            new.as_object_mut().map(|m| m.remove("blocks"));
        }
        for (name, value) in arguments.as_object().into_iter().flatten() {
            new[name] = value.clone();
        }
        let ts = message.ts.clone();
        drop(inner);
        if let Some(error) = self.refusal("chat.update", &new) {
            return Err(error);
        }
        let mut inner = self.lock();
        if let Some(message) = inner.messages.iter_mut().find(|m| m.ts == ts) {
            message.versions.push(new.clone());
            message.payload = new;
        }
        Ok(json!({ "channel": channel.id, "ts": ts, "text": arguments["text"] }))
    }

    fn refusal(&self, operation: &str, payload: &Value) -> Option<String> {
        self.audit(operation, payload);
        if let Some((error, why)) = blockkit::refusal(payload) {
            self.stage.violation(format!("Slack refuses a {operation}: {error}: {why}"));
            return Some(error.into());
        }
        let refuses = self.lock().refuses;
        let blocks = !blockkit::block_lists(payload).is_empty();
        refuses(payload).then(|| if blocks { "invalid_blocks".into() } else { "invalid_arguments".into() })
    }

    /// What holds of every message whatever a test is about.
    fn audit(&self, operation: &str, payload: &Value) {
        const KNOWN: [&str; 12] = [
            "channel",
            "text",
            "blocks",
            "attachments",
            "metadata",
            "thread_ts",
            "reply_broadcast",
            "unfurl_links",
            "unfurl_media",
            "mrkdwn",
            "parse",
            "ts",
        ];
        for name in payload.as_object().into_iter().flat_map(Map::keys).filter(|n| !KNOWN.contains(&n.as_str())) {
            self.stage.violation(format!("{operation} does not know the argument {name}"));
        }
        if payload["text"].as_str().is_none_or(|t| t.trim().is_empty() || t.contains('\n')) {
            self.stage.violation(format!("{operation} without a one-line text: {}", payload["text"]));
        }
        if operation != "chat.update" && (payload["unfurl_links"] != false || payload["unfurl_media"] != false) {
            self.stage.violation(format!("{operation} that can unfurl"));
        }
    }
}

/// An argument as text, or the empty string.
pub(crate) fn text<'a>(arguments: &'a Value, name: &str) -> &'a str {
    arguments[name].as_str().unwrap_or_default()
}

impl Inner {
    fn by_id(&self, id: &str) -> Result<&Channel, String> {
        self.channels.iter().find(|c| c.id == id).ok_or_else(|| "channel_not_found".into())
    }

    fn by_name(&self, name: &str) -> Result<Channel, String> {
        let bare = name.trim_start_matches('#');
        self.channels.iter().find(|c| c.id == name || c.name == bare).cloned().ok_or_else(|| "channel_not_found".into())
    }

    /// Whether the channel's bucket holds one more message; takes it out.
    fn may_post(&mut self, channel: &str) -> bool {
        let (left, since) = self.buckets.get(channel).copied().unwrap_or((BURST, Instant::now()));
        let left = (left + since.elapsed().as_secs_f64()).min(BURST);
        let may = left >= 1.0;
        self.buckets.insert(channel.into(), (if may { left - 1.0 } else { left }, Instant::now()));
        may
    }

    fn store(&mut self, channel: &str, payload: Value, thread: &str, bot: &str) -> String {
        self.posted += 1;
        let ts = format!("{}.{:06}", now() / 1000, self.posted);
        self.messages.push(Message {
            channel: channel.into(),
            ts: ts.clone(),
            thread: thread.into(),
            bot: bot.into(),
            versions: vec![payload.clone()],
            payload,
            deleted: false,
            frozen: None,
            posted: Instant::now(),
        });
        ts
    }
}

/// Query, form and JSON arguments in one object; a form's `blocks` and the like are JSON in text.
fn arguments(request: &Request) -> Value {
    let mut all: Map<String, Value> = request.query.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
    if request.header("content-type").contains("json") {
        all.extend(request.json().as_object().cloned().unwrap_or_default());
    } else {
        for (name, value) in request.form() {
            let parsed = matches!(name.as_str(), "blocks" | "attachments" | "metadata")
                .then(|| serde_json::from_str(&value).ok());
            all.insert(name, parsed.flatten().unwrap_or(Value::String(value)));
        }
    }
    Value::Object(all)
}

impl Peer for Slack {
    fn call(&self, request: &Request) -> Call {
        let arguments = arguments(request);
        let (operation, place) = match request.path.strip_prefix("/api/") {
            Some(method) => (method.to_owned(), text(&arguments, "channel").to_owned()),
            None => ("webhook".to_owned(), self.webhook_channel(&request.path).unwrap_or_default()),
        };
        let told = &arguments["metadata"]["event_payload"];
        let named = ["finding_id", "digest_id", "notice_id"].iter().find_map(|n| told[*n].as_str());
        Call { service: "slack", operation, detail: named.unwrap_or_default().into(), place }
    }

    fn answer(&self, call: &Call, request: &Request) -> Reply {
        let arguments = arguments(request);
        if call.operation == "webhook" {
            return self.post_webhook(&request.path, &arguments);
        }
        if request.header("authorization") != format!("Bearer {TOKEN}") {
            return self.error(call, "invalid_auth");
        }
        let scopes = self.lock().scopes.iter().cloned().collect::<Vec<_>>().join(",");
        let reply = match self.api(&call.operation, &arguments) {
            Ok(mut answer) => {
                answer["ok"] = json!(true);
                Reply::json(200, &answer)
            }
            Err(error) if error == THROTTLED => self.throttle(),
            Err(error) => self.error(call, &error),
        };
        reply.with("x-oauth-scopes", scopes)
    }

    fn status(&self, call: &Call, status: u16) -> Reply {
        match status {
            429 if call.operation != "webhook" => Reply::json(429, &json!({ "ok": false, "error": "ratelimited" })),
            _ => Reply::text(status, "text/plain", "upstream error"),
        }
    }

    fn error(&self, call: &Call, name: &str) -> Reply {
        match call.operation.as_str() {
            "webhook" => Reply::text(400, "text/plain", name),
            _ => Reply::json(200, &json!({ "ok": false, "error": name })),
        }
    }

    fn accepted(&self, reply: &Reply) -> bool {
        reply.status < 300
            && (reply.body == b"ok" || serde_json::from_slice::<Value>(&reply.body).is_ok_and(|v| v["ok"] == true))
    }
}
