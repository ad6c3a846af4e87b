//! The three external systems as the core meets them: GuardDuty, Slack, and where the state is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use guardduty_slack::finding::{Assessment, Band, Finding};
use guardduty_slack::guardduty::{
    ArchiveChange, Destination, Detector, DetectorStatus, Investigation, MissedScan, Page, ReadError, Reason,
    SourceKey, Subject, Uncovered, Watched,
};
use guardduty_slack::message::Message;
use guardduty_slack::slack::{
    At, Chat, Failure, HistoryError, OwnMessage, Posted, Reaction, ReactionAccess, RecentReactions, Target,
};
use guardduty_slack::state::store::{Loaded, SaveError, Source, Store};
use guardduty_slack::time::Millis;
use guardduty_slack::user::UserId;
use serde_json::{Map, Value};

use crate::bugs::{self, Bug};
use crate::history::{Access, How, Op};
use crate::sky::{account, region};
use crate::workspace::{Claim, Claimed, Once, metadata};
use crate::world::{BEGIN, Line, Run, World};

/// One source.
pub struct Sky {
    line: Line,
    source: usize,
    key: SourceKey,
}

impl Sky {
    pub fn new(line: Line, source: usize) -> Self {
        let key = SourceKey { account: account(source).into(), region: region(source).into() };
        Self { line, source, key }
    }

    /// A call that reaches this source, unless that cannot be read.
    async fn asked<T: 'static>(
        &self,
        op: Op,
        what: impl Fn() -> String,
        effect: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, How> {
        let source = self.source;
        let effect = move |w: &World| match w.standing(source, w.now()).unreadable {
            Some(how) => Err(how),
            None => Ok(effect(w)),
        };
        self.line.call(op, what, effect).await?
    }

    /// The same of a detector, while there is that one.
    async fn of<T: 'static>(
        &self,
        op: Op,
        detector: &str,
        what: impl Fn() -> String,
        effect: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, How> {
        let (source, id) = (self.source, detector.to_owned());
        let effect = move |w: &World| (w.detector(source).as_ref() == Some(&id)).then(|| effect(w));
        self.asked(op, what, effect).await?.ok_or(How::Fail)
    }

    async fn watched_part<T: 'static>(
        &self,
        detector: &str,
        what: &str,
        effect: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, ReadError> {
        self.of(Op::Watch, detector, || format!("{what} {}", self.key), effect).await.map_err(|how| unread(&how))
    }
}

fn unread(how: &How) -> ReadError {
    match how {
        How::Denied => ReadError::Denied("AccessDenied".into()),
        _ => ReadError::Passing { reason: Reason::Server, text: "500".into() },
    }
}

impl Detector for Sky {
    fn key(&self) -> &SourceKey {
        &self.key
    }

    async fn detectors(&self) -> Result<Vec<String>, ReadError> {
        let source = self.source;
        let ids = move |w: &World| w.detector(source).into_iter().collect();
        self.asked(Op::Detectors, || self.key.to_string(), ids).await.map_err(|how| unread(&how))
    }

    async fn list(
        &self,
        detector: &str,
        from: Millis,
        to: Option<Millis>,
        token: Option<&str>,
    ) -> Result<Page, ReadError> {
        let (source, asked) = (self.source, token.map(str::to_owned));
        let what = || format!("{} from {} to {:?} token {token:?}", self.key, from.iso(), to.map(Millis::iso));
        let page = move |w: &World| {
            let page = bugs::page(w, source, from, to, asked.as_deref());
            w.tell(|| format!("    {:?} next {:?}", page.ids, page.next));
            page
        };
        match self.of(Op::List, detector, what, page).await {
            Err(How::Repeat) if token.is_some() => {
                let page = self.line.world.page(self.source, from, to, token);
                Ok(Page { next: token.map(str::to_owned), ..page })
            }
            answer => answer.map_err(|how| unread(&how)),
        }
    }

