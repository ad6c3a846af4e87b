//! Reads the members of a finding from JSON of any kind.
//!
//! GuardDuty has sent findings that violate its own service model. Therefore no kind of value is an error: a member that
//! cannot be interpreted is omitted, its path is recorded, and the rest of the finding is read. The only errors are
//! errors of JSON syntax.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
#[cfg(test)]
use serde_json::Value;

use super::faults::Faults;
use super::values::Text;

/// A type that a member can have. Each function returns `None` for a value that cannot be converted to the type.
pub(in crate::finding) trait Member<'a>: Sized {
    /// Type that the accessor of the member returns.
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

/// Passes a value of any kind to a [`Member`]. `null` is an absent member.
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

/// The name of the next member of an object. `None` at its end.
pub(super) fn next_name<'a, A: MapAccess<'a>>(object: &mut A) -> Result<Option<Text<'a>>, A::Error> {
    // Names are strings, which are always read as text: the inner `None` does not occur.
    Ok(object.next_key_seed(Seed::<Text>::new(&Faults::default()))?.map(Option::unwrap_or_default))
}

/// Defines shapes of the service model: structs whose members are all optional, with an accessor for each. Names of
/// members are compared without case (the AWS CLI writes `AccountId`). A later duplicate replaces an earlier one.
macro_rules! shapes {
    ($($(#[$doc:meta])* $shape:ident { $($field:ident: $kind:ty = $name:literal $(| $alias:literal)*,)* })*) => {$(
        $(#[$doc])*
        #[derive(Default)]
        #[allow(clippy::struct_field_names, reason = "the names of AWS")]
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
