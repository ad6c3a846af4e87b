//! Decodes findings from JSON: the one way for what GuardDuty answers and for what `preview` reads.
//!
//! A finding is read straight into the shapes of the service model. What breaks the model costs the member that breaks
//! it and nothing else: see [`member`]. Text that is not quite JSON is repaired and read again: see [`repair`].

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

use serde::Deserialize;
use serde::de::MapAccess;
#[cfg(test)]
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use super::phrase::{filled, short};
use super::{Finding, Origin};
use crate::time::Millis;
use faults::Faults;
use member::{Member, shapes};
use raw::Json;
pub(super) use raw::ServiceAdditionalInfo;
pub use repair::repair;
pub(super) use values::Text;

/// Maximum length, in characters, of what is kept as it was received.
const MAX_RAW: usize = 20_000;

/// The findings of one answer of `GetFindings`.
#[derive(Debug, Default)]
pub struct Answer {
    pub findings: Vec<Finding>,
    /// Number of findings without an ID that can be read.
    pub unidentified: usize,
}

/// A text that is no answer of `GetFindings`: cut short, or a proxy's page.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the answer is not JSON with findings: {text:.200}")]
pub struct NotAnAnswer {
    /// The text as it was received, cut to a length that can be logged.
    pub text: String,
}

impl NotAnAnswer {
    pub(crate) fn of(text: &str) -> Self {
        Self { text: short(text, MAX_RAW) }
    }
}

/// A finding that has no ID, neither as `id` nor as the end of `arn`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a finding without id")]
pub struct NoId;

/// Decodes the answer of `GetFindings` about findings of these IDs. Fails only if it is not JSON that holds findings.
pub fn decode_answer(body: &[u8], ids: &[String], origin: &Arc<Origin>) -> Result<Answer, NotAnAnswer> {
    let text = to_text(body);
    decode_text(&text, ids, origin)
        .or_else(|| decode_text(&repair(&text), ids, origin))
        .ok_or_else(|| NotAnAnswer::of(&text))
}

/// Decodes one finding of a source.
pub fn decode(raw: &str, origin: &Arc<Origin>) -> Result<Finding, NoId> {
    decode_item(raw, |item| item.finding(None, origin))
}

/// Decodes one finding of a document, which may say itself where it was found.
pub(super) fn decode_document(raw: &str, event: &EventSource) -> Result<Finding, NoId> {
    let mut finding = decode_item(raw, |item| item.finding(None, &Arc::new(event.origin(&item.shape))))?;
    finding.received(event.time);
    Ok(finding)
}

fn decode_item(raw: &str, finding: impl Fn(&Item) -> Option<Finding>) -> Result<Finding, NoId> {
    let decode = |text: &str| read::<Item>(text).and_then(|item| finding(&item));
    let mut finding = decode(raw).or_else(|| decode(&repair(raw))).ok_or(NoId)?;
    finding.keep_raw(raw);
    Ok(finding)
}

/// The finding of this ID, of which nothing else can be read.
pub fn undecodable(id: &str, raw: &str, origin: &Arc<Origin>) -> Finding {
    let mut finding = Finding::from_shape(&shapes::Finding::default(), id, origin);
    finding.raw = Some(short(raw, MAX_RAW).into());
    finding
}

fn decode_text(text: &str, ids: &[String], origin: &Arc<Origin>) -> Option<Answer> {
    let envelope = read::<Envelope>(text)?;
    envelope.findings.as_ref()?;
    let items = envelope.findings();
    let mut findings: Vec<Option<Finding>> = items.iter().map(|item| item.finding(None, origin)).collect();
    let unidentified: Vec<usize> = (0..items.len()).filter(|n| findings[*n].is_none()).collect();
    if let ([nth], Some(id)) = (unidentified.as_slice(), only_missing(ids, &findings)) {
        findings[*nth] = items[*nth].finding(Some(id), origin);
    }
    if findings.iter().flatten().any(|finding| finding.raw.is_some()) {
        keep_raw(&mut findings, text);
    }
    let unidentified = findings.iter().filter(|finding| finding.is_none()).count();
    Some(Answer { findings: findings.into_iter().flatten().collect(), unidentified })
}

/// The one of these IDs that no finding has; `None` if there are several or none.
fn only_missing<'i>(ids: &'i [String], findings: &[Option<Finding>]) -> Option<&'i str> {
    let mut missing = ids.iter().filter(|id| !findings.iter().flatten().any(|finding| finding.id == **id));
    missing.next().filter(|_| missing.next().is_none()).map(String::as_str)
}

