//! Adapters of the core to the three simulated services: GuardDuty, Slack and the store of the state.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use guardduty_slack::finding::{Assessment, Finding, FindingCounts, SeverityLevel};
use guardduty_slack::guardduty::{
    ArchiveChange, DetectorInfo, GuardDutyApi, Investigation, ListPage, MissedScan, PublishingDestination, ReadError,
    SourceKey, Subject, TransientReason, Uncovered, WatchedConfig,
};
use guardduty_slack::message::Message;
use guardduty_slack::slack::{
    BotMessage, HistoryError, MessageRef, Reaction, ReactionAccess, RecentReactions, SentMessage, SlackApi, SlackError,
    Target, Thread, WebhookMessage,
};
use guardduty_slack::state::store::{Loaded, LoadedDocument, SaveError, Store};
use guardduty_slack::time::Timestamp;
use guardduty_slack::user::UserId;
use serde_json::{Map, Value};

use crate::bugs;
use crate::fake_guardduty::source_key;
use crate::fake_slack::{ClaimKind, DeliveryClaim, Once};
use crate::history::{Access, FaultEffect, Op};
use crate::plain_writer::Payload;
use crate::world::{BEGIN, Connection, Run, World};

/// One source.
pub(crate) struct SimGuardDuty {
    connection: Connection,
    source: usize,
    key: SourceKey,
}

impl SimGuardDuty {
    pub(crate) fn new(connection: Connection, source: usize) -> Self {
        Self { connection, source, key: source_key(source) }
    }

    /// Calls this source, and fails if the source is unreadable.
    async fn call_source<T: 'static>(
        &self,
        op: Op,
        what: impl Fn() -> String,
        effect: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, FaultEffect> {
        let source = self.source;
        let effect = move |w: &World| match w.source_status(source, w.now()).unreadable {
            Some(fault) => Err(fault),
            None => Ok(effect(w)),
        };
        self.connection.call(op, what, effect).await?
    }

    /// Calls a detector of this source, and fails if that detector does not exist.
    async fn call_detector<T: 'static>(
        &self,
        op: Op,
        detector: &str,
        what: impl Fn() -> String,
        effect: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, FaultEffect> {
        let (source, id) = (self.source, detector.to_owned());
        let effect = move |w: &World| (w.detector(source).as_deref() == Some(id.as_str())).then(|| effect(w));
        self.call_source(op, what, effect).await?.ok_or(FaultEffect::Fail)
    }

    async fn watched_part<T: 'static>(
        &self,
        detector: &str,
        what: &str,
        effect: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, ReadError> {
        self.call_detector(Op::Watch, detector, || format!("{what} {}", self.key), effect)
            .await
            .map_err(|fault| to_read_error(&fault))
    }
}

fn to_read_error(fault: &FaultEffect) -> ReadError {
    match fault {
        FaultEffect::Denied => ReadError::AccessDenied("AccessDenied".into()),
        _ => ReadError::Transient { reason: TransientReason::Server, text: "500".into() },
    }
}

impl GuardDutyApi for SimGuardDuty {
    fn key(&self) -> &SourceKey {
        &self.key
    }

    async fn list_detectors(&self) -> Result<Vec<String>, ReadError> {
        let source = self.source;
        let ids = move |w: &World| w.detector(source).map(Cow::into_owned).into_iter().collect();
        self.call_source(Op::Detectors, || self.key.to_string(), ids).await.map_err(|fault| to_read_error(&fault))
    }

    async fn list_findings(
        &self,
        detector: &str,
        from: Timestamp,
        to: Option<Timestamp>,
        token: Option<&str>,
    ) -> Result<ListPage, ReadError> {
        let (source, requested_token) = (self.source, token.map(str::to_owned));
        let what = || {
            format!("{} from {} to {:?} token {token:?}", self.key, from.to_rfc3339(), to.map(Timestamp::to_rfc3339))
        };
        let page = move |w: &World| {
            let page = bugs::page(w, source, from, to, requested_token.as_deref());
            w.trace(|| format!("    {:?} next {:?}", page.ids, page.next_token));
            page
        };
        match self.call_detector(Op::List, detector, what, page).await {
            Err(FaultEffect::Repeat) if token.is_some() => {
                self.connection.world.catch_up();
                let page = self.connection.world.page(self.source, from, to, token);
                Ok(ListPage { next_token: token.map(str::to_owned), ..page })
            }
            answer => answer.map_err(|fault| to_read_error(&fault)),
        }
    }

