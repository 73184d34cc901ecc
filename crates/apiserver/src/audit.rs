//! Identifiers of requests, which clients and logs share through the header `Audit-Id`.
//!
//! **Invariant:** two requests of one process never get the same generated identifier.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header's name.
pub(crate) const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Longest identifier taken over from a client (apiserver `audit.maxAuditIDLength`).
const LONGEST: usize = 64;

/// Makes identifiers in the form of random UUIDs.
pub(crate) struct AuditIds {
    keys: [RandomState; 2],
    next: AtomicU64,
}

impl AuditIds {
    pub(crate) fn new() -> Self {
        Self { keys: [RandomState::new(), RandomState::new()], next: AtomicU64::new(0) }
    }

    /// The client's identifier if it sent a usable one, else a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(AUDIT_ID) {
            Some(given) if (1..=LONGEST).contains(&given.len()) => given.clone(),
            _ => self.generate(),
        }
    }

    fn generate(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let [high, low] = self.keys.each_ref().map(|key| key.hash_one(number));
        let mut bits = (u128::from(high) << 64) | u128::from(low);
        // Version 4, variant 1 (RFC 9562).
        bits = (bits & !(0xf << 76)) | (0x4 << 76);
        bits = (bits & !(0x3 << 62)) | (0x2 << 62);
        let mut text = [b'-'; 36];
        let mut position = 0;
        for digit in 0..32 {
            if matches!(position, 8 | 13 | 18 | 23) {
                position += 1;
            }
            let nibble = (bits >> (124 - 4 * digit)) & 0xf;
            text[position] = b"0123456789abcdef"[nibble as usize];
            position += 1;
        }
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_identifier_is_a_random_uuid() {
        let ids = AuditIds::new();
        let (a, b) = (ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
        assert_ne!(a, b);
        let text = a.to_str().unwrap();
        assert_eq!(text.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]), "{text}");
    }

    #[test]
    fn a_client_may_bring_its_own_identifier_unless_it_is_too_long() {
        let ids = AuditIds::new();
        let mut headers = HeaderMap::new();
        headers.insert(AUDIT_ID, HeaderValue::from_static("mine"));
        assert_eq!(ids.of(&headers), "mine");
        headers.insert(AUDIT_ID, HeaderValue::from_str(&"x".repeat(65)).unwrap());
        assert_eq!(ids.of(&headers).len(), 36);
    }
}
