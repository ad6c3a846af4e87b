//! Tests of the client with a scripted server on loopback, which answers one request per connection.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Client, HistoryError, MessageRef, ProbeResult, SentMessage, SlackApi, SlackError, Target, WebhookMessage};
use crate::config::SlackAuth;
use crate::http::{self, Timeouts};
use crate::message::{Message, MessageForm, Notice, NoticeId, NoticeLevel, notice, redirect};
use crate::metrics::RequestCounts;
use crate::time::Timestamp;

enum Reply {
    /// status line and headers, body
    Whole(&'static str, String),
    /// Its content length is larger than its content.
    Cut(String),
    Reset,
    Never,
}

fn ok(body: Value) -> Reply {
    Reply::Whole("200 OK", body.to_string())
}

fn error(code: &str) -> Reply {
    ok(json!({"ok": false, "error": code}))
}

fn auth() -> Reply {
    let body = json!({"ok": true, "url": "https://example.slack.com/", "team": "Example", "user": "guardduty", "bot_id": "B1"});
    Reply::Whole("200 OK\r\nx-oauth-scopes: chat:write, channels:history", body.to_string())
}

/// The requests in order: head and body.
type Requests = Rc<RefCell<Vec<(String, String)>>>;

struct World {
    client: Client,
    requests: RequestCounts,
    response: Requests,
    hook: Target,
}

impl World {
    async fn answering(replies: impl IntoIterator<Item = Reply> + 'static) -> Self {
        Self::within(Duration::from_secs(30), replies).await
    }

    /// With a client whose timeout is `total`.
    async fn within(total: Duration, replies: impl IntoIterator<Item = Reply> + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let response = Requests::default();
        tokio::task::spawn_local(serve(listener, replies, response.clone()));
        let timeouts = Timeouts { total, ..Timeouts::default() };
        let access = SlackAuth::Bot { token: SecretString::from("xoxb-secret"), channel: "C1".into() };
        let requests = RequestCounts::default();
        let client = Client::new(http::client(timeouts).unwrap(), &access, &format!("{base}/api"), requests.clone());
        let hook = Target::Webhook {
            name: "SLACK_WEBHOOK_URL".into(),
            url: SecretString::from(format!("{base}/services/secret")),
        };
        Self { client, requests, response, hook }
    }

    async fn post(&self) -> Result<super::Posted, SlackError> {
        self.client.post_message(&Target::Channel("#security".into()), &message(), None).await
    }

    fn counted(&self) -> Vec<String> {
        self.requests
            .take_counts()
            .into_iter()
            .map(|((_, operation, code), n)| format!("{operation} {code} {n}"))
            .collect()
    }

    fn asked(&self, nth: usize) -> (String, Value) {
        let (head, body) = self.response.borrow()[nth].clone();
        (head, serde_json::from_str(&body).unwrap_or_default())
    }
}

async fn serve(listener: TcpListener, replies: impl IntoIterator<Item = Reply>, response: Requests) {
    for reply in replies {
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = request(&mut stream).await;
        response.borrow_mut().push(asked);
        match reply {
            Reply::Whole(status, body) => {
                let head =
                    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                drop(stream.write_all(head.as_bytes()).await); // the client may have had enough of it
            }
            Reply::Cut(body) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len() * 2);
                stream.write_all(head.as_bytes()).await.unwrap();
            }
            Reply::Reset => stream.set_zero_linger().unwrap(),
            Reply::Never => drop(tokio::task::spawn_local(async move { (stream, std::future::pending::<()>().await) })),
        }
    }
}

async fn request(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ").and_then(|n| n.parse().ok()));
        if body.len() >= length.unwrap_or(0) {
            return (head.to_owned(), body.to_owned());
        }
    }
}

fn message() -> Message {
    notice(
        &Notice {
            id: NoticeId::new("n", Timestamp(1)),
            title: "no saved state".into(),
            lines: Vec::new(),
            level: NoticeLevel::Info,
        },
        MessageForm::Blocks,
    )
}

fn own(bot: &str, ts: &str, thread: Option<&str>) -> Value {
    json!({"bot_id": bot, "ts": ts, "thread_ts": thread, "metadata": {"event_type": "guardduty_notice", "event_payload": {"notice_id": ts}}})
}

async fn local<T>(test: impl Future<Output = T>) -> T {
    tokio::task::LocalSet::new().run_until(test).await
}

