//! Decodes members that contain other members.

use serde::de::{MapAccess, SeqAccess};
#[cfg(test)]
use serde_json::{Map as JsonMap, Value};

use super::faults::Faults;
use super::member::{Member, Seed, next_name};
use super::values::Text;

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
