//! Delivery of one message: what Slack rejects for its content is sent in a plainer form, what a channel rejects goes to
//! the default channel, a rate limit is waited for, and what certainly failed is tried again.

use std::time::Duration;

use crate::config::Target;
use crate::message::{Addressing, Form, Message};
use crate::plan::Destination;
use crate::retry::Policy;
use crate::run::desk::Desk;
use crate::run::refusals::Mentions;
use crate::slack::pace::UPDATES;
use crate::slack::{At, Chat, Failure};

/// A message that Slack acknowledged, and the channel that rejected it first.
pub(super) struct Sent {
    pub at: At,
    pub form: Form,
    pub meant: Option<String>,
}

/// Why a message was not acknowledged.
pub(super) enum Unsent {
    Unknown(String),
    Failed(String),
    /// The default channel rejects messages as such, which was logged: its queue stops for the run.
    Stopped(String),
    /// The message in whose thread the reply belongs does not exist any more.
    Gone,
    /// The thread, or its channel, rejects the reply.
    NoReply(String),
    Left,
}

/// Number of attempts that certainly, or harmlessly, failed, and of rate limits met.
#[derive(Default)]
struct Attempts {
    failed: u32,
    rate_limited: u32,
}

impl<C: Chat> Desk<'_, C> {
    /// Edits a message, and returns its form. Returns `None` if it does not exist any more, or can no longer be edited.
    pub(super) async fn edit(&self, at: &At, make: impl Fn(Form) -> Message) -> Result<Option<Form>, Unsent> {
        let mut attempts = Attempts::default();
        let mut forms = Forms::new();
        loop {
            self.turn(UPDATES).await?;
            let failure = match self.chat.update(at, &make(forms.now())).await {
                Ok(()) => return Ok(Some(forms.now())),
                Err(failure) => failure,
            };
            match failure {
                Failure::RateLimited(wait) => self.hold(UPDATES, wait, &mut attempts),
                // What no form can express by an edit is posted again.
                Failure::Content(why) | Failure::Unclassified(why) if forms.plainer(&why) => {}
                Failure::Content(_)
                | Failure::Unclassified(_)
                | Failure::Gone(_)
                | Failure::Reply(_)
                | Failure::Channel(_)
                | Failure::Restricted(_) => return Ok(None),
                Failure::App(why) => return Err(self.on_app_refused(&why)),
                Failure::Unsent(why) | Failure::Unknown(why) => {
                    self.again(&mut attempts, format!("chat.update: {why}")).await?;
                }
            }
        }
    }

    /// Posts a message, in plainer forms or to the default channel where it is rejected. `thread`: a thread in which it
    /// belongs if it can be there.
    pub(super) async fn send(
        &self,
        to: &Destination,
        thread: Option<&At>,
        make: impl Fn(Form, &Addressing) -> Message,
    ) -> Result<Sent, Unsent> {
        self.send_by(Way::new(self, to, thread.map(|at| (at, false)), false), make).await
    }

    /// Replies in a thread, there or nowhere. The flag says whether the channel shows the reply, too.
    pub(super) async fn reply(
        &self,
        to: &Destination,
        thread: (&At, bool),
        make: impl Fn(Form, &Addressing) -> Message,
    ) -> Result<Sent, Unsent> {
        self.send_by(Way::new(self, to, Some(thread), true), make).await
    }

    async fn send_by(&self, mut way: Way<'_>, make: impl Fn(Form, &Addressing) -> Message) -> Result<Sent, Unsent> {
        let mut attempts = Attempts::default();
        loop {
            self.avoid_rejecting_channel(&mut way)?;
            let name = way.target.name().to_owned();
            let lane = self.lane(&name);
            if self.is_silent(&name) {
                return Err(Unsent::Left);
            }
            self.turn(&lane).await?;
            let message = way.write(&make);
            let thread = way.thread.map(|(at, broadcast)| (at.ts.as_str(), broadcast));
            let failure = match self.chat.post(&self.addressed(&way.target), &message, thread).await {
                Ok(posted) => return Ok(self.on_sent(way, posted.at)),
                Err(failure) => failure,
            };
            match failure {
                Failure::RateLimited(wait) => self.hold(&lane, wait, &mut attempts),
                Failure::Content(why) if way.forms.plainer(&why) => {}
                Failure::Content(why) => return Err(Unsent::Failed(why)),
                Failure::Restricted(why) | Failure::Unclassified(why) if way.mentions.omit_next() => {
                    tracing::warn!(channel = name, error = why, "channel may reject the mention; sending without it");
                }
                Failure::Unclassified(why) if way.forms.plainer(&why) => {}
                Failure::Unclassified(why) if way.is_last_resort(self) => return Err(Unsent::Failed(why)),
                Failure::Gone(_) if way.only_there => return Err(Unsent::Gone),
                Failure::Restricted(why)
                | Failure::Unclassified(why)
                | Failure::Channel(why)
                | Failure::Reply(why)
                | Failure::Gone(why) => self.on_rejected(&mut way, &why)?,
                Failure::App(why) => return Err(self.on_app_refused(&why)),
                Failure::Unsent(why) => self.again(&mut attempts, way.call(&why)).await?,
                Failure::Unknown(why) if self.is_readable(&way.target) => return Err(Unsent::Unknown(way.call(&why))),
                // Nothing shows whether the message exists: a duplicate is better than a loss.
                Failure::Unknown(why) => self.again(&mut attempts, way.call(&why)).await?,
            }
        }
    }

    /// Goes around a channel that is known to reject messages. It may still accept replies.
    fn avoid_rejecting_channel(&self, way: &mut Way<'_>) -> Result<(), Unsent> {
        if !way.only_there && !self.is_default(&way.target) && self.rejection_of(&way.target).is_some() {
            self.fall_back(way);
        }
        match self.rejection_of(&way.target).filter(|_| !way.only_there) {
            Some(why) => Err(Unsent::Stopped(why)),
            None => Ok(()),
        }
    }

    fn rejection_of(&self, target: &Target) -> Option<String> {
        self.refusals.of_channel(&self.lane(target.name()))
    }

    /// Finds another way for a message that a channel or a thread rejects.
    fn on_rejected(&self, way: &mut Way<'_>, why: &str) -> Result<(), Unsent> {
        let name = way.target.name().to_owned();
        if why.starts_with("channel_not_found") && self.use_id_of_renamed(&name) {
            return Ok(());
        }
        if way.only_there {
            return Err(Unsent::NoReply(why.to_owned()));
        }
        if way.thread.take().is_some() {
            way.forms = Forms::new();
            return Ok(());
        }
        let reason = format!("{name}: {why}");
        let is_news = self.refusals.add_channel(&self.lane(&name), &reason);
        if self.is_default(&way.target) {
            if is_news {
                tracing::error!(
                    channel = name,
                    error = why,
                    "default channel rejects messages; its queue stops for this run"
                );
            }
            return Err(Unsent::Stopped(reason));
        }
        tracing::warn!(channel = name, error = why, "channel rejected the message; using the default channel");
        self.fall_back(way);
        Ok(())
    }

    /// A channel that was renamed is found by the ID that the state has. Returns false if that is unknown or in use.
    fn use_id_of_renamed(&self, name: &str) -> bool {
        let Some(id) = self.channel_id(name).filter(|_| name.starts_with('#')) else { return false };
        let is_news = self.refusals.add_renamed(name, &id);
        if is_news {
            tracing::warn!(channel = name, id, "channel was renamed; using its ID. Set its new name or its ID");
        }
        is_news
    }

    fn addressed(&self, target: &Target) -> Target {
        match self.refusals.renamed(target.name()) {
            Some(id) => Target::Channel(id),
            None => target.clone(),
        }
    }

    fn fall_back(&self, way: &mut Way<'_>) {
        let rejecting = way.target.name().to_owned();
        let mention = way.mention.clone();
        let to = Destination { mention, ..self.default.clone() };
        *way = Way { meant: Some(rejecting), ..Way::new(self, &to, None, false) };
    }

    fn is_default(&self, target: &Target) -> bool {
        self.lane(target.name()) == self.lane(self.default.name())
    }

    fn on_sent(&self, way: Way, at: At) -> Sent {
        let name = way.target.name();
        self.refusals.add_mentions(&self.lane(name), &way.mentions);
        if name.starts_with('#') {
            let known = self.channels.borrow_mut().insert(name.to_owned(), at.channel.clone());
            if known.as_ref() != Some(&at.channel) {
                self.learned.set(true);
                // The turn was taken under its name.
                self.pace.hold(&at.channel, Duration::from_secs(1));
            }
        }
        Sent { at, form: way.forms.now(), meant: way.meant }
    }

    async fn turn(&self, lane: &str) -> Result<(), Unsent> {
        let turn = async {
            self.pace.turn(lane).await;
            self.until_recorded().await;
        };
        self.stop.unless(turn).await.ok_or(Unsent::Left)?;
        if self.over() { Err(Unsent::Left) } else { Ok(()) }
    }

    /// Holds a queue for as long as Slack asks. If Slack does not say how long, the waiting time grows.
    fn hold(&self, lane: &str, asked: Option<Duration>, attempts: &mut Attempts) {
        attempts.rate_limited += 1;
        let wait = asked.unwrap_or_else(|| Policy::RATE_LIMIT.backoff(attempts.rate_limited, (self.chance)()));
        let wait_seconds = wait.as_secs_f64();
        if lane == UPDATES {
            tracing::info!(wait_seconds, "Slack rate limit reached for edits; waiting");
        } else {
            tracing::info!(channel = lane, wait_seconds, "Slack rate limit reached; waiting");
        }
        self.pace.hold(lane, wait);
    }

    async fn again(&self, attempts: &mut Attempts, why: String) -> Result<(), Unsent> {
        attempts.failed += 1;
        let wait = Policy::SHORT.pause(attempts.failed, None, self.stop.left(), (self.chance)());
        let Some(wait) = wait else { return Err(Unsent::Failed(why)) };
        tracing::debug!(error = why, "retrying");
        self.stop.unless(tokio::time::sleep(wait)).await.ok_or(Unsent::Left)
    }

    fn on_app_refused(&self, why: &str) -> Unsent {
        if self.refusals.add_app(why) {
            tracing::error!(
                error = why,
                "Slack rejected the app: check the bot token and its scopes; delivery stopped, no finding is lost"
            );
        }
        Unsent::Left
    }
}

