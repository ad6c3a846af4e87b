//! Getting one message to stand: what Slack refuses for its content is said more plainly, what a channel refuses goes
//! to the default channel, a throttle is waited out, and what certainly failed is tried again.

use std::time::Duration;

use crate::config::Target;
use crate::message::{Form, Message};
use crate::plan::Destination;
use crate::retry::Policy;
use crate::run::desk::Desk;
use crate::slack::pace::UPDATES;
use crate::slack::{At, Chat, Failure};

/// A message that stands, and the channel that refused it first.
pub(super) struct Sent {
    pub at: At,
    pub meant: Option<String>,
}

/// Why a message does not stand.
pub(super) enum Unsent {
    Unknown(String),
    Failed(String),
    /// The thread in which alone it makes sense is gone.
    Gone,
    Left,
}

/// Calls that certainly, or harmlessly, failed are tried again within a run.
struct Backoff {
    failed: u32,
}

impl Backoff {
    fn new() -> Self {
        Self { failed: 0 }
    }

    fn next(&mut self, left: Duration, chance: f64) -> Option<Duration> {
        self.failed += 1;
        Policy::SHORT.pause(self.failed, None, left, chance)
    }
}

impl<C: Chat> Desk<'_, C> {
    /// Edits a message. False: it is gone, or can no longer be edited.
    pub(super) async fn edit(&self, at: &At, make: impl Fn(Form) -> Message) -> Result<bool, Unsent> {
        let mut backoff = Backoff::new();
        let mut forms = Forms::new();
        loop {
            self.turn(UPDATES).await?;
            let failure = match self.chat.update(at, &make(forms.now())).await {
                Ok(()) => return Ok(true),
                Err(failure) => failure,
            };
            match failure {
                Failure::Throttled(wait) => {
                    tracing::info!(seconds = wait.as_secs(), "Slack throttles edits");
                    self.pace.hold(UPDATES, wait);
                }
                Failure::Content(why) => {
                    // What cannot be said by an edit in any form is posted anew.
                    if !forms.plainer(&why) {
                        return Ok(false);
                    }
                }
                Failure::Gone(_) | Failure::Channel(_) => return Ok(false),
                Failure::App(why) => return Err(self.refused(why)),
                Failure::Unsent(why) | Failure::Unknown(why) => {
                    self.again(&mut backoff, format!("chat.update: {why}")).await?;
                }
            }
        }
    }

    /// Posts a message, in plainer forms or to the default channel where it is refused.
    pub(super) async fn send(
        &self,
        to: &Destination,
        thread: Option<(&At, bool)>,
        make: impl Fn(Form, Option<&str>) -> Message,
    ) -> Result<Sent, Unsent> {
        let mut way = Way { target: to.target.clone(), meant: None, thread, only_there: false };
        if self.refusing.borrow().contains(to.name()) {
            way.fall_back(to.name(), &self.default);
        }
        self.send_by(way, make).await
    }

    /// Says a word in a thread, there or nowhere: out of it nobody would know what it is about.
    pub(super) async fn send_in(
        &self,
        to: &Destination,
        thread: (&At, bool),
        make: impl Fn(Form, Option<&str>) -> Message,
    ) -> Result<Sent, Unsent> {
        let way = Way { target: to.target.clone(), meant: None, thread: Some(thread), only_there: true };
        self.send_by(way, make).await
    }

    async fn send_by(&self, mut way: Way<'_>, make: impl Fn(Form, Option<&str>) -> Message) -> Result<Sent, Unsent> {
        let mut backoff = Backoff::new();
        let mut forms = Forms::new();
        loop {
            let lane = way.target.name().to_owned();
            if self.is_silent(&lane) {
                return Err(Unsent::Left);
            }
            self.turn(&self.lane(&lane)).await?;
            let message = make(forms.now(), way.meant.as_deref());
            let thread = way.thread.map(|(at, broadcast)| (at.ts.as_str(), broadcast));
            let failure = match self.chat.post(&way.target, &message, thread).await {
                Ok(posted) => return Ok(self.stands(way, posted.at)),
                Err(failure) => failure,
            };
            let call = |why: String| match way.target {
                Target::Channel(_) => format!("chat.postMessage: {why}"),
                Target::Webhook { .. } => format!("webhook: {why}"),
            };
            match failure {
                Failure::Throttled(wait) => {
                    tracing::info!(channel = lane, seconds = wait.as_secs(), "Slack throttles");
                    self.pace.hold(&self.lane(&lane), wait);
                }
                Failure::Content(why) if forms.plainer(&why) => {}
                Failure::Content(why) => return Err(Unsent::Failed(why)),
                Failure::Gone(_) if way.only_there => return Err(Unsent::Gone),
                Failure::Gone(_) if way.thread.is_some() => way.thread = None,
                Failure::Channel(why) | Failure::Gone(why) => {
                    if way.target == self.default.target || way.thread.is_some() {
                        return Err(Unsent::Failed(format!("{lane}: {why}")));
                    }
                    tracing::warn!(channel = lane, why, "the channel refuses messages; they go to the default channel");
                    self.refusing.borrow_mut().insert(lane.clone());
                    way.fall_back(&lane, &self.default);
                }
                Failure::App(why) => return Err(self.refused(why)),
                Failure::Unsent(why) => self.again(&mut backoff, call(why)).await?,
                Failure::Unknown(why) if self.is_readable(&way.target) => return Err(Unsent::Unknown(call(why))),
                // Nothing tells whether it stands: better twice than never.
                Failure::Unknown(why) => self.again(&mut backoff, call(why)).await?,
            }
        }
    }

    fn stands(&self, way: Way, at: At) -> Sent {
        let name = way.target.name();
        if name.starts_with('#') {
            let known = self.channels.borrow_mut().insert(name.to_owned(), at.channel.clone());
            if known.as_ref() != Some(&at.channel) {
                self.learned.set(true);
                // The turn was taken under its name.
                self.pace.hold(&at.channel, Duration::from_secs(1));
            }
        }
        Sent { at, meant: way.meant }
    }

    async fn turn(&self, lane: &str) -> Result<(), Unsent> {
        let turn = async {
            self.pace.turn(lane).await;
            self.until_recorded().await;
        };
        self.stop.unless(turn).await.ok_or(Unsent::Left)?;
        if self.over() { Err(Unsent::Left) } else { Ok(()) }
    }

    async fn again(&self, backoff: &mut Backoff, why: String) -> Result<(), Unsent> {
        let Some(wait) = backoff.next(self.stop.left(), (self.chance)()) else { return Err(Unsent::Failed(why)) };
        tracing::debug!(why, "tried again");
        self.stop.unless(tokio::time::sleep(wait)).await.ok_or(Unsent::Left)
    }

    fn refused(&self, why: String) -> Unsent {
        tracing::error!(why, "Slack refuses the app: mend the token, its scopes or the app; nothing is passed over");
        self.app_refused.borrow_mut().get_or_insert(why);
        Unsent::Left
    }
}

/// Where a message is going.
struct Way<'a> {
    target: Target,
    meant: Option<String>,
    thread: Option<(&'a At, bool)>,
    /// In that thread or nowhere.
    only_there: bool,
}

impl Way<'_> {
    fn fall_back(&mut self, refused: &str, default: &Destination) {
        if self.target != default.target {
            self.meant = Some(refused.to_owned());
            self.target = default.target.clone();
            self.thread = None;
        }
    }
}

/// The forms of a message, plainer each time Slack refuses its content.
struct Forms(Form);

impl Forms {
    fn new() -> Self {
        Self(Form::Full)
    }

    fn now(&self) -> Form {
        self.0
    }

    fn plainer(&mut self, why: &str) -> bool {
        tracing::warn!(why, form = ?self.0, "Slack refuses the content");
        self.0 = match self.0 {
            Form::Full => Form::Text,
            Form::Text => Form::Bare,
            Form::Bare => return false,
        };
        true
    }
}
