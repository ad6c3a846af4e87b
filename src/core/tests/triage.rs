//! Reactions on messages: which of them are read, and what they change.

mod actions;
mod limits;

use std::collections::BTreeMap;

use super::*;
use crate::core::event::QueryResponse;
use crate::guardduty::{ArchiveChange, ReadError, TransientReason};
use crate::slack::{Reaction, ReactionAccess, RecentReactions, SlackError};
use crate::state::{FindingRecord, Triage};
use crate::user::UserId;

const CHANNEL: &str = "C0SECURITY";
/// More events than any of these runs has.
const EVENTS: usize = 1_000;

/// What Slack and GuardDuty reply.
#[derive(Clone)]
struct World {
    access: fn() -> Result<ReactionAccess, SlackError>,
    recent: Vec<(&'static str, Vec<Reaction>)>,
    has_older: bool,
    /// By `ts`.
    older: fn(&str) -> Result<Vec<Reaction>, SlackError>,
    is_bot: fn() -> Result<bool, SlackError>,
    is_archived: bool,
    /// GuardDuty does not return findings.
    is_unreadable: bool,
    change: fn() -> Result<(), ReadError>,
}

fn world() -> World {
    World {
        access: || Ok(ReactionAccess { reactions: true, users: false, own: None }),
        recent: Vec::new(),
        has_older: true,
        older: |_| Ok(Vec::new()),
        is_bot: || Ok(false),
        is_archived: false,
        is_unreadable: false,
        change: || Ok(()),
    }
}

fn reaction(name: &str, is_complete: bool) -> Reaction {
    Reaction { name: name.to_owned(), users: vec![user()], is_complete }
}

fn user() -> UserId {
    UserId::parse("U1").unwrap()
}

fn no_response() -> ReadError {
    ReadError::Transient { reason: TransientReason::Timeout, text: "no response".into() }
}

/// The record of a finding whose message has this `ts`.
fn announced(ts: &str) -> FindingRecord {
    let at = MessageRef { channel: CHANNEL.into(), ts: ts.into(), thread_ts: None };
    FindingRecord { updated_at: Some(NOW), message: Some(at.into()), severity: 5.0, ..FindingRecord::default() }
}

fn in_thread(ts: &str) -> FindingRecord {
    let at = MessageRef { channel: CHANNEL.into(), ts: ts.into(), thread_ts: Some("0.1".into()) };
    FindingRecord { message: Some(at.into()), ..announced(ts) }
}

fn triage_of(run: &Run, id: &str) -> Triage {
    run.core.state.findings[id].triage.as_deref().cloned().unwrap_or_default()
}

impl World {
    fn reply(&self, query: &Query) -> (String, QueryResponse) {
        match query {
            Query::Histories { .. } => ("histories".into(), QueryResponse::Histories(Vec::new())),
            Query::ReactionAccess => ("access".into(), QueryResponse::ReactionAccess((self.access)())),
            Query::RecentReactions(_) => {
                let messages =
                    self.recent.iter().map(|(ts, reactions)| ((*ts).to_owned(), reactions.clone())).collect();
                let recent = RecentReactions { messages, has_older: self.has_older, ..RecentReactions::default() };
                ("recent".into(), QueryResponse::RecentReactions(BTreeMap::from([(CHANNEL.to_owned(), recent)])))
            }
            Query::Reactions(at) => (format!("message {}", at.ts), QueryResponse::Reactions((self.older)(&at.ts))),
            Query::IsBot(user) => (format!("user {user}"), QueryResponse::IsBot((self.is_bot)())),
            Query::Findings(_) if self.is_unreadable => {
                ("findings".into(), QueryResponse::Findings(Err(no_response())))
            }
            Query::Findings(page) => {
                let mut found: Vec<Finding> = page.ids.iter().map(|id| Rc::unwrap_or_clone(finding(id))).collect();
                found.iter_mut().for_each(|f| f.archived = self.is_archived);
                ("findings".into(), QueryResponse::Findings(Ok(found)))
            }
            Query::ChangeArchiving(_, ArchiveChange::Archive) => {
                ("archive".into(), QueryResponse::ArchivingChanged((self.change)()))
            }
            Query::ChangeArchiving(..) => ("unarchive".into(), QueryResponse::ArchivingChanged((self.change)())),
            other => panic!("{other:?}"),
        }
    }

