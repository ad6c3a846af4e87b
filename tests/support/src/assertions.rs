//! What a test expects of a run, as words that follow `run()`; each fails with what happened instead.

use std::collections::BTreeMap;

use crate::findings::millis;
use crate::journal::Entry;
use crate::process::ProcessResult;
use crate::slack::Message;
use crate::world::World;

impl World {
    /// How the last run ended.
    ///
    /// # Panics
    /// When there was none.
    pub fn last_run(&self) -> &ProcessResult {
        &self.last.as_ref().expect("a run came before").0
    }

    fn tail(&self) -> String {
        format!("{}\ncalls: {:#?}", self.last_run().tail(), self.lines())
    }

    pub fn exit(self, code: i32) -> Self {
        assert_eq!(self.last_run().code, Some(code), "exit status\n{}", self.tail());
        self
    }

    pub fn killed(self) -> Self {
        assert_eq!(self.last_run().signal, Some(9), "it should have been killed\n{}", self.tail());
        self
    }

    /// The messages that the last run posted.
    pub fn new_messages(&self) -> Vec<Message> {
        let before = self.last.as_ref().map_or(0, |(_, before)| before.messages);
        self.slack.messages().split_off(before)
    }

    fn new_of(&self, event_type: &str) -> Vec<Message> {
        self.new_messages().into_iter().filter(|m| m.event_type() == event_type).collect()
    }

    /// The ids of the findings for which the last run posted a message, in order.
    pub fn posted_ids(&self) -> Vec<String> {
        self.new_of("guardduty_finding").iter().map(|m| m.metadata_value("finding_id")).collect()
    }

