//! Encodes queries and decodes responses of DNS. See RFC 1035, section 4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Type of the requested record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    A,
    Aaaa,
}

impl Kind {
    fn code(self) -> u16 {
        match self {
            Kind::A => 1,
            Kind::Aaaa => 28,
        }
    }
}

/// The response of a name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Addresses, at least one, and the time for which they are valid.
    Addresses(Vec<IpAddr>, Duration),
    /// The name exists, without an address of this kind.
    NoAddress,
    NoSuchName,
    /// The response did not fit. It must be requested over TCP.
    Truncated,
    /// The server failed, or rejects the query, with this code.
    Failed(u8),
}

const HEADER: usize = 12;
const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 253;
const IN: u16 = 1;

/// Encodes a query. Returns `None` for an invalid name.
pub(super) fn encode(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| (1..=LONGEST_LABEL).contains(&label.len());
    if name.len() > LONGEST_NAME || !name.is_ascii() || !name.split('.').all(is_label) {
        return None;
    }
    let mut message = Vec::with_capacity(HEADER + name.len() + 6);
    message.extend(id.to_be_bytes());
    // Recursion desired, one question.
    message.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).ok()?);
        message.extend(label.bytes());
    }
    message.push(0);
    message.extend(kind.code().to_be_bytes());
    message.extend(IN.to_be_bytes());
    Some(message)
}

/// Decodes the response to `question`. Returns `None` for a response to another query, and for an invalid response.
pub(super) fn decode(message: &[u8], question: &[u8], kind: Kind) -> Option<Answer> {
    let flags = u16_at(message, 2)?;
    let is_response = flags & 0x8000 != 0;
    let asked = message.get(HEADER..question.len())?;
    if !is_response || message.get(..2) != question.get(..2) || !asked.eq_ignore_ascii_case(question.get(HEADER..)?) {
        return None;
    }
    if flags & 0x0200 != 0 {
        return Some(Answer::Truncated);
    }
    match (flags & 0x000f) as u8 {
        0 => addresses(message, question.len(), kind),
        3 => Some(Answer::NoSuchName),
        code => Some(Answer::Failed(code)),
    }
}

/// The records of the answer section. Those of another type are the aliases that lead to the addresses.
fn addresses(message: &[u8], mut at: usize, kind: Kind) -> Option<Answer> {
    let (mut found, mut seconds) = (Vec::new(), u32::MAX);
    for _ in 0..u16_at(message, 6)? {
        at = skip_name(message, at)?;
        let (record, length) = (u16_at(message, at)?, usize::from(u16_at(message, at + 8)?));
        let lasts = u32::from_be_bytes(message.get(at + 4..at + 8)?.try_into().ok()?);
        let data = message.get(at + 10..at + 10 + length)?;
        if record == kind.code() {
            found.push(address(data, kind)?);
        }
        seconds = seconds.min(lasts);
        at += 10 + length;
    }
    if found.is_empty() {
        return Some(Answer::NoAddress);
    }
    Some(Answer::Addresses(found, Duration::from_secs(seconds.into())))
}

fn address(data: &[u8], kind: Kind) -> Option<IpAddr> {
    match kind {
        Kind::A => Some(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into()),
        Kind::Aaaa => Some(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into()),
    }
}

/// Returns the end of the name that begins at `at`. A pointer ends a name.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length if usize::from(length) <= LONGEST_LABEL => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A response with these records: (type, data).
    pub(in super::super) fn response(question: &[u8], flags: u16, records: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2..4].copy_from_slice(&(0x8180 | flags).to_be_bytes());
        message[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
        for (record, data) in records {
            message.extend([0xc0, 0x0c]);
            message.extend(record.to_be_bytes());
            message.extend(IN.to_be_bytes());
            message.extend(60u32.to_be_bytes());
            message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            message.extend(data);
        }
        message
    }

    fn question() -> Vec<u8> {
        encode(7, "slack.com", Kind::A).unwrap()
    }

    #[test]
    fn addresses_are_read_behind_an_alias() {
        let alias = (5, b"\x04edge\xc0\x0c".to_vec());
        let message = response(&question(), 0, &[alias, (1, vec![10, 0, 0, 1]), (1, vec![10, 0, 0, 2])]);
        let expected = ["10.0.0.1", "10.0.0.2"].map(|a| a.parse().unwrap()).to_vec();
        assert_eq!(decode(&message, &question(), Kind::A), Some(Answer::Addresses(expected, Duration::from_mins(1))));
    }

    #[test]
    fn responses_without_an_address_are_distinguished() {
        let answer = |flags| decode(&response(&question(), flags, &[]), &question(), Kind::A);
        assert_eq!(answer(0), Some(Answer::NoAddress));
        assert_eq!(answer(0x0200), Some(Answer::Truncated));
        assert_eq!(answer(2), Some(Answer::Failed(2)));
        assert_eq!(answer(3), Some(Answer::NoSuchName));
        assert_eq!(answer(5), Some(Answer::Failed(5)));
    }

    #[test]
    fn answers_to_other_questions_do_not_count() {
        let other = encode(7, "slack.org", Kind::A).unwrap();
        assert_eq!(decode(&response(&other, 0, &[]), &question(), Kind::A), None);
        let late = encode(8, "slack.com", Kind::A).unwrap();
        assert_eq!(decode(&response(&late, 0, &[]), &question(), Kind::A), None);
        assert_eq!(decode(&question(), &question(), Kind::A), None, "a query is not a response");
        let shouted = encode(7, "SLACK.com", Kind::A).unwrap();
        assert_eq!(decode(&response(&shouted, 0, &[]), &question(), Kind::A), Some(Answer::NoAddress));
    }

    #[test]
    fn only_names_are_asked_for() {
        let long = "a.".repeat(200);
        for bad in ["", ".", "a..b", "größe.example", &"a".repeat(64), &long] {
            assert_eq!(encode(7, bad, Kind::A), None, "{bad}");
        }
        assert_eq!(encode(7, "slack.com.", Kind::A), encode(7, "slack.com", Kind::A));
    }

    proptest::proptest! {
        #[test]
        fn no_message_makes_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            let whole = [&question()[..], &bytes].concat();
            let records = response(&question(), 0, &[(1, bytes.clone()), (28, bytes.clone())]);
            for message in [&bytes, &whole, &records] {
                let _ = decode(message, &question(), Kind::A);
            }
        }
    }
}
