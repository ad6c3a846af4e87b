//! What a saved state must have before a delivery.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::Target;
use crate::finding::{self, Origin};
use crate::message::{Marks, Notice, NoticeLevel, Summary};
use crate::plan::{Changes, Destination, DueSummary, Post, Refresh, Reply, ReplySubject, Update};
use crate::slack::MessageRef;
use crate::state::{FindingRecord, Triage};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn some_finding() -> Rc<Finding> {
    let origin = Origin { account: "111122223333".into(), region: "eu-west-1".into(), detector: "d".into() };
    Rc::new(finding::decode(r#"{"id": "f", "type": "Recon:EC2/Portscan"}"#, &Arc::new(origin)).unwrap())
}

fn channel() -> Destination {
    Destination { target: Target::Channel("C0SECURITY".into()), mention: None, route: None }
}

fn message() -> MessageRef {
    MessageRef { channel: "C0SECURITY".into(), ts: "1.1".into(), thread_ts: None }
}

fn post() -> Delivery {
    let post = Post {
        to: channel(),
        reply_to: None,
        candidate_threads: Vec::new(),
        edits_earlier: false,
        superseded: None,
        known_attributes: Vec::new(),
        related: Vec::new(),
    };
    Delivery::Post(some_finding(), post)
}

fn update(reply: Option<Reply>) -> Update {
    Update {
        message: message(),
        reply,
        repost_to: channel(),
        known_attributes: Vec::new(),
        related: Vec::new(),
        marks: Marks::default(),
        intended_channel: None,
    }
}

fn refresh() -> Delivery {
    let refresh = Refresh {
        message: message(),
        marks: Marks::default(),
        known_attributes: Vec::new(),
        related: Vec::new(),
        intended_channel: None,
    };
    Delivery::Refresh(some_finding(), refresh)
}

fn notice() -> Notice {
    Notice { id: NoticeId::new("n", NOW), title: "title".into(), lines: vec![], level: NoticeLevel::Info }
}

fn with_lease() -> State {
    let mut state = State::default();
    state.renew_lease("run", NOW);
    state
}

#[test]
fn each_delivery_has_its_intents() {
    let id = notice().id;
    let reply = |subject| Reply { message: message(), mention: None, subject };
    let changes = || Some(reply(ReplySubject::Changes(Changes::default())));
    let escalation = reply(ReplySubject::Unacknowledged(Duration::from_hours(1)));
    let digest = || Delivery::Digest { id: "d".into(), to: channel(), findings: vec![some_finding()] };
    let redirect = Delivery::Redirect { id: "f".into(), old: message(), new: message().into(), channel: "C1".into() };
    let summary = Delivery::Summary(Box::new(DueSummary { due: NOW, content: Summary::default() }));
    for (delivery, expected, case) in [
        (post(), vec![Intent::Posting], "a post"),
        (Delivery::Update(some_finding(), update(None)), vec![Intent::Posting], "an edit"),
        (Delivery::Update(some_finding(), update(changes())), vec![Intent::Posting], "an edit with a reply"),
        (Delivery::Reply(some_finding(), escalation), vec![Intent::Posting], "an escalation"),
        (refresh(), vec![Intent::Posting], "marks and links"),
        (redirect, vec![Intent::Posting], "a redirect"),
        (summary, vec![Intent::Posting], "a summary"),
        (digest(), vec![Intent::Posting, Intent::DigestPlan("d")], "a digest"),
        (Delivery::Notice(notice()), vec![Intent::Posting, Intent::Notice(&id)], "a notice"),
    ] {
        assert_eq!(intents_of(&delivery), expected, "{case}");
        assert!(!is_written_ahead(&delivery, &State::default()), "{case}: without the lease");
        assert_eq!(is_written_ahead(&delivery, &with_lease()), expected.len() == 1, "{case}: with the lease alone");
    }
}

#[test]
fn an_intent_is_an_entry_of_the_state() {
    let id = notice().id;
    let mut released = with_lease();
    released.release_lease("run", Some(crate::state::Unrecorded { since: NOW, last_post: NOW }));
    let mut planned = with_lease();
    planned.save_digest_plan("d", DigestPlan { channel: "C0SECURITY".into(), findings: vec![] });
    let mut queued = with_lease();
    queued.queue_notice(notice());
    let archiving = |archiving| {
        let triage = Some(Box::new(Triage { archiving, ..Triage::default() }));
        let record = FindingRecord { triage, ..FindingRecord::default() };
        State { findings: [("f".to_owned(), record)].into(), ..State::default() }
    };
    for (intent, state, expected, case) in [
        (Intent::Posting, State::default(), false, "no run posts"),
        (Intent::Posting, released, false, "a run that ended says what to look for"),
        (Intent::Posting, with_lease(), true, "a run posts"),
        (Intent::DigestPlan("d"), with_lease(), false, "no plan"),
        (Intent::DigestPlan("other"), planned.clone(), false, "the plan of another digest"),
        (Intent::DigestPlan("d"), planned, true, "its plan"),
        (Intent::Notice(&id), with_lease(), false, "nothing is queued"),
        (Intent::Notice(&id), queued, true, "the notice is queued"),
        (Intent::Archiving("f"), State::default(), false, "an unknown finding"),
        (Intent::Archiving("f"), archiving(None), false, "no resolution"),
        (Intent::Archiving("f"), archiving(Some(Archiving::Archived)), false, "it is done"),
        (Intent::Archiving("f"), archiving(Some(Archiving::Archive)), true, "to be archived"),
        (Intent::Archiving("f"), archiving(Some(Archiving::Unarchive)), true, "to be unarchived"),
    ] {
        assert_eq!(intent.is_in(&state), expected, "{case}");
    }
}