    /// The last run posted a message for each of these findings and for no other, in whatever order.
    pub fn posted<'a>(self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut posted, mut wanted) = (self.posted_ids(), ids.into_iter().map(String::from).collect::<Vec<_>>());
        posted.sort();
        wanted.sort();
        assert_eq!(posted, wanted, "findings posted\n{}", self.tail());
        self
    }

    /// The last run posted a message for each of these findings, in this order.
    pub fn posted_in_order<'a>(self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let wanted: Vec<String> = ids.into_iter().map(Into::into).collect();
        assert_eq!(self.posted_ids(), wanted, "findings posted, in order\n{}", self.tail());
        self
    }

    /// The last run posted nothing at all.
    pub fn posted_nothing(self) -> Self {
        let posted: Vec<String> = self.new_messages().iter().map(Message::visible).collect();
        assert!(posted.is_empty(), "it should have posted nothing, but it posted {posted:#?}\n{}", self.tail());
        self
    }

    /// The last run updated the messages of these findings in place, and no other's.
    pub fn updated<'a>(self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let before = self.last.as_ref().map(|(_, before)| before.updates.clone()).unwrap_or_default();
        let newer = |m: &Message| before.get(&m.ts).is_some_and(|n| m.versions.len() > *n);
        let finding = |m: &Message| m.event_type() == "guardduty_finding";
        let messages = self.slack.messages();
        let mut updated: Vec<String> =
            messages.iter().filter(|m| finding(m) && newer(m)).map(|m| m.metadata_value("finding_id")).collect();
        let mut wanted: Vec<String> = ids.into_iter().map(Into::into).collect();
        updated.sort();
        wanted.sort();
        assert_eq!(updated, wanted, "messages updated\n{}", self.tail());
        self
    }

    /// The last run replied in the threads of these findings, in this order, and in no others.
    pub fn replied<'a>(self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let replied: Vec<String> =
            self.new_of("guardduty_reply").iter().map(|m| m.metadata_value("finding_id")).collect();
        let wanted: Vec<String> = ids.into_iter().map(Into::into).collect();
        assert_eq!(replied, wanted, "replies in threads\n{}", self.tail());
        self
    }

    /// The digests of the last run contain this number of findings.
    pub fn digested(self, findings: usize) -> Self {
        let sums =
            self.new_of("guardduty_digest").into_iter().map(|m| m.metadata_value("findings").parse().unwrap_or(0));
        let digested: usize = sums.sum();
        assert_eq!(findings, digested, "findings in digests\n{}", self.tail());
        self
    }

    /// The texts of the notices that the last run posted.
    pub fn notices(&self) -> Vec<String> {
        self.new_of("guardduty_notice").iter().map(Message::visible).collect()
    }

    /// One notice of the last run, and only one, holds all these words.
    pub fn posted_notice<const N: usize>(self, words: [&str; N]) -> Self {
        let notices = self.notices();
        let has_words = |n: &&String| words.iter().all(|w| n.to_lowercase().contains(&w.to_lowercase()));
        let found = notices.iter().filter(has_words).count();
        assert_eq!(found, 1, "notices with {words:?} among {notices:#?}\n{}", self.tail());
        self
    }

    /// The last run posted no notice.
    pub fn posted_no_notice(self) -> Self {
        assert_eq!(self.notices(), Vec::<String>::new(), "no notice was expected\n{}", self.tail());
        self
    }

    /// How often each state of a finding (id, `updatedAt` in ms) has been announced since the world began: by its own
    /// message, or by an update of that to a state not shown there before.
    pub fn deliveries_by_revision(&self) -> BTreeMap<(String, i64), usize> {
        let mut deliveries = BTreeMap::new();
        for message in self.slack.messages().iter().filter(|m| m.event_type() == "guardduty_finding") {
            let mut seen = Vec::new();
            for version in &message.versions {
                let metadata = &version["metadata"]["event_payload"];
                let id = metadata["finding_id"].as_str().unwrap_or_default().to_owned();
                let state = (id, metadata["updated_at"].as_str().and_then(millis).unwrap_or_default());
                if !seen.contains(&state) {
                    *deliveries.entry(state.clone()).or_insert(0) += 1;
                    seen.push(state);
                }
            }
        }
        deliveries
    }

    /// Over all runs, each of these findings has been announced in exactly one state, once.
    pub fn each_delivered_once<'a>(self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wanted: Vec<(String, usize)> = ids.into_iter().map(|id| (id.to_owned(), 1)).collect();
        let announced: Vec<(String, usize)> =
            self.deliveries_by_revision().into_iter().map(|((id, _), n)| (id, n)).collect();
        wanted.sort();
        assert_eq!(announced, wanted, "findings and how often each was announced\n{}", self.tail());
        self
    }

    /// The journal of the world holds these calls in this order, others between them. An entry is a line's beginning,
    /// such as `guardduty ListFindings`.
    pub fn calls_in_order<const N: usize>(self, beginnings: [&str; N]) -> Self {
        let lines = self.lines();
        let mut rest = lines.iter();
        for beginning in beginnings {
            assert!(
                rest.any(|line| line.starts_with(beginning)),
                "{beginning:?} does not come in its place among {lines:#?}\n{}",
                self.last_run().tail()
            );
        }
        self
    }

    /// The number of calls of one operation since the world was created.
    pub fn calls(self, operation: &str, times: usize) -> Self {
        let found: Vec<String> = self.journal().of(operation).iter().map(Entry::line).collect();
        assert_eq!(found.len(), times, "calls of {operation}: {found:#?}\n{}", self.last_run().tail());
        self
    }

    pub fn stderr_has(self, words: &str) -> Self {
        assert!(self.last_run().stderr.contains(words), "{words:?} is not in stderr:\n{}", self.last_run().stderr);
        self
    }

    pub fn stdout_has(self, words: &str) -> Self {
        assert!(self.last_run().stdout.contains(words), "{words:?} is not in stdout:\n{}", self.last_run().stdout);
        self
    }

    /// The value of one sample at the Pushgateway.
    pub fn metric(self, series: &str, value: f64) -> Self {
        let pushgateway = self.pushgateway.clone().expect("a world with metrics()");
        assert_eq!(
            pushgateway.value(series),
            Some(value),
            "{series} in\n{}\n{}",
            pushgateway.text(),
            self.last_run().tail()
        );
        self
    }

    /// The one message, with all its versions, that a finding has.
    ///
    /// # Panics
    /// When it has none or several.
    pub fn message_of(&self, id: &str) -> Message {
        let own =
            |m: &Message| m.event_type() == "guardduty_finding" && m.metadata_value("finding_id") == id && !m.deleted;
        let mut found: Vec<Message> = self.slack.messages().into_iter().filter(own).collect();
        assert_eq!(found.len(), 1, "messages of {id}\n{}", self.tail());
        found.remove(0)
    }
}