    async fn get(&self, detector: &str, ids: &[String]) -> Result<Vec<Finding>, ReadError> {
        let (source, asked) = (self.source, ids.to_vec());
        let what = || format!("{} {ids:?}", self.key);
        let details = move |w: &World| {
            let found = bugs::details(w, source, &asked);
            w.tell(|| format!("    {:?}", found.iter().map(|f| (&f.id, &f.updated_at[11..])).collect::<Vec<_>>()));
            found
        };
        match self.of(Op::Get, detector, what, details).await {
            Err(How::LeaveOut) => {
                let mut found = self.line.world.details(self.source, ids);
                found.truncate(ids.len() / 2);
                Ok(found)
            }
            answer => answer.map_err(|how| unread(&how)),
        }
    }

    async fn documents(&self, _: &str, _: &[String]) -> Result<BTreeMap<String, String>, ReadError> {
        Ok(BTreeMap::new())
    }

    async fn open_created_before(&self, _detector: &str, _before: Millis) -> Result<u64, ReadError> {
        Err(unread(&How::Denied))
    }

    async fn archive(&self, detector: &str, ids: &[String], change: ArchiveChange) -> Result<(), ReadError> {
        let (asked, is_archive) = (ids.to_vec(), change == ArchiveChange::Archive);
        let effect = move |w: &World| asked.iter().for_each(|id| w.archive(id, is_archive));
        let what = || format!("{change:?} {ids:?}");
        self.of(Op::Archive, detector, what, effect).await.map_err(|how| unread(&how))
    }

    async fn status(&self, detector: &str) -> Result<DetectorStatus, ReadError> {
        let source = self.source;
        let status = move |w: &World| DetectorStatus {
            enabled: w.standing(source, w.now()).enabled,
            ..DetectorStatus::default()
        };
        self.watched_part(detector, "status", status).await
    }

    async fn open_findings(&self, detector: &str, before: Option<Millis>) -> Result<BTreeMap<Band, u64>, ReadError> {
        let source = self.source;
        let count = move |w: &World| {
            let mut open = BTreeMap::new();
            for f in w.seen_by(source) {
                let Some(state) = w.state_of(f, w.now()) else { continue };
                let state = &w.states(f)[state];
                if before.is_none_or(|b| state.updated < b) {
                    *open.entry(Band::of(state.severity)).or_default() += 1;
                }
            }
            open
        };
        self.watched_part(detector, "open findings", count).await
    }

    async fn watched_ids(&self, detector: &str, subject: Subject) -> Result<Vec<String>, ReadError> {
        let source = self.source;
        let names = move |w: &World| match subject {
            Subject::Filters => w.standing(source, w.now()).filters.iter().map(|n| format!("filter{n}")).collect(),
            _ => Vec::new(),
        };
        self.watched_part(detector, &format!("{subject:?}"), names).await
    }

    async fn watched(&self, _detector: &str, _subject: Subject, id: &str) -> Result<Watched, ReadError> {
        Ok(Watched { name: id.into(), active: true, fingerprint: "0".into(), changed: None })
    }

    async fn members(&self, _detector: &str) -> Result<Option<BTreeMap<String, String>>, ReadError> {
        Ok(None)
    }

    async fn uncovered(&self, _detector: &str) -> Result<Vec<Uncovered>, ReadError> {
        Ok(Vec::new())
    }

    async fn destinations(&self, _detector: &str) -> Result<Vec<Destination>, ReadError> {
        Ok(Vec::new())
    }

    async fn missed_scans(&self, _since: Millis) -> Result<Vec<MissedScan>, ReadError> {
        Ok(Vec::new())
    }

    async fn investigations(&self, _detector: &str) -> Result<Vec<Investigation>, ReadError> {
        Ok(Vec::new())
    }

    async fn assessment(&self, _detector: &str, _investigation: &str) -> Result<Assessment, ReadError> {
        Err(unread(&How::Denied))
    }

    async fn scan_reason(&self, _scan: &str) -> Result<Option<String>, ReadError> {
        Ok(None)
    }
}

/// Slack, for one run.
pub struct Talk(pub Line);

fn failure(how: &How) -> Failure {
    match how {
        How::Throttle(0) => Failure::RateLimited(None),
        How::Throttle(s) => Failure::RateLimited(Some(Duration::from_secs(*s as u64))),
        How::Content => Failure::Content("invalid_blocks".into()),
        How::Channel => Failure::Channel("is_archived".into()),
        How::NewCode => Failure::Unclassified("brand_new_rule".into()),
        How::App => Failure::App("token_revoked".into()),
        How::Lost | How::Vanish => Failure::Unknown("timed out".into()),
        _ => Failure::Unsent("connection refused".into()),
    }
}

