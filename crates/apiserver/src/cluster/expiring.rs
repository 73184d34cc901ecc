//! A bounded memory of answers that are good for a while.
//!
//! Two generations: what is asked for again moves to the young one, and when that is full the old one goes.
//! This keeps what is in use without a list to maintain, whatever strangers ask for meanwhile.
//!
//! **Invariant:** it never holds more than its capacity, and never returns what has expired.

use std::hash::{Hash, RandomState};

use hashbrown::{Equivalent, HashMap};
use tokio::time::Instant;

#[derive(Debug)]
pub struct Expiring<K, V> {
    young: HashMap<K, (V, Instant), RandomState>,
    old: HashMap<K, (V, Instant), RandomState>,
    half: usize,
}

impl<K: Hash + Eq, V> Expiring<K, V> {
    /// Holds at most `capacity` answers, at least two.
    pub fn new(capacity: usize) -> Self {
        let half = (capacity / 2).max(1);
        Self { young: HashMap::default(), old: HashMap::default(), half }
    }

    /// The answer to `key`, if it is still good at `now`.
    pub fn get<Q: Hash + Equivalent<K>>(&mut self, key: &Q, now: Instant) -> Option<&V> {
        if !self.young.contains_key(key) {
            let (key, held) = self.old.remove_entry(key)?;
            if held.1 > now {
                self.place(key, held);
            }
        }
        self.young.get(key).filter(|(_, until)| *until > now).map(|(value, _)| value)
    }

    /// Remembers an answer until `until`.
    pub fn insert(&mut self, key: K, value: V, until: Instant) {
        self.old.remove(&key);
        self.place(key, (value, until));
    }

    fn place(&mut self, key: K, held: (V, Instant)) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, held);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_answer_is_good_until_it_expires_and_not_longer() {
        let start = Instant::now();
        let mut memory = Expiring::new(4);
        memory.insert("a", 1, start + Duration::from_secs(10));
        assert_eq!(memory.get(&"a", start + Duration::from_millis(9_999)), Some(&1));
        assert_eq!(memory.get(&"a", start + Duration::from_secs(10)), None);
        memory.insert("a", 2, start + Duration::from_secs(20));
        assert_eq!(memory.get(&"a", start + Duration::from_secs(10)), Some(&2));
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_asked_for() {
        let start = Instant::now();
        let until = start + Duration::from_secs(10);
        let mut memory = Expiring::new(100);
        memory.insert(0, (), until);
        for n in 1..10_000 {
            memory.insert(n, (), until);
            assert!(memory.get(&0, start).is_some(), "lost after {n} others");
            assert!(memory.len() <= 100);
        }
        assert!(memory.get(&1, start).is_none());
    }
}
