//! The clock of the demo: its runs take seconds, and its day takes nine hours.

use std::collections::BTreeMap;

use guardduty_slack_support::findings::now;
use guardduty_slack_support::html::{Channel, Shown};
use guardduty_slack_support::slack::Message;
use serde_json::Value;

/// When each message was posted in the day, by its `ts`, in seconds.
#[derive(Default)]
pub(crate) struct Clock(BTreeMap<String, i64>);

impl Clock {
    /// Notes that these messages were posted so many minutes ago.
    pub(crate) fn note(&mut self, messages: &[Message], minutes_ago: i64) {
        let at = now() / 1_000 - minutes_ago * 60;
        for message in messages {
            self.0.insert(message.ts.clone(), at);
        }
    }

    /// The channels with the times of the day.
    pub(crate) fn set(&self, mut channels: Vec<Channel>) -> Vec<Channel> {
        channels.iter_mut().flat_map(|channel| &mut channel.messages).for_each(|shown| self.set_message(shown));
        channels
    }

    fn set_message(&self, shown: &mut Shown) {
        if let Some(at) = self.0.get(&shown.ts) {
            shown.ts = format!("{at}.000000");
        }
        self.set_dates(&mut shown.payload);
        shown.replies.iter_mut().for_each(|reply| self.set_message(reply));
    }

    /// A message may name the time of another one.
    fn set_dates(&self, value: &mut Value) {
        match value {
            Value::Object(members) => members.iter_mut().for_each(|(name, member)| match member {
                Value::Number(number) if name == "timestamp" => {
                    if let Some(at) = self.of_second(&number.to_string()) {
                        *member = at.into();
                    }
                }
                other => self.set_dates(other),
            }),
            Value::Array(items) => items.iter_mut().for_each(|item| self.set_dates(item)),
            _ => {}
        }
    }

    /// The time of the first message that was posted in a second.
    fn of_second(&self, second: &str) -> Option<i64> {
        self.0.iter().find(|(ts, _)| ts.split('.').next() == Some(second)).map(|(_, at)| *at)
    }
}