/// The way of a message to Slack.
struct Way<'a> {
    target: Target,
    /// The channel that rejected the message.
    meant: Option<String>,
    thread: Option<(&'a At, bool)>,
    /// In that thread or nowhere.
    only_there: bool,
    mention: Option<String>,
    mentions: Mentions,
    forms: Forms,
}

impl<'a> Way<'a> {
    fn new<C: Chat>(desk: &Desk<'_, C>, to: &Destination, thread: Option<(&'a At, bool)>, only_there: bool) -> Self {
        Self {
            target: to.target.clone(),
            meant: None,
            thread,
            only_there,
            mention: to.mention.clone(),
            mentions: desk.refusals.mentions(&desk.lane(to.name()), to.mention.as_deref()),
            forms: Forms::new(),
        }
    }

    fn write(&self, make: impl Fn(Form, &Addressing) -> Message) -> Message {
        let mention = self.mentions.sent();
        let omitted_mention = self.mentions.omitted();
        let addressing = Addressing {
            mention: mention.as_deref(),
            omitted_mention: omitted_mention.as_deref(),
            refused_channel: self.meant.as_deref(),
        };
        make(self.forms.now(), &addressing)
    }

    /// Returns true if there is no other channel to try.
    fn is_last_resort<C: Chat>(&self, desk: &Desk<'_, C>) -> bool {
        !self.only_there && self.thread.is_none() && desk.is_default(&self.target)
    }

    fn call(&self, why: &str) -> String {
        match self.target {
            Target::Channel(_) => format!("chat.postMessage: {why}"),
            Target::Webhook { .. } => format!("webhook: {why}"),
        }
    }
}

/// The forms of a message, plainer each time Slack rejects its content.
struct Forms(Form);

impl Forms {
    fn new() -> Self {
        Self(Form::Full)
    }

    fn now(&self) -> Form {
        self.0
    }

    fn plainer(&mut self, why: &str) -> bool {
        let simpler = match self.0 {
            Form::Full => Form::Text,
            Form::Text => Form::Bare,
            Form::Bare => return false,
        };
        let form = self.0.name();
        tracing::warn!(error = why, form, "Slack rejected the message content; retrying with a simpler form");
        self.0 = simpler;
        true
    }
}
