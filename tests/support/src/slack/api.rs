//! What Slack answers: the methods of the Web API, webhooks, and what is refused.

use serde_json::{Map, Value, json};

use super::history::reactions;
use super::{Message, OWN_BOT, Slack, THROTTLED, TOKEN, blockkit, text};
use crate::journal::Call;
use crate::scripted_faults::Peer;
use crate::server::{Reply, Request};

fn throttle() -> Reply {
    Reply::json(429, &json!({ "ok": false, "error": THROTTLED })).with("retry-after", 1)
}

impl Slack {
    fn webhook_channel(&self, path: &str) -> Option<String> {
        self.lock().webhooks.iter().find(|(p, _)| p == path).map(|(_, c)| c.clone())
    }

    fn post_webhook(&self, path: &str, payload: &Value) -> Reply {
        let Some(channel) = self.webhook_channel(path) else {
            return Reply::text(404, "text/plain", "no_service");
        };
        if !self.lock().may_post(&channel) {
            return throttle();
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
            "blocks.validate" => match blockkit::refusal(&json!({ "text": "x", "blocks": arguments["blocks"] })) {
                Some((error, _)) => Err(error.into()),
                None => Ok(json!({})),
            },
            "reactions.get" => self.reactions_of(arguments),
            "users.info" => {
                let user = text(arguments, "user");
                Ok(json!({ "user": { "id": user, "name": user.to_lowercase(), "is_bot": user.contains("BOT") } }))
            }
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
            "reactions.get" => "reactions:read",
            "users.info" => "users:read",
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
        let rejects = self.lock().rejects;
        if let Some(error) = rejects(arguments) {
            return Err(error.into());
        }
        if let Some(error) = self.refusal("chat.postMessage", arguments) {
            return Err(error);
        }
        let mut inner = self.lock();
        let thread = text(arguments, "thread_ts").to_owned();
        let exists = |m: &Message| m.channel == channel.id && m.ts == thread && !m.deleted;
        if !thread.is_empty() && !inner.messages.iter().any(exists) {
            return Err("thread_not_found".into());
        }
        let mut payload = arguments.clone();
        inner.discard(&mut payload);
        let ts = inner.store(&channel.id, payload, &thread, OWN_BOT);
        let shown = inner.messages.last().map(|m| inner.shown(m, false));
        Ok(json!({ "channel": channel.id, "ts": ts, "message": shown }))
    }

    /// What is not sent again stays: metadata, attachments and, without a new text, the blocks.
    fn update(&self, arguments: &Value) -> Result<Value, String> {
        let channel = self.lock().by_id(text(arguments, "channel"))?.clone();
        let exists = |m: &&mut Message| m.channel == channel.id && m.ts == text(arguments, "ts") && !m.deleted;
        let mut inner = self.lock();
        let message = inner.messages.iter_mut().find(exists).ok_or("message_not_found")?;
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
        inner.discard(&mut new);
        if let Some(message) = inner.messages.iter_mut().find(|m| m.ts == ts) {
            message.versions.push(new.clone());
            message.payload = new;
        }
        Ok(json!({ "channel": channel.id, "ts": ts, "text": arguments["text"] }))
    }

    fn reactions_of(&self, arguments: &Value) -> Result<Value, String> {
        let inner = self.lock();
        let channel = inner.by_id(text(arguments, "channel"))?;
        let exists = |m: &&Message| m.channel == channel.id && m.ts == text(arguments, "timestamp") && !m.deleted;
        let message = inner.messages.iter().find(exists).ok_or("message_not_found")?;
        let limit = if text(arguments, "full") == "true" { usize::MAX } else { 3 };
        Ok(
            json!({ "type": "message", "channel": channel.id, "message": { "ts": message.ts, "reactions": reactions(message, limit) } }),
        )
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
        if payload["text"].as_str().is_none_or(|t| t.trim().is_empty() || t.contains('\n')) {
            self.stage.violation(format!("{operation} without a one-line text: {}", payload["text"]));
        }
        if operation != "chat.update" && (payload["unfurl_links"] != false || payload["unfurl_media"] != false) {
            self.stage.violation(format!("{operation} that can unfurl"));
        }
    }

    /// Arguments that a method does not document, and JSON where a method that reads takes a query or a form.
    fn audit_arguments(&self, operation: &str, request: &Request, arguments: &Value) {
        let known = documented(operation);
        for name in arguments.as_object().into_iter().flat_map(Map::keys).filter(|n| !known.contains(&n.as_str())) {
            self.stage.violation(format!("{operation} does not know the argument {name}"));
        }
        if !matches!(operation, "chat.postMessage" | "chat.update" | "webhook") && is_json(request) {
            self.stage.violation(format!("{operation} takes no JSON"));
        }
    }
}

/// The arguments of a method, as far as the program may use them.
fn documented(operation: &str) -> &'static [&'static str] {
    match operation {
        "chat.postMessage" => &[
            "attachments",
            "blocks",
            "channel",
            "metadata",
            "mrkdwn",
            "parse",
            "reply_broadcast",
            "text",
            "thread_ts",
            "unfurl_links",
            "unfurl_media",
        ],
        "chat.update" => &["attachments", "blocks", "channel", "metadata", "parse", "reply_broadcast", "text", "ts"],
        "conversations.history" => {
            &["channel", "cursor", "include_all_metadata", "inclusive", "latest", "limit", "oldest"]
        }
        "conversations.replies" => {
            &["channel", "cursor", "include_all_metadata", "inclusive", "latest", "limit", "oldest", "ts"]
        }
        "blocks.validate" => &["blocks"],
        "reactions.get" => &["channel", "file", "file_comment", "full", "timestamp"],
        "users.info" => &["include_locale", "user"],
        "conversations.info" => &["channel", "include_locale", "include_num_members"],
        "conversations.list" => &["cursor", "exclude_archived", "limit", "team_id", "types"],
        "webhook" => &["attachments", "blocks", "metadata", "text", "unfurl_links", "unfurl_media"],
        _ => &[],
    }
}

fn is_json(request: &Request) -> bool {
    request.header("content-type").contains("json")
}

/// Query, form and JSON arguments in one object; a form's `blocks` and the like are JSON in text.
fn arguments(request: &Request) -> Value {
    let mut all: Map<String, Value> = request.query.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
    if is_json(request) {
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
        let payload = &arguments["metadata"]["event_payload"];
        let named = ["finding_id", "digest_id", "notice_id"].iter().find_map(|n| payload[*n].as_str());
        Call { service: "slack", operation, detail: named.unwrap_or_default().into(), place }
    }

    fn answer(&self, call: &Call, request: &Request) -> Reply {
        let arguments = arguments(request);
        self.audit_arguments(&call.operation, request, &arguments);
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
            Err(error) if error == THROTTLED => throttle(),
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
