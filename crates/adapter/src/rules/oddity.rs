//! What is odd about a rule's answers, told in the log once and not with every request.
//!
//! **Invariant:** a rule tells of each oddity at most once in its life, which ends with the configuration.

use std::sync::atomic::{AtomicU8, Ordering};

/// Something that a rule's answers show again and again once they show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Samples belong to another namespace than the one asked for.
    OtherNamespace = 1,
    /// Samples are infinite, too large, or histograms.
    NoQuantity = 2,
}

/// The oddities that have been told.
#[derive(Debug, Default)]
pub struct Told(AtomicU8);

impl Told {
    /// Whether this is the first time that `oddity` is seen.
    pub fn is_new(&self, oddity: Oddity) -> bool {
        let bit = oddity as u8;
        self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_oddity_is_new_once() {
        let told = Told::default();
        let seen = [Oddity::NoQuantity, Oddity::NoQuantity, Oddity::OtherNamespace, Oddity::NoQuantity];
        assert_eq!(seen.map(|oddity| told.is_new(oddity)), [true, false, true, false]);
    }
}
