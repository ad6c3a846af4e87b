//! Bytes that values take in the document.

use std::io;

use serde::Serialize;

use crate::state::FindingRecord;

/// Bytes of a value.
pub(super) fn json_len(value: &impl Serialize) -> usize {
    let mut bytes = ByteCount(0);
    serde_json::to_writer(&mut bytes, value).expect("a state can be serialized, and a count does not fail");
    bytes.0
}

/// Bytes of an entry in the document: key, quotes, colon and comma included.
pub(super) fn encoded_len(id: &str, e: &FindingRecord) -> usize {
    id.len() + 4 + json_len(e)
}

/// Counts the bytes that are written.
struct ByteCount(usize);

impl io::Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