impl Chat for Talk {
    async fn post(&self, to: &Target, message: &Message, thread: Option<(&str, bool)>) -> Result<Posted, Failure> {
        let webhook = matches!(to, Target::Webhook { .. });
        let (channel, payload) = (to.name().to_owned(), message.payload());
        let what = || format!("{channel} {} {thread:?}", summary(&payload));
        let (run, c, p, root) = (self.0.run.clone(), channel.clone(), payload.clone(), thread.map(|t| t.0.to_owned()));
        let effect = move |w: &World| w.posted(&run, &c, &p, root.as_deref());
        let answer = self.0.call(Op::Post, what, effect).await;
        let said = match answer.map_err(|how| failure(&how)) {
            Ok(said) => said,
            Err(failure) => Err(failure),
        };
        match bugs::answer(&self.0.world, said, &channel) {
            Ok(_) if webhook => Ok(Posted { at: At { channel: channel.clone(), ts: String::new(), thread: None } }),
            Ok(at) => Ok(Posted { at }),
            Err(failure) => Err(failure),
        }
    }

    async fn update(&self, at: &At, message: &Message) -> Result<(), Failure> {
        let payload = message.payload();
        if bugs::withheld(&self.0.world, &payload) {
            return Ok(());
        }
        let what = || format!("{} {} {}", at.channel, at.ts, summary(&payload));
        let (run, here, p) = (self.0.run.clone(), at.clone(), payload.clone());
        match self.0.call(Op::Update, what, move |w| w.edited(&run, &here, &p)).await {
            Ok(answer) => bugs::edited(&self.0.world, answer),
            Err(how) => Err(failure(&how)),
        }
    }

    async fn history(&self, channel_id: &str, oldest: Millis) -> Result<Vec<OwnMessage>, HistoryError> {
        self.read(Op::History, channel_id, None, oldest).await
    }

    async fn replies(&self, channel_id: &str, root: &str, oldest: Millis) -> Result<Vec<OwnMessage>, HistoryError> {
        self.read(Op::Replies, channel_id, Some(root), oldest).await
    }

    async fn permalink(&self, _at: &At) -> Option<String> {
        None
    }

    async fn reaction_access(&self) -> Result<ReactionAccess, Failure> {
        Ok(ReactionAccess { reactions: true, users: true, own: None })
    }

    async fn recent_reactions(
        &self,
        channel_id: &str,
        oldest: &str,
        _pages: usize,
    ) -> Result<(RecentReactions, usize), Failure> {
        let (channel, since) = (channel_id.to_owned(), oldest.to_owned());
        let read = move |w: &World| w.recent_reactions(&channel, &since);
        let messages = self.0.call(Op::Reactions, || channel_id.to_owned(), read).await;
        let messages = messages.map_err(|how| failure(&how))?;
        Ok((RecentReactions { messages, ..RecentReactions::default() }, 1))
    }

    async fn reactions(&self, at: &At) -> Result<Vec<Reaction>, Failure> {
        let here = at.clone();
        let read = move |w: &World| w.reactions_at(&here);
        let found = self.0.call(Op::Reactions, || format!("{} {}", at.channel, at.ts), read).await;
        found.map_err(|how| failure(&how))?.ok_or_else(|| Failure::Gone("message_not_found".into()))
    }

    async fn is_bot(&self, _user: &UserId) -> Result<bool, Failure> {
        Ok(false)
    }
}

impl Talk {
    async fn read(
        &self,
        op: Op,
        channel: &str,
        thread: Option<&str>,
        oldest: Millis,
    ) -> Result<Vec<OwnMessage>, HistoryError> {
        let Line { world, run } = &self.0;
        if world.history.setup.access != Access::Bot {
            return Err(HistoryError::Denied("missing_scope".into()));
        }
        let (c, root) = (channel.to_owned(), thread.map(str::to_owned));
        let shown = move |w: &World| {
            let shown = bugs::shown(w, &c, root.as_deref(), oldest);
            w.tell(|| format!("    {:?}", shown.iter().map(|m| (&m.ts[7..], brief(&m.event))).collect::<Vec<_>>()));
            shown
        };
        let what = || format!("{channel} {thread:?} since {}", oldest.iso());
        self.0.call(op, what, shown).await.map_err(|_| {
            run.blind.set(true);
            HistoryError::Unavailable("503".into())
        })
    }
}

