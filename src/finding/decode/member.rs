//! Reads the members of a finding from JSON of any kind.
//!
//! GuardDuty has sent findings that break its own service model. So no kind of value is an error here: a member that
//! cannot be interpreted is left out and its path noted, and the rest of the finding is read on. The only errors are
//! those of JSON's syntax.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map as JsonMap, Value};

use super::faults::Faults;
use super::repair::repair;
use crate::time::Millis;

/// A string, borrowed from the answer unless it holds escapes.
pub(in crate::finding) type Text<'a> = Cow<'a, str>;

/// A type that a member can have. Each function returns `None` for a value that the type cannot be made of.
pub(in crate::finding) trait Member<'a>: Sized {
    /// Type that the accessor of such a member returns.
    type Seen<'s>
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> Self::Seen<'_>;

    fn read<D: Deserializer<'a>>(value: D, faults: &Faults) -> Result<Option<Self>, D::Error> {
        value.deserialize_any(Reader { faults, member: PhantomData })
    }

    fn from_text(_: Text<'a>) -> Option<Self> {
        None
    }

    fn from_integer(_: i64) -> Option<Self> {
        None
    }

    fn from_float(_: f64) -> Option<Self> {
        None
    }

    fn from_bool(_: bool) -> Option<Self> {
        None
    }

    fn from_list<A: SeqAccess<'a>>(mut list: A, faults: &Faults) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        faults.note();
        Ok(None)
    }

    fn from_object<A: MapAccess<'a>>(mut object: A, faults: &Faults) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        faults.note();
        Ok(None)
    }

    /// A member of any kind, for property tests.
    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value;
}

/// Hands a value of any kind to a [`Member`]; `null` is an absent one.
struct Reader<'f, T> {
    faults: &'f Faults,
    member: PhantomData<T>,
}

impl<T> Reader<'_, T> {
    fn checked<E>(&self, member: Option<T>) -> Result<Option<T>, E> {
        if member.is_none() {
            self.faults.note();
        }
        Ok(member)
    }
}

impl<'a, T: Member<'a>> Visitor<'a> for Reader<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        self.checked(T::from_text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        self.checked(T::from_text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        self.checked(T::from_integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        let member = i64::try_from(number).map_or_else(|_| T::from_float(number as f64), T::from_integer);
        self.checked(member)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        self.checked(T::from_float(number))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        self.checked(T::from_bool(value))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::from_list(list, self.faults)
    }

    fn visit_map<A: MapAccess<'a>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::from_object(object, self.faults)
    }
}

/// Reads the next value of a list or an object as a member.
pub(super) struct Seed<'f, T> {
    faults: &'f Faults,
    member: PhantomData<T>,
}

impl<'f, T> Seed<'f, T> {
    pub(super) fn new(faults: &'f Faults) -> Self {
        Self { faults, member: PhantomData }
    }
}

impl<'a, T: Member<'a>> DeserializeSeed<'a> for Seed<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'a>>(self, value: D) -> Result<Self::Value, D::Error> {
        T::read(value, self.faults)
    }
}

/// The name of the next member of an object; `None` at its end.
pub(super) fn next_name<'a, A: MapAccess<'a>>(object: &mut A) -> Result<Option<Text<'a>>, A::Error> {
    // Names are strings, which are always read as text: the inner `None` does not occur.
    Ok(object.next_key_seed(Seed::<Text>::new(&Faults::default()))?.map(Option::unwrap_or_default))
}

impl<'a> Member<'a> for Text<'a> {
    type Seen<'s>
        = Option<&'s str>
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> Option<&str> {
        member.as_deref()
    }

    fn from_text(text: Text<'a>) -> Option<Self> {
        Some(text)
    }

    fn from_integer(number: i64) -> Option<Self> {
        Some(number.to_string().into())
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(number.to_string().into())
    }

    fn from_bool(value: bool) -> Option<Self> {
        Some(value.to_string().into())
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        fill.text().into()
    }
}

/// Members that are small values: the accessor returns a copy.
macro_rules! copied {
    () => {
        type Seen<'s> = Option<Self>;

        fn seen(member: &Option<Self>) -> Option<Self> {
            *member
        }
    };
}

impl<'a> Member<'a> for i64 {
    copied!();

    fn from_text(text: Text<'a>) -> Option<Self> {
        let text = text.trim();
        text.parse().ok().or_else(|| Self::from_float(text.parse().ok()?))
    }

    fn from_integer(number: i64) -> Option<Self> {
        Some(number)
    }

    fn from_float(number: f64) -> Option<Self> {
        // A float holds whole numbers exactly up to 2^53.
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        (fill.below(1 << 33) as i64 - (1 << 32)).into()
    }
}