    /// Plays a run to its end. Returns what was requested, in order.
    fn play(&self, run: &mut Run) -> Vec<String> {
        self.play_until(run, |run| run.core.is_finished())
    }

    fn play_until(&self, run: &mut Run, is_reached: impl Fn(&Run) -> bool) -> Vec<String> {
        let mut journal = Vec::new();
        for _ in 0..EVENTS {
            if is_reached(run) {
                return journal;
            }
            journal.extend(self.play_event(run));
        }
        panic!("the run does not get there: {journal:?}");
    }

    /// Responds to one request, or lets a second pass. Returns the request, if it is not one of those that every run makes.
    fn play_event(&self, run: &mut Run) -> Option<String> {
        if let Some(save) = run.saves.last() {
            let has_intent = save.document.contains(r#""archiving":"archive""#);
            run.answer_save(Ok(()));
            return has_intent.then(|| "save".to_owned());
        }
        if let Some((id, query)) = run.queries.pop() {
            let (entry, reply) = self.reply(&query);
            run.handle(Event::QueryAnswered(id, reply));
            return Some(entry);
        }
        let Some((id, call)) = run.calls.pop() else {
            run.pass(Duration::from_secs(1));
            return None;
        };
        let (entry, answer) = accept(&call);
        run.handle(Event::CallAnswered(id, answer));
        Some(entry.to_owned())
    }
}

/// Slack accepts a request.
fn accept(call: &Call) -> (&'static str, CallResponse) {
    let at = MessageRef { channel: CHANNEL.into(), ts: "9.9".into(), thread_ts: None };
    match call {
        Call::Post { .. } => ("post", CallResponse::Posted(Ok(at.into()))),
        Call::Update { .. } => ("update", CallResponse::Updated(Ok(()))),
        Call::Permalink { .. } => ("permalink", CallResponse::Permalink(None)),
        Call::History { .. } | Call::Replies { .. } => ("history", CallResponse::Messages(Ok(Vec::new()))),
    }
}

fn begin_triage<'a>(config: &'a Config, records: &[(&str, FindingRecord)]) -> Run<'a> {
    let mut run = begin(config);
    run.core.state.findings.extend(records.iter().map(|(id, record)| ((*id).to_owned(), record.clone())));
    run
}

fn show() -> Config {
    config(&[("SLACK_TRIAGE", "show")])
}

#[test]
fn reactions_are_read_if_there_are_messages_and_the_token_may_read_them() {
    let one = [("f1", announced("1.1"))];
    let denied = World { access: || Ok(ReactionAccess::default()), ..world() };
    let failed = World { access: || Err(SlackError::NotSent("refused".into())), ..world() };
    for (world, records, expected, case) in [
        (world(), &one[..], &["access", "recent", "message 1.1"][..], "permitted"),
        (world(), &[], &[], "no messages"),
        (denied, &one, &["access"], "the scope is missing"),
        (failed, &one, &["access"], "Slack cannot be reached"),
    ] {
        let config = show();
        let mut run = begin_triage(&config, records);
        run.show(&[]);
        assert_eq!(world.play(&mut run), expected, "{case}");
        assert!(run.core.is_success(), "{case}");
    }
}

#[test]
fn no_reactions_are_read_if_they_could_not_be_saved_or_the_run_must_end() {
    let config = show();
    for (circumstance, case) in [
        ((|run: &mut Run| run.handle(Event::ShutdownRequested)) as fn(&mut Run), "shutdown"),
        (|run| run.now = run.core.end.minus(Duration::from_secs(6)), "no time is left"),
    ] {
        let mut run = begin_triage(&config, &[("f1", announced("1.1"))]);
        circumstance(&mut run);
        run.show(&[]);
        assert!(run.queries.is_empty(), "{case}");
    }
    let mut run = begin_triage(&config, &[("f1", announced("1.1"))]);
    run.show(&["f2"]);
    run.answer_save(Err(SaveError::Unavailable("503".into())));
    run.acknowledge();
    assert!(run.queries.is_empty(), "the state is not saved");
}

#[test]
fn a_reaction_on_a_recent_message_is_shown_in_it() {
    let config = show();
    let mut run = begin_triage(&config, &[("f1", announced("1.1")), ("f2", announced("2.1"))]);
    run.show(&[]);
    let world = World { recent: vec![("1.1", vec![reaction("eyes", true)]), ("2.1", vec![])], ..world() };
    assert_eq!(world.play(&mut run), ["access", "recent", "findings", "update"]);
    assert_eq!(triage_of(&run, "f1").marks.acknowledged, Some(user()));
    assert!(!triage_of(&run, "f1").stale);
    assert_eq!(triage_of(&run, "f2"), Triage::default());
}