    async fn get_findings(&self, detector: &str, ids: &[String]) -> Result<Vec<Finding>, ReadError> {
        let (source, requested_ids) = (self.source, ids.to_vec());
        let what = || format!("{} {ids:?}", self.key);
        let details = move |w: &World| {
            let found = bugs::details(w, source, &requested_ids);
            w.trace(|| format!("    {:?}", found.iter().map(|f| (&f.id, &f.updated_at[11..])).collect::<Vec<_>>()));
            found
        };
        match self.call_detector(Op::Get, detector, what, details).await {
            Err(FaultEffect::LeaveOut) => {
                self.connection.world.catch_up();
                let mut found = self.connection.world.details(self.source, ids);
                found.truncate(ids.len() / 2);
                Ok(found)
            }
            answer => answer.map_err(|fault| to_read_error(&fault)),
        }
    }

    async fn documents(&self, _: &str, _: &[String]) -> Result<BTreeMap<String, String>, ReadError> {
        Ok(BTreeMap::new())
    }

    async fn open_created_before(&self, _detector: &str, _before: Timestamp) -> Result<u64, ReadError> {
        Err(to_read_error(&FaultEffect::Denied))
    }

    async fn archive(&self, detector: &str, ids: &[String], change: ArchiveChange) -> Result<(), ReadError> {
        let (requested_ids, is_archive) = (ids.to_vec(), change == ArchiveChange::Archive);
        let effect = move |w: &World| requested_ids.iter().for_each(|id| w.archive(id, is_archive));
        let what = || format!("{change:?} {ids:?}");
        self.call_detector(Op::Archive, detector, what, effect).await.map_err(|fault| to_read_error(&fault))
    }

    async fn detector_info(&self, detector: &str) -> Result<DetectorInfo, ReadError> {
        let source = self.source;
        let status = move |w: &World| DetectorInfo {
            enabled: w.source_status(source, w.now()).enabled,
            ..DetectorInfo::default()
        };
        self.watched_part(detector, "status", status).await
    }

    async fn count_open_findings(&self, detector: &str, before: Option<Timestamp>) -> Result<FindingCounts, ReadError> {
        let source = self.source;
        let count = move |w: &World| {
            let mut open = BTreeMap::new();
            for f in w.seen_by(source) {
                let Some(n) = w.visible_revision(f, w.now()) else { continue };
                let revision = &w.revisions(f)[n];
                if before.is_none_or(|b| revision.updated < b) {
                    *open.entry(SeverityLevel::from_score(revision.severity)).or_default() += 1;
                }
            }
            open
        };
        self.watched_part(detector, "open findings", count).await
    }

    async fn watched_ids(&self, detector: &str, subject: Subject) -> Result<Vec<String>, ReadError> {
        let source = self.source;
        let names = move |w: &World| match subject {
            Subject::Filters => w.source_status(source, w.now()).filters.iter().map(|n| format!("filter{n}")).collect(),
            _ => Vec::new(),
        };
        self.watched_part(detector, &format!("{subject:?}"), names).await
    }

    async fn watched(&self, _detector: &str, _subject: Subject, id: &str) -> Result<WatchedConfig, ReadError> {
        Ok(WatchedConfig { name: id.into(), active: true, fingerprint: "0".into(), changed: None })
    }

    async fn members(&self, _detector: &str) -> Result<Option<BTreeMap<String, String>>, ReadError> {
        Ok(None)
    }

    async fn uncovered(&self, _detector: &str) -> Result<Vec<Uncovered>, ReadError> {
        Ok(Vec::new())
    }

    async fn destinations(&self, _detector: &str) -> Result<Vec<PublishingDestination>, ReadError> {
        Ok(Vec::new())
    }

    async fn missed_scans(&self, _since: Timestamp) -> Result<Vec<MissedScan>, ReadError> {
        Ok(Vec::new())
    }

    async fn investigations(&self, _detector: &str) -> Result<Vec<Investigation>, ReadError> {
        Ok(Vec::new())
    }

    async fn assessment(&self, _detector: &str, _investigation: &str) -> Result<Assessment, ReadError> {
        Err(to_read_error(&FaultEffect::Denied))
    }

    async fn scan_reason(&self, _scan: &str) -> Result<Option<String>, ReadError> {
        Ok(None)
    }
}

