//! Computes a short hash that is the same in every release.

/// Returns 8 hexadecimal digits that identify these texts. They are in the state, so that they must be the same in every
/// release; the standard hasher promises nothing.
pub fn short_hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = FnvHasher::default();
    for text in texts {
        hash.write(text.as_bytes());
        hash.write(&[0]);
    }
    format!("{:08x}", hash.0 >> 32 ^ hash.0 & 0xffff_ffff)
}

/// FNV-1a, 64 bits.
struct FnvHasher(u64);

impl Default for FnvHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl FnvHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
