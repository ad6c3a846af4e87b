//! What a run knows of its channels.

use super::*;

fn to(name: &str) -> Target {
    Target::Channel(name.to_owned())
}

fn channels() -> Channels {
    let default = Destination { target: to("#default"), mention: None, route: None };
    Channels::new(default, [("#known".to_owned(), "C1".to_owned())].into())
}

#[test]
fn a_channel_is_known_by_its_name_and_its_id() {
    let mut channels = channels();
    assert_eq!((channels.name("C1"), channels.name("C2")), ("#known".to_owned(), "C2".to_owned()));
    assert_eq!(
        (channels.id("#known"), channels.id("#new"), channels.id("C2")),
        (Some("C1".into()), None, Some("C2".into()))
    );
    assert!(!channels.has_unsaved_id());
    assert!(!channels.note_id("#known", "C1") && !channels.has_unsaved_id(), "known");
    assert!(!channels.note_id("C2", "C2") && !channels.has_unsaved_id(), "configured by its ID");
    assert!(channels.note_id("#new", "C3") && channels.has_unsaved_id());
    assert!(!channels.note_id("#new", "C3") && channels.has_unsaved_id(), "not saved yet");
    let ids = [("#known", "C1"), ("#new", "C3")].map(|(name, id)| (name.to_owned(), id.to_owned()));
    assert_eq!(*channels.ids(), ids.into());
    channels.set_ids_saved();
    assert!(!channels.has_unsaved_id());
}

#[test]
fn the_default_channel_is_recognized_by_name_and_id() {
    let mut channels = channels();
    assert!(channels.is_default(&to("#default")) && !channels.is_default(&to("#known")));
    channels.note_id("#default", "C9");
    assert!(channels.is_default(&to("C9")));
    assert_eq!(channels.queue(&to("#default")), Queue::Channel("C9".into()));
}

#[test]
fn a_closed_channel_is_closed_by_name_and_id() {
    let mut channels = channels();
    assert!(!channels.has_closed() && !channels.is_closed("#known"));
    channels.close("C1".to_owned());
    assert!(channels.has_closed() && channels.is_closed("#known") && channels.is_closed("C1"));
    assert!(!channels.is_closed("#default"));
}

#[test]
fn a_channel_is_readable_until_its_history_is_not_and_a_webhook_never() {
    let mut channels = channels();
    assert!(channels.is_readable(&to("#known")));
    channels.set_unreadable("C1".to_owned());
    assert!(!channels.is_readable(&to("#known")) && channels.is_readable(&to("#default")));
    let webhook = Target::Webhook { name: "SLACK_WEBHOOK_URL".into(), url: String::new().into() };
    assert!(!channels.is_readable(&webhook));
}

#[test]
fn a_history_that_could_not_be_read_is_kept_for_the_run() {
    let mut channels = channels();
    assert!(!channels.is_history_unread());
    channels.set_history_unread();
    assert!(channels.is_history_unread());
}

#[test]
fn a_rejection_is_new_once() {
    let mut channels = channels();
    assert_eq!(channels.rejection(&to("#known")), None);
    assert!(channels.add_rejection(&to("#known"), "is_archived") && !channels.add_rejection(&to("C1"), "is_archived"));
    assert_eq!((channels.rejection(&to("C1")), channels.rejection(&to("#default"))), (Some("is_archived"), None));
    assert!(!channels.is_app_rejected());
    assert!(channels.add_app_rejection("token_revoked") && channels.is_app_rejected());
    assert!(!channels.add_app_rejection("token_revoked") && channels.is_app_rejected());
}

#[test]
fn a_renamed_channel_is_addressed_by_its_id_if_that_is_known() {
    let mut channels = channels();
    assert!(channels.add_renamed("#known") && !channels.add_renamed("#known"));
    assert!(!channels.add_renamed("#default") && !channels.add_renamed("C1"));
    assert_eq!((channels.address(&to("#known")), channels.address(&to("#default"))), (to("C1"), to("#default")));
}

#[test]
fn a_mention_that_a_channel_rejected_is_omitted_there() {
    let mut channels = channels();
    let mention = Mention::parse("<!here>");
    let mut rejected = channels.mentions(&to("#known"), mention.as_ref());
    assert_eq!((rejected.sent(), rejected.omitted()), (mention.clone(), None));
    assert!(rejected.omit_next());
    channels.add_rejected_mentions(&to("#known"), &rejected);
    assert_eq!(channels.mentions(&to("C1"), mention.as_ref()).sent(), None);
    assert_eq!(channels.mentions(&to("#default"), mention.as_ref()).sent(), mention);
}
