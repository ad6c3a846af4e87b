//! Decodes members that are JSON without a schema.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map as JsonMap, Value};

use super::faults::Faults;
use super::member::Member;
use super::repair::repair;
use super::values::Text;

/// The JSON text of a value of any kind.
pub(in crate::finding) struct Json<'a>(&'a str);

impl<'a> Member<'a> for Json<'a> {
    type Seen<'s>
        = Option<&'a str>
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> Option<&'a str> {
        member.as_ref().map(|json| json.0)
    }

    fn read<D: Deserializer<'a>>(value: D, _: &Faults) -> Result<Option<Self>, D::Error> {
        let json = <&RawValue>::deserialize(value)?.get();
        Ok((json != "null").then_some(Self(json)))
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        fill.text().into()
    }
}

/// JSON in a string, such as the `parameters` of a Kubernetes call. Other writers than GuardDuty send it as an object.
pub(in crate::finding) struct JsonText<'a>(Text<'a>);

impl<'a> Member<'a> for JsonText<'a> {
    type Seen<'s>
        = Option<&'s str>
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> Option<&str> {
        member.as_ref().map(|json| json.0.as_ref())
    }

    fn read<D: Deserializer<'a>>(value: D, faults: &Faults) -> Result<Option<Self>, D::Error> {
        let json = Json::read(value, faults)?;
        Ok(json.map(|json| Self(serde_json::from_str(json.0).map_or(json.0.into(), |text: String| text.into()))))
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        fill.text().into()
    }
}

/// `service.additionalInfo`: an object without a published schema. GuardDuty sends it as JSON text in `value`.
/// EventBridge sends its members next to `value` and `type`.
#[derive(Default)]
pub(in crate::finding) struct ServiceAdditionalInfo(JsonMap<String, Value>);

impl ServiceAdditionalInfo {
    pub(in crate::finding) fn members(&self) -> &JsonMap<String, Value> {
        &self.0
    }

    /// Adds the members of an object. Returns false if the text is not an object.
    fn add(&mut self, raw: &str, faults: &Faults) -> bool {
        let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(raw) else { return false };
        for (name, raw) in members {
            let before = faults.mark();
            self.add_member(lower_first(&name), raw.get(), faults);
            faults.within(before, &name);
        }
        true
    }

    fn add_member(&mut self, name: String, raw: &str, faults: &Faults) {
        let value = serde_json::from_str(raw).or_else(|_| serde_json::from_str(&repair(raw)));
        match (name.as_str(), value) {
            (_, Err(_)) => faults.note(),
            ("value", Ok(Value::String(text))) => {
                // Text that is not an object has no members to name.
                let _ = self.add(&text, faults) || self.add(&repair(&text), faults);
            }
            ("value", Ok(Value::Object(inner))) => self.0.extend(inner),
            ("value" | "type", _) => {}
            (_, Ok(value)) => _ = self.0.insert(name, value),
        }
    }
}

/// Returns true if `service.additionalInfo` marks a sample finding. Its other members are not read.
#[derive(Clone, Copy)]
pub(in crate::finding) struct SampleFlag(bool);

impl<'a> Member<'a> for SampleFlag {
    type Seen<'s> = bool;

    fn seen(member: &Option<Self>) -> bool {
        member.is_some_and(|flag| flag.0)
    }

    fn read<D: Deserializer<'a>>(value: D, _: &Faults) -> Result<Option<Self>, D::Error> {
        let raw = <&RawValue>::deserialize(value)?.get();
        let mut info = ServiceAdditionalInfo::default();
        // Text without the word is not parsed.
        let is_sample = raw.contains("ample")
            && info.add(raw, &Faults::default())
            && info.0.get("sample") == Some(&Value::Bool(true));
        Ok(Some(Self(is_sample)))
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        ServiceAdditionalInfo::arbitrary(fill)
    }
}

/// `threatListName` for `ThreatListName`, as the AWS CLI writes it.
fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

impl<'a> Member<'a> for ServiceAdditionalInfo {
    type Seen<'s> = Option<&'s Self>;

    fn seen(member: &Option<Self>) -> Option<&Self> {
        member.as_ref()
    }

    fn read<D: Deserializer<'a>>(value: D, faults: &Faults) -> Result<Option<Self>, D::Error> {
        let raw = <&RawValue>::deserialize(value)?.get();
        let mut info = Self::default();
        if raw == "null" {
            return Ok(None);
        }
        if !info.add(raw, faults) {
            faults.note();
        }
        Ok(Some(info))
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        serde_json::json!({"type": fill.text(), "value": fill.text()})
    }
}