impl<'a> Member<'a> for f64 {
    copied!();

    fn from_text(text: Text<'a>) -> Option<Self> {
        Self::from_float(text.trim().parse().ok()?)
    }

    fn from_integer(number: i64) -> Option<Self> {
        Some(number as f64)
    }

    fn from_float(number: f64) -> Option<Self> {
        number.is_finite().then_some(number)
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        (fill.below(1_200) as f64 / 100.0 - 1.0).into()
    }
}

impl<'a> Member<'a> for bool {
    copied!();

    fn from_text(text: Text<'a>) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        }
    }

    fn from_integer(number: i64) -> Option<Self> {
        match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        (fill.below(2) == 0).into()
    }
}

/// A time: ISO 8601, or seconds or milliseconds since the epoch.
impl<'a> Member<'a> for Millis {
    copied!();

    fn from_text(text: Text<'a>) -> Option<Self> {
        super::time::parse(&text)
    }

    fn from_integer(number: i64) -> Option<Self> {
        super::time::from_epoch(number as f64)
    }

    fn from_float(number: f64) -> Option<Self> {
        super::time::from_epoch(number)
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        (1_500_000_000 + fill.below(1 << 29)).into()
    }
}

/// A time with the text that it was given as.
pub(in crate::finding) struct GivenTime<'a> {
    pub(in crate::finding) text: Text<'a>,
    pub(in crate::finding) time: Millis,
}

impl<'a> Member<'a> for GivenTime<'a> {
    type Seen<'s>
        = Option<&'s Self>
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> Option<&Self> {
        member.as_ref()
    }

    fn from_text(text: Text<'a>) -> Option<Self> {
        let time = Millis::from_text(Cow::Borrowed(&text))?;
        Some(Self { text, time })
    }

    fn from_integer(number: i64) -> Option<Self> {
        Self::from_text(number.to_string().into())
    }

    fn from_float(number: f64) -> Option<Self> {
        Self::from_text(number.to_string().into())
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        Millis::arbitrary(fill)
    }
}

/// Large members are kept on the heap, so that a finding with few of them is small.
impl<'a, T: Member<'a>> Member<'a> for Box<T> {
    type Seen<'s>
        = Option<&'s T>
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> Option<&T> {
        member.as_deref()
    }

    fn from_object<A: MapAccess<'a>>(object: A, faults: &Faults) -> Result<Option<Self>, A::Error> {
        Ok(T::from_object(object, faults)?.map(Box::new))
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        T::arbitrary(fill)
    }
}

/// A list without its `null`s. A single value is a list of one.
impl<'a, T: Member<'a>> Member<'a> for Vec<T> {
    type Seen<'s>
        = &'s [T]
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> &[T] {
        member.as_deref().unwrap_or_default()
    }

    fn from_text(text: Text<'a>) -> Option<Self> {
        T::from_text(text).map(|one| vec![one])
    }

    fn from_integer(number: i64) -> Option<Self> {
        T::from_integer(number).map(|one| vec![one])
    }

    fn from_float(number: f64) -> Option<Self> {
        T::from_float(number).map(|one| vec![one])
    }

    fn from_bool(value: bool) -> Option<Self> {
        T::from_bool(value).map(|one| vec![one])
    }

    fn from_list<A: SeqAccess<'a>>(mut list: A, faults: &Faults) -> Result<Option<Self>, A::Error> {
        let mut items = Vec::new();
        for index in 0.. {
            let before = faults.mark();
            let Some(item) = list.next_element_seed(Seed::<T>::new(faults))? else { break };
            faults.within_item(before, index);
            items.extend(item);
        }
        Ok(Some(items))
    }

    fn from_object<A: MapAccess<'a>>(object: A, faults: &Faults) -> Result<Option<Self>, A::Error> {
        Ok(T::from_object(object, faults)?.map(|one| vec![one]))
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        (0..fill.below(4)).map(|_| T::arbitrary(fill)).collect()
    }
}

/// An object whose names are data, in the order of the names.
pub(in crate::finding) struct Map<'a, T>(Vec<(Text<'a>, T)>);

impl<'a, T: Member<'a>> Member<'a> for Map<'a, T> {
    type Seen<'s>
        = &'s [(Text<'a>, T)]
    where
        Self: 's;

    fn seen(member: &Option<Self>) -> &[(Text<'a>, T)] {
        member.as_ref().map_or(&[], |map| &map.0)
    }

    fn from_object<A: MapAccess<'a>>(mut object: A, faults: &Faults) -> Result<Option<Self>, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = next_name(&mut object)? {
            let before = faults.mark();
            let value = object.next_value_seed(Seed::<T>::new(faults))?;
            faults.within(before, &name);
            entries.extend(value.map(|value| (name, value)));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Some(Self(entries)))
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        (0..fill.below(4)).map(|_| (fill.text(), T::arbitrary(fill))).collect::<JsonMap<_, _>>().into()
    }
}

