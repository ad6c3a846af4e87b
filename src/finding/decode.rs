//! Decodes findings from JSON, for the responses of GuardDuty and the documents of `preview`.
//!
//! A finding is read directly into the shapes of the service model. A member that violates the model is omitted, and the
//! others are read: see [`member`]. Text that is almost JSON is repaired and read again: see [`repair()`].

#[cfg(test)]
pub(crate) mod arbitrary;
mod collections;
mod faults;
mod member;
mod raw;
mod repair;
pub(super) mod shapes;
#[cfg(test)]
mod tests;
pub(super) mod time;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};
#[cfg(test)]
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use super::line::non_blank;
use super::{Details, Finding, Origin};
use crate::text::truncate;
use crate::time::Timestamp;
use faults::Faults;
use member::{Member, shapes};
use raw::Json;
pub(super) use raw::ServiceAdditionalInfo;
pub use repair::repair;
pub(super) use values::Text;

/// Maximum length, in characters, of text that is kept as received.
const MAX_RAW: usize = 20_000;

/// The findings of one response of `GetFindings`.
#[derive(Debug, Default)]
pub struct DecodedFindings {
    pub findings: Vec<Finding>,
    /// Number of findings without a readable ID.
    pub unidentified: usize,
}

/// The body is not a response of `GetFindings`. It may be truncated, or the page of a proxy.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the answer is not JSON with findings: {text:.200}")]
pub struct NotAnAnswer {
    /// The text as received, truncated for the log.
    pub text: String,
}

impl NotAnAnswer {
    pub(crate) fn of(text: &str) -> Self {
        Self { text: truncate(text, MAX_RAW) }
    }
}

/// A finding that has no ID, neither as `id` nor as the end of `arn`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a finding without id")]
pub struct NoId;

/// Decodes the response of `GetFindings` for these IDs. Returns an error only if it is not JSON that contains findings.
pub fn decode_answer(body: &[u8], ids: &[String], origin: &Arc<Origin>) -> Result<DecodedFindings, NotAnAnswer> {
    let text = to_text(body);
    decode_text(&text, ids, origin)
        .or_else(|| decode_text(&repair(&text), ids, origin))
        .ok_or_else(|| NotAnAnswer::of(&text))
}

/// Decodes one finding of a source.
pub fn decode(raw: &str, origin: &Arc<Origin>) -> Result<Finding, NoId> {
    decode_item(raw, |item| item.finding(None, origin))
}

/// Decodes one finding of a document, which may contain its own account and region.
pub(super) fn decode_document(raw: &str, event: &EventSource) -> Result<Finding, NoId> {
    let mut finding = decode_item(raw, |item| item.finding(None, &Arc::new(event.origin(&item.header))))?;
    finding.received(event.time);
    Ok(finding)
}

fn decode_item(raw: &str, finding: impl Fn(&Item) -> Option<Finding>) -> Result<Finding, NoId> {
    let decode = |text: &str| read::<Item>(text).and_then(|item| finding(&item));
    decode(raw).or_else(|| decode(&repair(raw))).ok_or(NoId)
}

/// Reads the details of a finding.
pub(super) fn decode_details(id: &str, json: &str) -> Details {
    let decode = |text: &str| {
        let faults = Faults::default();
        let shape = read_noting::<shapes::Details>(text, &faults)?;
        let omitted = faults.into_paths();
        log_omitted(id, &omitted);
        Some(Details { is_partial: !omitted.is_empty(), ..Details::from_shape(&shape) })
    };
    let unreadable = || Details { is_partial: true, ..Details::default() };
    decode(json).or_else(|| decode(&repair(json))).unwrap_or_else(unreadable)
}

fn log_omitted(id: &str, paths: &[String]) {
    for path in paths {
        tracing::debug!(finding_id = id, path, "omitted a member of a finding that cannot be interpreted");
    }
}

/// Returns a finding of which only the ID could be read.
pub fn undecodable(id: &str, raw: &str, origin: &Arc<Origin>) -> Finding {
    let mut finding = Finding::from_header(&shapes::Header::default(), id, origin, "{}");
    finding.raw = Some(truncate(raw, MAX_RAW).into());
    finding
}

fn decode_text(text: &str, ids: &[String], origin: &Arc<Origin>) -> Option<DecodedFindings> {
    // A single finding is a list of one.
    let single = || Some(vec![read(read::<DocumentShape>(text)?.findings()?)?]);
    let items: Vec<Item> = read::<Envelope>(text)?.findings.or_else(single)?;
    let mut findings: Vec<Option<Finding>> = items.iter().map(|item| item.finding(None, origin)).collect();
    let unidentified: Vec<usize> = (0..items.len()).filter(|n| findings[*n].is_none()).collect();
    if let ([nth], Some(id)) = (unidentified.as_slice(), only_missing(ids, &findings)) {
        findings[*nth] = items[*nth].finding(Some(id), origin);
    }
    let unidentified = findings.iter().filter(|finding| finding.is_none()).count();
    Some(DecodedFindings { findings: findings.into_iter().flatten().collect(), unidentified })
}