/// Slack, for one run.
pub(crate) struct SimSlack(pub Connection);

fn to_slack_error(fault: &FaultEffect) -> SlackError {
    match fault {
        FaultEffect::Throttle(0) => SlackError::RateLimited(None),
        FaultEffect::Throttle(s) => SlackError::RateLimited(Some(Duration::from_secs(*s as u64))),
        FaultEffect::Content => SlackError::ContentRejected("invalid_blocks".into()),
        FaultEffect::Channel => SlackError::ChannelRejected("is_archived".into()),
        FaultEffect::NewCode => SlackError::Unclassified("brand_new_rule".into()),
        FaultEffect::App => SlackError::AppRejected("token_revoked".into()),
        FaultEffect::ResponseLost | FaultEffect::RequestLost => SlackError::OutcomeUnknown("timed out".into()),
        _ => SlackError::NotSent("connection refused".into()),
    }
}

impl SlackApi for SimSlack {
    async fn post_message(
        &self,
        to: &Target,
        message: &Message,
        thread: Option<&Thread>,
    ) -> Result<SentMessage, SlackError> {
        let webhook = matches!(to, Target::Webhook { .. });
        let (channel, payload) = (to.name().to_owned(), Payload::of(message));
        let what = || format!("{channel} {} {thread:?}", summary(&payload));
        let (run, c, p, root) = (self.0.run.clone(), channel.clone(), payload.clone(), thread.map(|t| t.ts.clone()));
        let effect = move |w: &World| w.posted(&run, &c, &p, root.as_deref());
        let answer = self.0.call(Op::Post, what, effect).await;
        let posted = match answer.map_err(|fault| to_slack_error(&fault)) {
            Ok(posted) => posted,
            Err(failure) => Err(failure),
        };
        match bugs::post_response(&self.0.world, posted, &channel) {
            Ok(_) if webhook => Ok(SentMessage::Webhook(WebhookMessage { variable: channel.clone() })),
            Ok(at) => Ok(at.into()),
            Err(failure) => Err(failure),
        }
    }

    async fn update_message(&self, at: &MessageRef, message: &Message) -> Result<(), SlackError> {
        let payload = Payload::of(message);
        if bugs::is_withheld(&self.0.world, &payload) {
            return Ok(());
        }
        let what = || format!("{} {} {}", at.channel, at.ts, summary(&payload));
        let (run, here, p) = (self.0.run.clone(), at.clone(), payload.clone());
        match self.0.call(Op::Update, what, move |w| w.edited(&run, &here, &p)).await {
            Ok(answer) => bugs::edit_response(&self.0.world, answer),
            Err(fault) => Err(to_slack_error(&fault)),
        }
    }

    async fn history(&self, channel_id: &str, oldest: Timestamp) -> Result<Vec<BotMessage>, HistoryError> {
        self.read(Op::History, channel_id, None, oldest).await
    }

    async fn replies(&self, channel_id: &str, root: &str, oldest: Timestamp) -> Result<Vec<BotMessage>, HistoryError> {
        self.read(Op::Replies, channel_id, Some(root), oldest).await
    }

    async fn permalink(&self, _at: &MessageRef) -> Option<String> {
        None
    }

    async fn reaction_access(&self) -> Result<ReactionAccess, SlackError> {
        Ok(ReactionAccess { reactions: true, users: true, own: None })
    }

    async fn recent_reactions(
        &self,
        channel_id: &str,
        oldest: &str,
        _pages: usize,
    ) -> Result<(RecentReactions, usize), SlackError> {
        let (channel, since) = (channel_id.to_owned(), oldest.to_owned());
        let read = move |w: &World| w.recent_reactions(&channel, &since);
        let messages = self.0.call(Op::Reactions, || channel_id.to_owned(), read).await;
        let messages = messages.map_err(|fault| to_slack_error(&fault))?;
        Ok((RecentReactions { messages, ..RecentReactions::default() }, 1))
    }

    async fn reactions(&self, at: &MessageRef) -> Result<Vec<Reaction>, SlackError> {
        let here = at.clone();
        let read = move |w: &World| w.reactions_at(&here);
        let found = self.0.call(Op::Reactions, || format!("{} {}", at.channel, at.ts), read).await;
        found
            .map_err(|fault| to_slack_error(&fault))?
            .ok_or_else(|| SlackError::MessageNotFound("message_not_found".into()))
    }