#[tokio::test]
async fn post_sends_json_with_the_token_and_returns_channel_and_timestamp() {
    local(async {
        let w = World::answering([ok(json!({"ok": true, "channel": "C1", "ts": "1.5"}))]).await;
        let thread = Some(("1.2", true));
        let posted = w.client.post_message(&Target::Channel("#security".into()), &message(), thread).await.unwrap();
        let at = MessageRef { channel: "C1".into(), ts: "1.5".into(), thread_ts: Some("1.2".into()) };
        assert_eq!(posted.at, SentMessage::Bot(at));
        let (head, body) = w.asked(0);
        assert!(head.starts_with("POST /api/chat.postMessage "), "{head}");
        assert!(
            head.contains("authorization: Bearer xoxb-secret")
                && head.contains("content-type: application/json; charset=utf-8"),
            "{head}"
        );
        assert_eq!(
            (&body["channel"], &body["thread_ts"], &body["reply_broadcast"]),
            (&json!("#security"), &json!("1.2"), &json!(true))
        );
        assert_eq!(
            (&body["unfurl_links"], &body["metadata"]["event_type"]),
            (&json!(false), &json!("guardduty_notice"))
        );
        assert_eq!(w.counted(), ["chat.postMessage ok 1"]);
    })
    .await;
}