impl<T> Map<'_, T> {
    /// The entries of a map inside another collection.
    pub(in crate::finding) fn entries(&self) -> &[(Text<'_>, T)] {
        &self.0
    }
}

/// A value of any kind as the JSON text that it stands in.
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

/// JSON in a string, such as the `parameters` of a Kubernetes call. Other sources than GuardDuty have it parsed.
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

/// `service.additionalInfo`: an object without a published schema. GuardDuty sends it as JSON text in `value`,
/// EventBridge has its members beside `value` and `type`.
#[derive(Default)]
pub(in crate::finding) struct ServiceAdditionalInfo(JsonMap<String, Value>);

impl ServiceAdditionalInfo {
    pub(in crate::finding) fn members(&self) -> &JsonMap<String, Value> {
        &self.0
    }

    /// Adds the members of an object. Returns false if the text is none.
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
        match (name.as_str(), serde_json::from_str(raw)) {
            (_, Err(_)) => faults.note(),
            ("value", Ok(Value::String(text))) => {
                // Text that is no object says nothing that could be named.
                let _ = self.add(&text, faults) || self.add(&repair(&text), faults);
            }
            ("value", Ok(Value::Object(inner))) => self.0.extend(inner),
            ("value" | "type", _) => {}
            (_, Ok(value)) => _ = self.0.insert(name, value),
        }
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

/// Defines shapes of the service model: structs whose members are all optional, with an accessor for each, read by
/// their names in GuardDuty's answer in any case (the AWS CLI writes `AccountId`). A later duplicate replaces an
/// earlier one.
macro_rules! shapes {
    ($($(#[$doc:meta])* $shape:ident { $($field:ident: $kind:ty = $name:literal $(| $alias:literal)*,)* })*) => {$(
        $(#[$doc])*
        #[derive(Default)]
        pub(in crate::finding) struct $shape<'a> {
            $($field: Option<$kind>,)*
            // Shapes of numbers only borrow nothing.
            borrowed: std::marker::PhantomData<&'a str>,
        }

        impl<'a> $shape<'a> {
            const NAMES: &'static [&'static str] = &[$($name, $($alias,)*)*];

            $(pub(in crate::finding) fn $field(&self) -> <$kind as $crate::finding::decode::member::Member<'a>>::Seen<'_> {
                <$kind as $crate::finding::decode::member::Member<'a>>::seen(&self.$field)
            })*

            /// Reads the value of the member of this name. Returns false if there is no such member.
            fn read_member<A: serde::de::MapAccess<'a>>(
                &mut self,
                name: &str,
                object: &mut A,
                faults: &$crate::finding::decode::faults::Faults,
            ) -> Result<bool, A::Error> {
                match name {
                    $($name $(| $alias)* => {
                        let value = object.next_value_seed($crate::finding::decode::member::Seed::<$kind>::new(faults))?;
                        if value.is_some() {
                            self.$field = value;
                        }
                    })*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }

        impl<'a> $crate::finding::decode::member::Member<'a> for $shape<'a> {
            type Seen<'s>
                = Option<&'s Self>
            where
                Self: 's;

            fn seen(member: &Option<Self>) -> Option<&Self> {
                member.as_ref()
            }

            fn from_object<A: serde::de::MapAccess<'a>>(mut object: A, faults: &$crate::finding::decode::faults::Faults) -> Result<Option<Self>, A::Error> {
                let mut shape = Self::default();
                while let Some(name) = $crate::finding::decode::member::next_name(&mut object)? {
                    let before = faults.mark();
                    if !shape.read_member(&name, &mut object, faults)? {
                        let known = Self::NAMES.iter().find(|known| known.eq_ignore_ascii_case(&name));
                        if !shape.read_member(known.unwrap_or(&""), &mut object, faults)? {
                            object.next_value::<serde::de::IgnoredAny>()?;
                        }
                    }
                    faults.within(before, &name);
                }
                Ok(Some(shape))
            }

            #[cfg(test)]
            fn arbitrary(fill: &mut crate::finding::decode::arbitrary::Fill) -> serde_json::Value {
                let mut object = serde_json::Map::new();
                $(if fill.below(4) > 0 {
                    object.insert($name.to_owned(), <$kind as $crate::finding::decode::member::Member<'a>>::arbitrary(fill));
                })*
                object.into()
            }
        }
    )*};
}
pub(super) use shapes;