    async fn is_bot(&self, _user: &UserId) -> Result<bool, SlackError> {
        Ok(false)
    }
}

impl SimSlack {
    async fn read(
        &self,
        op: Op,
        channel: &str,
        thread: Option<&str>,
        oldest: Timestamp,
    ) -> Result<Vec<BotMessage>, HistoryError> {
        let world = &self.0.world;
        if world.history.setup.access != Access::Bot {
            return Err(HistoryError::Denied("missing_scope".into()));
        }
        let (c, root) = (channel.to_owned(), thread.map(str::to_owned));
        let shown = move |w: &World| {
            let shown = bugs::shown(w, &c, root.as_deref(), oldest);
            w.trace(|| format!("    {:?}", shown.iter().map(|m| (&m.ts[7..], brief(&m.payload))).collect::<Vec<_>>()));
            shown
        };
        let what = || format!("{channel} {thread:?} since {}", oldest.to_rfc3339());
        self.0.call(op, what, shown).await.map_err(|_| HistoryError::Unavailable("503".into()))
    }
}

fn brief(event: &Map<String, Value>) -> String {
    event.values().filter_map(Value::as_str).take(4).collect::<Vec<_>>().join(" ")
}

fn summary(payload: &Payload) -> String {
    let text = |key: &str| payload.event_text(key).to_owned();
    match payload.event_type.as_str() {
        "guardduty_notice" => format!("notice {}", text("notice_id")),
        "guardduty_digest" => format!("digest {} of {}", text("digest_id"), payload.event["findings"]),
        "guardduty_summary" => text("summary_id"),
        "guardduty_reply" => format!("reply {} {}", text("finding_id"), text("updated_at")),
        "guardduty_finding" => format!("finding {} {}", text("finding_id"), text("updated_at")),
        _ => "redirect".into(),
    }
}

impl World {
    /// Delivers a message to Slack.
    fn posted(
        &self,
        run: &Run,
        channel: &str,
        payload: &Rc<Payload>,
        thread: Option<&str>,
    ) -> Result<MessageRef, SlackError> {
        let now = self.now();
        self.check_lease(run);
        let number = payload.event_text("finding_id").get(1..).and_then(|number| number.parse().ok());
        if number.is_some_and(|f| self.history.setup.is_rejected(f)) {
            return Err(SlackError::ContentRejected("invalid_blocks".into()));
        }
        self.check_restrictions(payload, thread)?;
        let at = self.slack.borrow_mut().post(channel, payload, thread, now, &self.history)?;
        let event = &payload.event;
        let once = |id: &str| Once { run: run.index, id: payload.event_text(id).to_owned() };
        let kind = match payload.event_type.as_str() {
            "guardduty_summary" => {
                self.slack.borrow_mut().summaries.push(once("summary_id"));
                return Ok(at);
            }
            "guardduty_reply" if event.get("reason").is_some_and(|reason| reason == "escalation") => {
                self.slack.borrow_mut().escalations.push(once("finding_id"));
                return Ok(at);
            }
            "guardduty_finding" => ClaimKind::Post,
            "guardduty_reply" => ClaimKind::Reply,
            "guardduty_notice" => ClaimKind::Notice,
            _ => return Ok(self.digested(run, event, at)),
        };
        self.claim(run, kind, event);
        Ok(at)
    }

    /// Rejects messages that the workspace does not allow.
    fn check_restrictions(&self, payload: &Payload, thread: Option<&str>) -> Result<(), SlackError> {
        let setup = &self.history.setup;
        if setup.no_mentions && payload.text.contains("<!channel>") {
            self.count_event("mentions rejected");
            return Err(SlackError::Restricted("restricted_action".into()));
        }
        if thread.is_some() && self.now().0 < BEGIN.saturating_add(setup.no_replies_until) {
            self.count_event("replies rejected");
            return Err(SlackError::ThreadRejected("restricted_action_thread_locked".into()));
        }
        Ok(())
    }

    fn digested(&self, run: &Run, event: &Map<String, Value>, at: MessageRef) -> MessageRef {
        let id = event["digest_id"].as_str().unwrap_or_default().to_owned();
        let plan = self.store.borrow().plans.get(&id).cloned();
        match plan {
            Some(plan) => self.claim_digest(run, &plan, self.now()),
            None => run.unplanned.borrow_mut().push((id, self.now())),
        }
        at
    }