#[test]
fn messages_that_the_channel_does_not_show_are_read_one_by_one_unless_they_were_deleted() {
    let cut_short = vec![("1.1", vec![reaction("eyes", false)])];
    for (record, recent, has_older, is_read, case) in [
        (announced("1.1"), vec![], true, true, "older than what was read"),
        (announced("1.1"), vec![], false, false, "deleted"),
        (in_thread("1.1"), vec![], false, true, "in a thread"),
        (announced("1.1"), vec![("1.1", vec![])], true, false, "read with the channel"),
        (announced("1.1"), vec![("1.1", vec![])], false, false, "read with a short channel"),
        (announced("1.1"), cut_short, true, true, "the list of users was cut short"),
        (FindingRecord { archived: true, ..announced("1.1") }, vec![], true, false, "archived"),
    ] {
        let config = show();
        let mut run = begin_triage(&config, &[("f1", record)]);
        run.show(&[]);
        let journal = World { recent, has_older, ..world() }.play(&mut run);
        assert_eq!(journal.contains(&"message 1.1".to_owned()), is_read, "{case}: {journal:?}");
        assert_eq!(run.core.state.triage.read_to.as_deref(), is_read.then_some("f1"), "{case}");
    }
}

#[test]
fn at_most_twenty_messages_are_read_one_by_one_and_the_next_run_continues() {
    let config = show();
    let records: Vec<(String, FindingRecord)> =
        (10..40).map(|n| (format!("f{n}"), announced(&format!("{n}.1")))).collect();
    let records: Vec<(&str, FindingRecord)> =
        records.iter().map(|(id, record)| (id.as_str(), record.clone())).collect();
    let mut run = begin_triage(&config, &records);
    run.show(&[]);
    assert_eq!(world().play(&mut run).iter().filter(|entry| entry.starts_with("message")).count(), 20);
    assert_eq!(run.core.state.triage.read_to.as_deref(), Some("f29"));
}

#[test]
fn the_other_messages_are_read_if_one_is_not_accessible_and_not_if_slack_fails() {
    type Error = fn(&str) -> Result<Vec<Reaction>, SlackError>;
    let inaccessible: Error = |_| Err(SlackError::MessageNotFound("message_not_found".into()));
    let unreachable: Error = |_| Err(SlackError::NotSent("refused".into()));
    for (older, expected) in [(inaccessible, Some("f2")), (unreachable, None)] {
        let config = show();
        let mut run = begin_triage(&config, &[("f1", announced("1.1")), ("f2", announced("2.1"))]);
        run.show(&[]);
        World { older, ..world() }.play(&mut run);
        assert_eq!(run.core.state.triage.read_to.as_deref(), expected);
        assert!(run.core.is_success());
    }
}

#[test]
fn the_reaction_of_a_bot_and_of_a_user_that_cannot_be_looked_up_does_not_count() {
    let access = || Ok(ReactionAccess { reactions: true, users: true, own: None });
    let own = || Ok(ReactionAccess { reactions: true, users: true, own: Some(user()) });
    let person = World { access, recent: vec![("1.1", vec![reaction("eyes", true)])], ..world() };
    for (world, is_looked_up, counts, is_noted, case) in [
        (person.clone(), true, true, false, "a person"),
        (World { is_bot: || Ok(true), ..person.clone() }, true, false, true, "a bot"),
        (
            World { is_bot: || Err(SlackError::NotSent("refused".into())), ..person.clone() },
            true,
            false,
            false,
            "unknown",
        ),
        (World { access: own, ..person.clone() }, false, false, false, "the app itself"),
        (World { access: super::triage::world().access, ..person.clone() }, false, true, false, "no scope"),
    ] {
        let config = show();
        let mut run = begin_triage(&config, &[("f1", announced("1.1"))]);
        run.show(&[]);
        let journal = world.play(&mut run);
        assert_eq!(journal.contains(&"user U1".to_owned()), is_looked_up, "{case}");
        assert_eq!(triage_of(&run, "f1").marks.acknowledged.is_some(), counts, "{case}");
        assert_eq!(run.core.state.triage.bots.contains(&user()), is_noted, "{case}");
    }
}