fn brief(event: &Map<String, Value>) -> String {
    event.values().filter_map(Value::as_str).take(4).collect::<Vec<_>>().join(" ")
}

fn summary(payload: &Value) -> String {
    let (kind, event) = metadata(payload);
    let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind.as_str() {
        "guardduty_notice" => format!("notice {}", text("notice_id")),
        "guardduty_digest" => format!("digest {} of {}", text("digest_id"), event["findings"]),
        "guardduty_summary" => text("summary_id"),
        "guardduty_reply" => format!("reply {} {}", text("finding_id"), text("updated_at")),
        "guardduty_finding" => format!("finding {} {}", text("finding_id"), text("updated_at")),
        _ => "pointer".into(),
    }
}

impl World {
    /// A message arrives in Slack.
    fn posted(&self, run: &Run, channel: &str, payload: &Value, thread: Option<&str>) -> Result<At, Failure> {
        let now = self.now();
        self.judge_lease(run);
        let told = metadata(payload).1;
        let number = told.get("finding_id").and_then(Value::as_str).and_then(|id| id[1..].parse().ok());
        if number.is_some_and(|f| self.history.setup.is_refused(f)) {
            return Err(Failure::Content("invalid_blocks".into()));
        }
        self.judge_restrictions(payload, thread)?;
        let (message, at) = self.slack.borrow_mut().post(channel, payload, thread, now, &self.history)?;
        let (kind, event) = metadata(payload);
        let once = |id: &str| Once { run: run.index, id: event[id].as_str().unwrap_or_default().to_owned() };
        let kind = match kind.as_str() {
            "guardduty_summary" => {
                self.slack.borrow_mut().summaries.push(once("summary_id"));
                return Ok(at);
            }
            "guardduty_reply" if event.get("reason").is_some_and(|reason| reason == "escalation") => {
                self.slack.borrow_mut().escalations.push(once("finding_id"));
                return Ok(at);
            }
            "guardduty_finding" => Claimed::Post,
            "guardduty_reply" => Claimed::Reply,
            "guardduty_notice" => Claimed::Notice,
            _ => return Ok(self.digested(run, &event, message, at)),
        };
        self.claim(run, kind, &event, message);
        Ok(at)
    }