#[tokio::test]
async fn unknown_outcome_differs_from_a_rejection() {
    local(async {
        let throttled = Reply::Whole("429 Too Many Requests\r\nretry-after: 7", String::new());
        let w = World::answering([
            throttled,
            Reply::Whole("503 Service Unavailable", "upstream".into()),
            Reply::Reset,
            Reply::Cut(r#"{"ok":true,"#.into()),
            ok(json!({"ok": true})),
            error("invalid_blocks"),
            error("not_in_channel"),
            Reply::Whole("302 Found\r\nlocation: http://127.0.0.1:9/", String::new()),
        ])
        .await;
        assert_eq!(w.post().await, Err(SlackError::RateLimited(Some(Duration::from_secs(7)))));
        for _ in 0..4 {
            assert!(matches!(w.post().await, Err(SlackError::OutcomeUnknown(_))));
        }
        assert_eq!(w.post().await, Err(SlackError::ContentRejected("invalid_blocks".into())));
        assert_eq!(w.post().await, Err(SlackError::ChannelRejected("not_in_channel".into())));
        let elsewhere = w.post().await.unwrap_err();
        assert!(matches!(&elsewhere, SlackError::AppRejected(why) if why.contains("SLACK_API_URL")), "{elsewhere}");
        assert_eq!(
            w.counted(),
            [
                "chat.postMessage http_302 1",
                "chat.postMessage http_503 1",
                "chat.postMessage invalid_blocks 1",
                "chat.postMessage network 2",
                "chat.postMessage not_in_channel 1",
                "chat.postMessage ok 1",
                "chat.postMessage ratelimited 1",
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_retry_after_that_is_a_date_counts_from_the_date_of_the_answer() {
    local(async {
        let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:50:07 GMT";
        let limited: [&'static str; 2] =
            [format!("429 Too Many Requests\r\n{date}").leak(), "429 Too Many Requests\r\nretry-after: soon"];
        let w = World::answering(limited.map(|status| Reply::Whole(status, String::new()))).await;
        assert_eq!(w.post().await, Err(SlackError::RateLimited(Some(Duration::from_secs(30)))));
        assert_eq!(w.post().await, Err(SlackError::RateLimited(None)));
    })
    .await;
}

#[tokio::test]
async fn missing_response_leaves_the_outcome_unknown() {
    local(async {
        let w = World::within(Duration::from_millis(200), [Reply::Never]).await;
        assert!(matches!(w.post().await, Err(SlackError::OutcomeUnknown(_))));
        assert_eq!(w.counted(), ["chat.postMessage timeout 1"]);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_larger_than_any_of_slacks_is_not_kept() {
    local(async {
        let padded = |bytes| ok(json!({"ok": true, "channel": "C1", "ts": "1.5", "padding": "x".repeat(bytes)}));
        let w = World::answering([padded(15_000_000), padded(17_000_000)]).await;
        assert!(w.post().await.is_ok());
        assert!(matches!(w.post().await, Err(SlackError::OutcomeUnknown(why)) if why.contains("too large")));
        assert_eq!(w.counted(), ["chat.postMessage ok 1", "chat.postMessage unreadable 1"]);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_refused_sent_nothing() {
    local(async {
        let w = World::answering([]).await;
        // The server has ended, its port is closed.
        tokio::task::yield_now().await;
        assert!(matches!(w.post().await, Err(SlackError::NotSent(_))));
        let hook = w.client.post_message(&w.hook, &message(), None).await.unwrap_err().to_string();
        assert!(hook.starts_with("not sent") && !hook.contains("secret"), "{hook}");
    })
    .await;
}

#[tokio::test]
async fn update_replaces_the_complete_message() {
    local(async {
        let w = World::answering([ok(json!({"ok": true})), error("edit_window_closed")]).await;
        let at = MessageRef { channel: "C1".into(), ts: "1.5".into(), thread_ts: None };
        w.client.update_message(&at, &redirect("f1", "C2", None, MessageForm::Minimal)).await.unwrap();
        let (head, body) = w.asked(0);
        assert!(head.starts_with("POST /api/chat.update "));
        assert_eq!((&body["channel"], &body["ts"], &body["parse"]), (&json!("C1"), &json!("1.5"), &json!("none")));
        assert_eq!((&body["blocks"], &body["attachments"], body.get("metadata")), (&json!([]), &json!([]), None));
        let arguments: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(arguments, ["attachments", "blocks", "channel", "parse", "text", "ts"]);
        assert_eq!(
            w.client.update_message(&at, &message()).await,
            Err(SlackError::MessageNotFound("edit_window_closed".into()))
        );
    })
    .await;
}

#[tokio::test]
async fn a_webhook_takes_a_message_with_its_metadata() {
    local(async {
        let words = [
            ("200 OK", "ok"),
            ("400 Bad Request", "invalid_blocks"),
            ("404 Not Found", "no_service"),
            ("500 Error", "rollup_error"),
        ];
        let w = World::answering(words.map(|(status, word)| Reply::Whole(status, word.into()))).await;
        let posted = w.client.post_message(&w.hook, &message(), None).await.unwrap();
        assert_eq!(posted.at, SentMessage::Webhook(WebhookMessage { variable: "SLACK_WEBHOOK_URL".into() }));
        let (head, body) = w.asked(0);
        assert!(head.starts_with("POST /services/secret ") && !head.contains("xoxb"));
        assert_eq!((&body["metadata"]["event_type"], body.get("channel")), (&json!("guardduty_notice"), None));
        assert_eq!(
            w.client.post_message(&w.hook, &message(), None).await,
            Err(SlackError::ContentRejected("invalid_blocks".into()))
        );
        assert_eq!(
            w.client.post_message(&w.hook, &message(), None).await,
            Err(SlackError::ChannelRejected("no_service".into()))
        );
        assert!(matches!(w.client.post_message(&w.hook, &message(), None).await, Err(SlackError::OutcomeUnknown(_))));
    })
    .await;
}

#[tokio::test]
async fn history_is_paginated_and_skips_other_bots() {
    local(async {
        let first = json!({"ok": true, "messages": [own("B1", "9.0", None), own("B2", "8.0", None), own("B1", "7.0", Some("6.0"))],
            "response_metadata": {"next_cursor": "p2=="}});
        let second = json!({"ok": true, "messages": [{"user": "U1", "text": "hello", "ts": "6.5"}, own("B1", "6.0", Some("6.0"))]});
        let w = World::answering([auth(), ok(first), ok(second)]).await;
        let read = w.client.history("C1", Timestamp(5_250)).await.unwrap();
        assert_eq!(read.iter().map(|m| m.ts.as_str()).collect::<Vec<_>>(), ["9.0", "6.0"]);
        assert_eq!(read[0].payload["notice_id"], json!("9.0"));
        assert!(w.asked(1).0.starts_with(
            "GET /api/conversations.history?channel=C1&oldest=5.250000&inclusive=true&limit=200&include_all_metadata=true HTTP"
        ));
        assert!(w.asked(2).0.contains("&cursor=p2%3D%3D "));
        assert_eq!(w.counted(), ["auth.test ok 1", "conversations.history ok 2"]);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_token_shows_not_that_older_messages_are_deleted() {
    local(async {
        let page = || ok(json!({"ok": true, "messages": [], "response_metadata": {"next_cursor": "same"}}));
        let last = ok(json!({"ok": true, "messages": [], "response_metadata": {"next_cursor": ""}}));
        let w = World::answering([auth(), page(), page(), page(), last]).await;
        let (repeated, pages) = w.client.recent_reactions("C1", "1.0", 9).await.unwrap();
        assert_eq!((repeated.has_older, pages), (true, 2));
        let (whole, pages) = w.client.recent_reactions("C1", "1.0", 9).await.unwrap();
        assert_eq!((whole.has_older, pages), (false, 2));
    })
    .await;
}

#[tokio::test]
async fn a_thread_shows_its_replies_without_its_parent() {
    local(async {
        let thread = json!({"ok": true, "messages": [own("B1", "6.0", Some("6.0")), own("B1", "7.0", Some("6.0")), own("B2", "8.0", Some("6.0"))]});
        let w = World::answering([auth(), ok(thread), error("thread_not_found")]).await;
        let read = w.client.replies("C1", "6.0", Timestamp(0)).await.unwrap();
        assert_eq!((read.len(), read[0].ts.as_str(), read[0].thread_ts.as_deref()), (1, "7.0", Some("6.0")));
        assert_eq!(w.client.replies("C1", "5.0", Timestamp(0)).await, Ok(Vec::new()), "a deleted thread");
    })
    .await;
}

#[tokio::test]
async fn missing_history_scope_differs_from_a_failed_request() {
    local(async {
        let page = || ok(json!({"ok": true, "messages": [], "response_metadata": {"next_cursor": "same"}}));
        let w = World::answering([auth(), error("missing_scope"), error("not_in_channel"), page(), page()]).await;
        assert_eq!(w.client.history("C1", Timestamp(0)).await, Err(HistoryError::Denied("missing_scope".into())));
        assert_eq!(w.client.history("C1", Timestamp(0)).await, Err(HistoryError::Channel("not_in_channel".into())));
        assert_eq!(
            w.client.history("C1", Timestamp(0)).await,
            Err(HistoryError::Unavailable("pagination token repeated".into()))
        );
    })
    .await;
}

#[tokio::test]
async fn a_throttled_history_is_waited_for() {
    local(async {
        let throttled = Reply::Whole("429 Too Many Requests\r\nretry-after: 0", String::new());
        let w = World::answering([throttled, auth()]).await;
        let identity = w.client.identity().await.unwrap();
        assert!(identity.has_scope("channels:history") && !identity.has_scope("groups:history"));
        let at = MessageRef { channel: "C1".into(), ts: "7.000001".into(), thread_ts: Some("6.0".into()) };
        let link = w.client.permalink(&at).await.unwrap();
        assert_eq!(link, "https://example.slack.com/archives/C1/p7000001?thread_ts=6.0&cid=C1");
        assert_eq!(w.counted(), ["auth.test ok 1", "auth.test ratelimited 1"]);
    })
    .await;
}

#[tokio::test]
async fn a_probe_proves_what_the_scopes_allow() {
    local(async {
        let info = |archived: bool, member: bool| {
            ok(json!({"ok": true, "channel": {"id": "C1", "is_archived": archived, "is_member": member}}))
        };
        let empty = || ok(json!({"ok": true, "messages": []}));
        let w = World::answering([
            info(false, true),
            info(true, true),
            error("missing_scope"),
            empty(),
            error("missing_scope"),
            error("missing_scope"),
            error("channel_not_found"),
            error("missing_scope"),
            error("missing_scope"),
            Reply::Whole("400 Bad Request", "no_text".into()),
            Reply::Whole("404 Not Found", "no_service".into()),
        ])
        .await;
        let id = Target::Channel("C1".into());
        assert_eq!(w.client.probe(&id).await, Ok(ProbeResult::Writable));
        assert_eq!(w.client.probe(&id).await, Err(SlackError::ChannelRejected("is_archived".into())));
        assert_eq!(w.client.probe(&id).await, Ok(ProbeResult::Writable), "by its history");
        assert!(matches!(w.client.probe(&id).await, Ok(ProbeResult::Unverified(_))));
        assert_eq!(w.client.probe(&id).await, Err(SlackError::ChannelRejected("channel_not_found".into())));
        assert!(matches!(w.client.probe(&Target::Channel("#security".into())).await, Ok(ProbeResult::Unverified(_))));
        assert_eq!(w.client.probe(&w.hook).await, Ok(ProbeResult::Writable));
        assert_eq!(w.client.probe(&w.hook).await, Err(SlackError::ChannelRejected("no_service".into())));
    })
    .await;
}

#[tokio::test]
async fn a_name_is_looked_up_where_the_token_may_list_channels() {
    local(async {
        let page = |name: &str, next: &str| {
            ok(json!({"ok": true, "channels": [{"name": name, "is_member": name == "security"}], "response_metadata": {"next_cursor": next}}))
        };
        let w = World::answering([page("general", "p2"), page("security", ""), page("general", ""), auth()]).await;
        assert_eq!(w.client.probe(&Target::Channel("#security".into())).await.ok(), Some(ProbeResult::Writable));
        assert!(matches!(w.client.probe(&Target::Channel("#general".into())).await, Err(SlackError::ChannelRejected(why)) if why.starts_with("not_in_channel")));
    })
    .await;
}
