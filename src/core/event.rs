//! Defines events, the inputs of the core, and effects, the actions that it requests.

use std::collections::BTreeMap;

use crate::core::call::{Call, CallId, CallResponse};
use crate::core::channels::NamedChannel;
use crate::finding::{Assessment, Finding};
use crate::guardduty::{ArchiveChange, Investigation, ReadError, SourceKey};
use crate::plan::Delivery;
use crate::poll::BatchRequest;
use crate::poll::source::{SourceExtras, SourceReport};
use crate::slack::{BotMessage, HistoryError, MessageRef, Reaction, ReactionAccess, RecentReactions, SlackError};
use crate::state::store::SaveError;
use crate::time::Timestamp;
use crate::triage::Messages;
use crate::user::UserId;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The sources of one identity are known.
    SourcesDiscovered(Result<Vec<SourceKey>, UnusableIdentity>),
    SourceRead(Box<SourceReport>),
    /// Slack responded to a request of a delivery.
    CallAnswered(CallId, CallResponse),
    QueryAnswered(QueryId, QueryResponse),
    /// The store responded.
    Saved(Generation, Result<(), SaveError>),
    /// Time passed.
    Woken,
    ShutdownRequested,
}

/// Something to be done.
#[derive(Debug)]
pub enum Effect {
    ReadSource(Box<SourceRequest>),
    Call(CallId, Call),
    /// The run no longer waits for the responses to requests of deliveries.
    AbandonCalls,
    Query(QueryId, Query),
    /// The run no longer waits for the response to a query.
    AbandonQuery(QueryId),
    /// Replaces a save that has no response yet.
    Save(Save),
    /// A dry run prints a delivery.
    Print(Box<Delivery>),
    /// An event is due at this time, if there is none before.
    WakeAt(Timestamp),
}

/// An identity that could not be used, and with it the sources that are read through it.
#[derive(Debug)]
pub struct UnusableIdentity {
    /// `self`, or the role.
    pub identity: String,
    /// The account, where it is known without a request.
    pub account: Option<String>,
    pub error: ReadError,
}

/// A source, and what is read of it.
#[derive(Debug)]
pub struct SourceRequest {
    pub source: SourceKey,
    /// The detector, if this run has read it already.
    pub detector_id: Option<String>,
    pub batch: BatchRequest,
    pub extras: SourceExtras,
}

/// Number of a document that is saved, in the order of the saves of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

impl Generation {
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A document to be saved.
#[derive(Debug)]
pub struct Save {
    pub generation: Generation,
    pub document: String,
}

/// Number of a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryId(u64);

impl QueryId {
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The detector of a source.
#[derive(Clone, Debug)]
pub struct DetectorRef {
    pub source: SourceKey,
    pub id: String,
}

/// At most [`PAGE_SIZE`](crate::guardduty::PAGE_SIZE) findings of one source.
#[derive(Clone, Debug)]
pub struct FindingIds {
    pub detector: DetectorRef,
    pub ids: Vec<String>,
}

/// A query to GuardDuty or Slack. At most one is open at a time.
#[derive(Debug)]
pub enum Query {
    /// The own messages in channels, by the ID of the channel with its name, since a time.
    Histories {
        channels: BTreeMap<String, String>,
        oldest: Timestamp,
    },
    ReactionAccess,
    RecentReactions(Messages),
    Reactions(MessageRef),
    IsBot(UserId),
    Permalink(MessageRef),
    Findings(FindingIds),
    /// Findings as GuardDuty returns them.
    Documents(FindingIds),
    ChangeArchiving(FindingIds, ArchiveChange),
    /// The number of open findings that were created before each of these times.
    OpenByAge(Vec<DetectorRef>, [Timestamp; 3]),
    Investigations(Vec<DetectorRef>),
    /// The result of an investigation, by its ID.
    Assessment(DetectorRef, String),
}

/// The history of one channel.
#[derive(Debug)]
pub struct ChannelHistory {
    pub channel: NamedChannel,
    pub messages: Result<Vec<BotMessage>, HistoryError>,
}

/// The response to a query.
#[derive(Debug)]
pub enum QueryResponse {
    Histories(Vec<ChannelHistory>),
    ReactionAccess(Result<ReactionAccess, SlackError>),
    /// By the ID of each channel that could be read.
    RecentReactions(BTreeMap<String, RecentReactions>),
    Reactions(Result<Vec<Reaction>, SlackError>),
    IsBot(Result<bool, SlackError>),
    Permalink(Option<String>),
    Findings(Result<Vec<Finding>, ReadError>),
    Documents(Result<BTreeMap<String, String>, ReadError>),
    ArchivingChanged(Result<(), ReadError>),
    /// In the order of the query.
    OpenByAge(Vec<Result<[u64; 3], ReadError>>),
    /// In the order of the query.
    Investigations(Vec<Result<Vec<Investigation>, ReadError>>),
    Assessment(Result<Assessment, ReadError>),
}
