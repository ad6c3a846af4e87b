//! Performs the requests of a run to GuardDuty and Slack, with values as input and output.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use futures_util::future::{join_all, join3};
use futures_util::stream::{self, StreamExt};

use crate::core::call::{Call, CallResponse};
use crate::core::channels::NamedChannel;
use crate::core::{ChannelHistory, DetectorRef, FindingIds, Query, QueryResponse};
use crate::guardduty::{GuardDutyApi, Investigation, ReadError, SourceKey, TransientReason};
use crate::slack::{RecentReactions, SlackApi, SlackError};
use crate::time::Timestamp;
use crate::triage::Messages;

/// Maximum number of channels that are read at a time: Slack allows about 50 such calls a minute, and bursts.
const MAX_CONCURRENT_HISTORIES: usize = 4;
/// Maximum number of pages of history that are read of one channel, 200 messages each, and of all channels.
const MAX_PAGES_PER_CHANNEL: usize = 5;
const MAX_PAGES_PER_RUN: usize = 40;

type SourcesByKey<D> = HashMap<SourceKey, Rc<D>>;

/// Makes one request of a delivery.
pub(super) async fn call<C: SlackApi>(chat: &C, call: Call) -> CallResponse {
    match call {
        Call::Post { to, message, thread } => {
            CallResponse::Posted(chat.post_message(&to, &message, thread.as_ref()).await)
        }
        Call::Update { at, message } => CallResponse::Updated(chat.update_message(&at, &message).await),
        Call::Permalink { at } => CallResponse::Permalink(chat.permalink(&at).await),
        Call::History { channel, oldest } => CallResponse::Messages(chat.history(&channel, oldest).await),
        Call::Replies { channel, thread, oldest } => {
            CallResponse::Messages(chat.replies(&channel, &thread, oldest).await)
        }
    }
}

/// Makes the requests of a query.
pub(super) async fn run_query<D: GuardDutyApi, C: SlackApi>(
    chat: &C,
    sources: SourcesByKey<D>,
    query: Query,
) -> QueryResponse {
    match query {
        Query::Histories { channels, oldest } => QueryResponse::Histories(read_histories(chat, channels, oldest).await),
        Query::ReactionAccess => QueryResponse::ReactionAccess(chat.reaction_access().await),
        Query::RecentReactions(messages) => {
            QueryResponse::RecentReactions(read_recent_reactions(chat, &messages).await)
        }
        Query::Reactions(at) => QueryResponse::Reactions(chat.reactions(&at).await),
        Query::IsBot(user) => QueryResponse::IsBot(chat.is_bot(&user).await),
        Query::Permalink(at) => QueryResponse::Permalink(chat.permalink(&at).await),
        Query::Findings(FindingIds { detector: of, ids }) => {
            QueryResponse::Findings(async { find(&sources, &of)?.get_findings(&of.id, &ids).await }.await)
        }
        Query::Documents(FindingIds { detector: of, ids }) => {
            QueryResponse::Documents(async { find(&sources, &of)?.documents(&of.id, &ids).await }.await)
        }
        Query::ChangeArchiving(FindingIds { detector: of, ids }, change) => {
            QueryResponse::ArchivingChanged(async { find(&sources, &of)?.archive(&of.id, &ids, change).await }.await)
        }
        Query::Investigations(detectors) => {
            QueryResponse::Investigations(join_all(detectors.iter().map(|of| list_investigations(&sources, of))).await)
        }
        Query::Assessment(of, id) => {
            QueryResponse::Assessment(async { find(&sources, &of)?.assessment(&of.id, &id).await }.await)
        }
        Query::OpenByAge(detectors, before) => {
            QueryResponse::OpenByAge(join_all(detectors.iter().map(|of| count_by_age(&sources, of, before))).await)
        }
    }
}

async fn read_histories<C: SlackApi>(
    chat: &C,
    channels: BTreeMap<String, String>,
    oldest: Timestamp,
) -> Vec<ChannelHistory> {
    let read = async |(id, name): (String, String)| {
        let messages = chat.history(&id, oldest).await;
        ChannelHistory { channel: NamedChannel { name, id }, messages }
    };
    stream::iter(channels).map(read).buffered(MAX_CONCURRENT_HISTORIES).collect().await
}

fn find<'s, D>(sources: &'s SourcesByKey<D>, of: &DetectorRef) -> Result<&'s Rc<D>, ReadError> {
    let unknown =
        || ReadError::Transient { reason: TransientReason::Rejected, text: format!("source {} is unknown", of.source) };
    sources.get(&of.source).ok_or_else(unknown)
}

async fn list_investigations<D: GuardDutyApi>(
    sources: &SourcesByKey<D>,
    of: &DetectorRef,
) -> Result<Vec<Investigation>, ReadError> {
    find(sources, of)?.investigations(&of.id).await
}

async fn count_by_age<D: GuardDutyApi>(
    sources: &SourcesByKey<D>,
    of: &DetectorRef,
    before: [Timestamp; 3],
) -> Result<[u64; 3], ReadError> {
    let source = find(sources, of)?;
    let count = |before: Timestamp| source.open_created_before(&of.id, before);
    let [day, week, month] = before;
    let (day, week, month) = join3(count(day), count(week), count(month)).await;
    Ok([day?, week?, month?])
}

/// The recent messages of each channel that could be read.
async fn read_recent_reactions<C: SlackApi>(chat: &C, messages: &Messages) -> BTreeMap<String, RecentReactions> {
    let mut read = BTreeMap::new();
    let mut pages_left = MAX_PAGES_PER_RUN;
    for (channel, timestamps) in messages {
        let Some(oldest) = timestamps.first().filter(|_| pages_left > 0) else { continue };
        match chat.recent_reactions(channel, oldest, MAX_PAGES_PER_CHANNEL.min(pages_left)).await {
            Ok((recent, pages)) => {
                pages_left -= pages;
                read.insert(channel.clone(), recent);
            }
            Err(SlackError::ChannelRejected(error)) => {
                pages_left -= 1;
                tracing::debug!(channel, error, "channel is not accessible; its reactions are not read");
            }
            Err(error) => {
                pages_left -= 1;
                tracing::warn!(channel, %error, "reactions of a channel were not read; the next run reads them");
            }
        }
    }
    read
}