/// The findings of an answer of `GetFindings` as they were received, by ID.
pub fn raw_findings(body: &[u8]) -> Result<BTreeMap<String, String>, NotAnAnswer> {
    let text = to_text(body);
    let texts = raw_items(&text).ok_or_else(|| NotAnAnswer::of(&text))?;
    let with_id = |raw: &&str| Some((read::<Item>(raw)?.shape.id()?.to_owned(), (*raw).to_owned()));
    Ok(texts.iter().filter_map(with_id).collect())
}

/// The body as text. Checking first is much faster than `from_utf8_lossy`, which looks for what it has to replace.
fn to_text(body: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// The texts of the items of an answer that are objects.
fn raw_items(text: &str) -> Option<Vec<&str>> {
    #[derive(Deserialize)]
    struct Texts<'a> {
        #[serde(borrow)]
        findings: Vec<&'a RawValue>,
    }
    let texts = serde_json::from_str::<Texts>(text).ok()?.findings;
    Some(texts.iter().map(|raw| raw.get()).filter(|raw| raw.starts_with('{')).collect())
}

/// Keeps the text of the findings of which nothing but the ID could be read.
fn keep_raw(findings: &mut [Option<Finding>], text: &str) {
    // The items of the list that are objects are those that were read.
    let mut texts = raw_items(text).unwrap_or_default().into_iter();
    for finding in findings {
        let raw = texts.next().unwrap_or(text);
        if let Some(finding) = finding {
            finding.keep_raw(raw);
        }
    }
}

/// Reads an object of a document.
pub(super) fn read_document(raw: &str) -> Option<DocumentShape<'_>> {
    read(raw)
}

/// Reads a whole text; `None` if it is not JSON, or no object.
fn read<'a, T: Member<'a>>(text: &'a str) -> Option<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = T::read(&mut reader, &Faults::default()).ok()?;
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
        time: Millis = "time",
        product_arn: Text<'a> = "ProductArn",
        product_fields: Json<'a> = "ProductFields",
    }
}

/// Where and when an event was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct EventSource {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) time: Option<Millis>,
}

impl EventSource {
    fn origin(&self, shape: &shapes::Finding) -> Origin {
        let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Origin {
            account: self.account.clone().unwrap_or_else(|| own(shape.account_id())),
            region: self.region.clone().unwrap_or_else(|| own(shape.region())),
            detector: own(shape.service().and_then(|service| service.detector_id())),
        }
    }
}

/// One finding of an answer, with the paths of the members that were left out.
pub(super) struct Item<'a> {
    shape: shapes::Finding<'a>,
    left_out: Vec<String>,
}

impl<'a> Member<'a> for Item<'a> {
    type Seen<'s>
        = Option<&'s Self>
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> Option<&Self> {
        member.as_ref()
    }

    fn from_object<A: MapAccess<'a>>(object: A, _: &Faults) -> Result<Option<Self>, A::Error> {
        let faults = Faults::default();
        let shape = shapes::Finding::from_object(object, &faults)?;
        Ok(shape.map(|shape| Self { shape, left_out: faults.into_paths() }))
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut arbitrary::Fill) -> Value {
        shapes::Finding::arbitrary(fill)
    }
}

impl Item<'_> {
    /// The finding; `None` if it has no ID and none is given.
    fn finding(&self, id: Option<&str>, origin: &Arc<Origin>) -> Option<Finding> {
        let of_arn = || self.shape.arn().and_then(|arn| arn.rsplit_once("/finding/")).map(|(_, id)| id);
        let id = filled(self.shape.id()).or_else(|| filled(of_arn())).or(id)?;
        for path in &self.left_out {
            tracing::debug!(finding_id = id, path, "left out a member of a finding that cannot be interpreted");
        }
        let mut finding = Finding::from_shape(&self.shape, id, origin);
        if finding.is_bare() && (!self.left_out.is_empty() || finding.changed().is_none()) {
            finding.raw = Some(Box::default());
        }
        Some(finding)
    }
}

impl Finding {
    /// Keeps the text of a finding of which nothing but the ID could be read.
    fn keep_raw(&mut self, raw: &str) {
        if let Some(kept) = &mut self.raw {
            *kept = short(raw, MAX_RAW).into();
        }
    }
}
