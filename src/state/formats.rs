//! Formats of values in the document.

/// A duration in milliseconds.
pub(super) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// A single message, or an array of several.
pub(super) mod single_or_list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::slack::MessageRef;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum SingleOrList {
        One(MessageRef),
        Many(Vec<MessageRef>),
    }

    pub(crate) fn serialize<S: Serializer>(messages: &[MessageRef], to: S) -> Result<S::Ok, S::Error> {
        match messages {
            [one] => one.serialize(to),
            many => many.serialize(to),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<MessageRef>, D::Error> {
        Ok(match SingleOrList::deserialize(from)? {
            SingleOrList::One(one) => vec![one],
            SingleOrList::Many(many) => many,
        })
    }
}

/// An optional timestamp, as RFC 3339.
pub(super) mod rfc3339_option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::time::Timestamp;

    pub(crate) fn serialize<S: Serializer>(value: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(t) => super::rfc3339::serialize(t, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        Timestamp::parse(&text).map(Some).ok_or_else(|| D::Error::custom(format!("{text:?} is not a timestamp")))
    }
}

/// A timestamp, as RFC 3339 with milliseconds.
pub(super) mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::time::Timestamp;

    pub(crate) fn serialize<S: Serializer>(value: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.to_rfc3339())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        Timestamp::parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is not a timestamp")))
    }
}

pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