/// Returns the only one of these IDs without a finding, or `None` if there are several or none.
fn only_missing<'i>(ids: &'i [String], findings: &[Option<Finding>]) -> Option<&'i str> {
    let mut missing = ids.iter().filter(|id| !findings.iter().flatten().any(|finding| finding.id == **id));
    missing.next().filter(|_| missing.next().is_none()).map(String::as_str)
}

/// Returns the findings of a response of `GetFindings` as received, by ID.
pub fn raw_findings(body: &[u8]) -> Result<BTreeMap<String, String>, NotAnAnswer> {
    let text = to_text(body);
    let envelope = read::<Envelope>(&text).ok_or_else(|| NotAnAnswer::of(&text))?;
    let with_id = |item: &Item| Some((item.header.id()?.to_owned(), item.json.to_owned()));
    Ok(envelope.findings().iter().filter_map(with_id).collect())
}

/// Returns the body as text. To check it first is much faster than `from_utf8_lossy`.
fn to_text(body: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// Reads an object of a document.
pub(super) fn read_document(raw: &str) -> Option<DocumentShape<'_>> {
    read(raw)
}

/// Reads a whole text. Returns `None` if it is not a JSON object.
fn read<'a, T: Member<'a>>(text: &'a str) -> Option<T> {
    read_noting(text, &Faults::default())
}

/// Reads a whole text, and records omitted members.
fn read_noting<'a, T: Member<'a>>(text: &'a str, faults: &Faults) -> Option<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = T::read(&mut reader, faults).ok()?;
    reader.end().ok()?;
    value
}

shapes! {
    Envelope {
        findings: Vec<Item<'a>> = "findings",
    }

    /// An object of a document: a finding, the output of `get-findings`, or an event of EventBridge.
    DocumentShape {
        findings: Json<'a> = "findings",
        detail: Json<'a> = "detail",
        detail_type: Text<'a> = "detail-type",
        account: Text<'a> = "account",
        region: Text<'a> = "region",
        time: Timestamp = "time",
        product_arn: Text<'a> = "ProductArn",
        product_fields: Json<'a> = "ProductFields",
    }
}

/// Account, region and time of an event.
#[derive(Clone, Debug, Default)]
pub(super) struct EventSource {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) time: Option<Timestamp>,
}

impl EventSource {
    fn origin(&self, header: &shapes::Header) -> Origin {
        let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Origin {
            account: self.account.clone().unwrap_or_else(|| own(header.account_id())),
            region: self.region.clone().unwrap_or_else(|| own(header.region())),
            detector: own(header.service().and_then(|service| service.detector_id())),
        }
    }
}

/// One finding of a response: its header, the paths of omitted members, and its JSON.
pub(super) struct Item<'a> {
    header: shapes::Header<'a>,
    omitted: Vec<String>,
    json: &'a str,
}

impl<'a> Member<'a> for Item<'a> {
    type Seen<'s>
        = Option<&'s Self>
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> Option<&Self> {
        member.as_ref()
    }

    fn read<D: Deserializer<'a>>(value: D, outer: &Faults) -> Result<Option<Self>, D::Error> {
        let json = <&RawValue>::deserialize(value)?.get();
        let faults = Faults::default();
        if !json.starts_with('{') {
            outer.note();
            return Ok(None);
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        let header = shapes::Header::read(&mut reader, &faults).map_err(D::Error::custom)?;
        Ok(header.map(|header| Self { header, omitted: faults.into_paths(), json }))
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut arbitrary::Fill) -> Value {
        shapes::Header::arbitrary(fill)
    }
}

impl Item<'_> {
    /// Returns the finding, or `None` if it has no ID and none is given.
    fn finding(&self, id: Option<&str>, origin: &Arc<Origin>) -> Option<Finding> {
        let of_arn = || self.header.arn().and_then(|arn| arn.rsplit_once("/finding/")).map(|(_, id)| id);
        let id = non_blank(self.header.id()).or_else(|| non_blank(of_arn())).or(id)?;
        log_omitted(id, &self.omitted);
        let mut finding = Finding::from_header(&self.header, id, origin, self.json);
        let is_complete = || self.omitted.is_empty() && !finding.details().is_partial && finding.changed().is_some();
        if finding.is_bare() && !is_complete() {
            finding.raw = Some(truncate(self.json, MAX_RAW).into());
        }
        Some(finding)
    }
}