    /// What the workspace does not allow.
    fn judge_restrictions(&self, payload: &Value, thread: Option<&str>) -> Result<(), Failure> {
        let setup = &self.history.setup;
        let text = payload.to_string();
        if setup.no_mentions && (text.contains("<!channel>") || text.contains(r#""range":"channel""#)) {
            self.met("mentions rejected");
            return Err(Failure::Restricted("restricted_action".into()));
        }
        if thread.is_some() && self.now().0 < BEGIN.saturating_add(setup.no_replies_until) {
            self.met("replies rejected");
            return Err(Failure::Reply("restricted_action_thread_locked".into()));
        }
        Ok(())
    }

    fn digested(&self, run: &Run, event: &Map<String, Value>, message: usize, at: At) -> At {
        let id = event["digest_id"].as_str().unwrap_or_default().to_owned();
        let plan = self.kept.borrow().plans.get(&id).cloned();
        match plan {
            Some(plan) => self.claim_digest(run, &id, &plan, message, self.now()),
            None => run.unplanned.borrow_mut().push((id, self.now(), message)),
        }
        at
    }

    pub fn claim_digest(&self, run: &Run, id: &str, plan: &[(String, Millis)], message: usize, at: Millis) {
        let unplanned = !self.kept.borrow().planned.contains(id) && self.bug != Some(Bug::NoDigestPlan);
        for (finding, updated) in plan {
            let claim = Claim {
                at,
                run: run.index,
                kind: Claimed::Digest,
                id: finding.clone(),
                updated: *updated,
                severity: self.severity(finding, *updated),
                message,
                unnoted: self.unnoted(run),
                nameless: self.nameless(message),
                unplanned,
            };
            self.slack.borrow_mut().claims.push(claim);
        }
    }

    fn edited(&self, run: &Run, at: &At, payload: &Value) -> Result<(), Failure> {
        let message = self.slack.borrow_mut().edit(at, payload, self.now(), &self.history)?;
        let (kind, event) = metadata(payload);
        if !kind.is_empty() {
            self.claim(run, Claimed::Update, &event, message);
        }
        Ok(())
    }

    fn claim(&self, run: &Run, kind: Claimed, event: &Map<String, Value>, message: usize) {
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = if kind == Claimed::Notice { text("notice_id") } else { text("finding_id") };
        let updated = Millis::parse(&text("updated_at")).unwrap_or_default();
        let severity = if kind == Claimed::Notice { 0.0 } else { self.severity(&id, updated) };
        let unnoted = self.unnoted(run);
        let (at, run, nameless) = (self.now(), run.index, self.nameless(message));
        let claim = Claim { at, run, kind, id, updated, severity, message, unnoted, nameless, unplanned: false };
        self.slack.borrow_mut().claims.push(claim);
    }

    fn severity(&self, id: &str, updated: Millis) -> f64 {
        let finding = id[1..].parse().expect("a finding's number");
        self.states(finding).iter().find(|s| s.updated == updated).map_or(0.0, |s| s.severity)
    }

    fn nameless(&self, message: usize) -> bool {
        let (kept, slack) = (self.kept.borrow(), self.slack.borrow());
        let channel = &slack.said[message].channel;
        self.history.setup.named && kept.state.as_ref().is_none_or(|s| s.channels.values().all(|id| id != channel))
    }

    fn unnoted(&self, run: &Run) -> bool {
        let kept = self.kept.borrow();
        let note = kept.state.as_ref().and_then(|s| s.run.as_ref());
        note.is_none_or(|note| note.id != run.id()) && self.bug != Some(Bug::NoNote)
    }
}

/// Where the state is kept, for one run.
pub struct Shelf {
    line: Line,
    base: usize,
    replay: Option<String>,
    /// Writes that were not answered.
    mine: Vec<String>,
}

impl Shelf {
    pub fn new(line: Line) -> Self {
        Self { line, base: 0, replay: None, mine: Vec::new() }
    }
}

impl Store for Shelf {
    async fn load(&mut self) -> Loaded {
        let read = |w: &World| {
            let kept = w.kept.borrow();
            (kept.version(), kept.document().map(str::to_owned), kept.replay.clone())
        };
        let world = self.line.world.clone();
        let source = match self.line.call(Op::Load, String::new, read).await {
            Ok((base, document, replay)) => {
                (self.base, self.replay) = (base, replay);
                document.map_or(Source::New, Source::Primary)
            }
            Err(How::Copy(age)) => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                let then = world.now().minus(Duration::from_secs(age as u64));
                let text = world.kept.borrow().copy(then).map(str::to_owned);
                text.map_or(Source::Unreadable("nothing".into()), |text| Source::Copy { text, why: "time-out".into() })
            }
            Err(_) => Source::Unreadable("500".into()),
        };
        Loaded { source: bugs::loaded(&world, source), replay: self.replay.clone() }
    }

    async fn save(&mut self, document: &str, take_replay: bool) -> Result<(), SaveError> {
        let world = self.line.world.clone();
        world.sent(document);
        let document = bugs::saved(&world, document);
        let (base, mine, text, run) = (self.base, self.mine.clone(), document.clone(), self.line.run.clone());
        let replay = self.replay.clone().filter(|_| take_replay);
        let effect = move |w: &World| {
            let kept = w.keep(&run, base, &mine, text);
            if kept.is_ok() && replay.is_some() && w.kept.borrow().replay == replay {
                w.kept.borrow_mut().replay = None;
                w.replays.borrow_mut().iter_mut().filter(|r| r.run == run.index).for_each(|r| r.recorded = true);
            }
            kept
        };
        match self.line.call(Op::Save, || format!("{} bytes", document.len()), effect).await {
            Ok(Ok(version)) => {
                self.base = version;
                self.mine.clear();
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => {
                self.mine.push(document);
                Err(SaveError::Unavailable("time-out".into()))
            }
        }
    }
}
