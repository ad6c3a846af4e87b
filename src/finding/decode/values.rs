//! Decodes members that are one value: text, numbers, times.

use std::borrow::Cow;

#[cfg(test)]
use serde_json::Value;

use super::member::Member;
use crate::time::Timestamp;

/// A string, borrowed from the response unless it contains escapes.
pub(in crate::finding) type Text<'a> = Cow<'a, str>;

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
        #[expect(clippy::cast_possible_truncation, reason = "a float holds whole numbers exactly up to 2^53")]
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    }

    #[cfg(test)]
    fn arbitrary(fill: &mut super::arbitrary::Fill) -> Value {
        (fill.below(1 << 33).cast_signed() - (1 << 32)).into()
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
impl<'a> Member<'a> for Timestamp {
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

/// A time with its text as received.
pub(in crate::finding) struct GivenTime<'a> {
    pub(in crate::finding) text: Text<'a>,
    pub(in crate::finding) time: Timestamp,
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
        let time = Timestamp::from_text(Cow::Borrowed(&text))?;
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
        Timestamp::arbitrary(fill)
    }
}

#[cfg(test)]
mod tests;