    pub(crate) fn claim_digest(&self, run: &Run, plan: &[(String, Timestamp)], at: Timestamp) {
        for (finding, updated) in plan {
            let claim = DeliveryClaim {
                at,
                run: run.index,
                kind: ClaimKind::Digest,
                id: finding.clone(),
                updated: *updated,
                severity: self.severity(finding, *updated),
                is_call: false,
            };
            self.slack.borrow_mut().claims.push(claim);
        }
    }

    fn edited(&self, run: &Run, at: &MessageRef, payload: &Rc<Payload>) -> Result<(), SlackError> {
        self.slack.borrow_mut().edit(at, payload, self.now(), &self.history)?;
        if !payload.event_type.is_empty() {
            self.claim(run, ClaimKind::Update, &payload.event);
        }
        Ok(())
    }

    fn claim(&self, run: &Run, kind: ClaimKind, event: &Map<String, Value>) {
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = if kind == ClaimKind::Notice { text("notice_id") } else { text("finding_id") };
        let updated = Timestamp::parse(&text("updated_at")).unwrap_or_default();
        let severity = if kind == ClaimKind::Notice { 0.0 } else { self.severity(&id, updated) };
        let is_call = kind == ClaimKind::Reply && event.contains_key("severity");
        let claim = DeliveryClaim { at: self.now(), run: run.index, kind, id, updated, severity, is_call };
        self.slack.borrow_mut().claims.push(claim);
    }

    fn severity(&self, id: &str, updated: Timestamp) -> f64 {
        let finding = id[1..].parse().expect("a finding's number");
        self.revisions(finding).iter().find(|s| s.updated == updated).map_or(0.0, |s| s.severity)
    }
}

/// The store of the state, for one run.
pub(crate) struct SimStore {
    connection: Connection,
    base: usize,
    replay: Option<String>,
    /// Writes without a response.
    mine: Vec<Rc<str>>,
}

impl SimStore {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, base: 0, replay: None, mine: Vec::new() }
    }
}

impl Store for SimStore {
    async fn load(&mut self) -> Loaded {
        let read = |w: &World| {
            let store = w.store.borrow();
            (store.version(), store.document().cloned(), store.replay.clone())
        };
        let world = self.connection.world.clone();
        let source = match self.connection.call(Op::Load, String::new, read).await {
            Ok((base, document, replay)) => {
                (self.base, self.replay) = (base, replay);
                document.map_or(LoadedDocument::Absent, |text| LoadedDocument::Current(text.to_string()))
            }
            Err(FaultEffect::Copy(age)) => {
                world.time.sleep(Duration::from_secs(5)).await;
                world.catch_up();
                let copied_at = world.now().minus(Duration::from_secs(age as u64));
                let text = world.store.borrow().copy(copied_at);
                text.map_or(LoadedDocument::Unreadable("nothing".into()), |text| LoadedDocument::MountedCopy {
                    text: text.to_string(),
                    why: "timeout".into(),
                })
            }
            Err(_) => LoadedDocument::Unreadable("500".into()),
        };
        Loaded { document: bugs::change_loaded(&world, source), replay: self.replay.clone() }
    }

    async fn save(&mut self, document: &str) -> Result<(), SaveError> {
        self.write(document, None).await
    }

    async fn consume_replay(&mut self, document: &str) -> Result<(), SaveError> {
        self.write(document, self.replay.clone()).await
    }
}

impl SimStore {
    /// Writes the document, and removes this replay.
    async fn write(&mut self, document: &str, replay: Option<String>) -> Result<(), SaveError> {
        let world = self.connection.world.clone();
        world.catch_up();
        world.record_digest_plans(document);
        let document = bugs::change_saved(&world, document);
        let (base, mine, text, run) = (self.base, self.mine.clone(), document.clone(), self.connection.run.clone());
        let effect = move |w: &World| {
            let saved = w.save_document(&run, base, &mine, text);
            if saved.is_ok() && replay.is_some() && w.store.borrow().replay == replay {
                w.store.borrow_mut().replay = None;
                w.replays.borrow_mut().iter_mut().filter(|r| r.run == run.index).for_each(|r| r.recorded = true);
            }
            saved
        };
        match self.connection.call(Op::Save, || format!("{} bytes", document.len()), effect).await {
            Ok(Ok(version)) => {
                self.base = version;
                self.mine.clear();
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => {
                self.mine.push(document);
                Err(SaveError::Unavailable("timeout".into()))
            }
        }
    }
}
