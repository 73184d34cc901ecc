//! Series into groups by some of their labels, by symbols: text is looked at once per group and segment.
//!
//! **Invariant:** the result is what comparing the labels of all series would give.

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashTable};
use plimsoll_model::labels::{Label, Labels};
use plimsoll_model::series::{Grouping, Groups};

use crate::segment::Segment;

/// Groups while series are being added.
#[derive(Default)]
pub(crate) struct Grouper {
    groups: Groups,
    numbers: HashMap<Labels, u32>,
}

impl Grouper {
    /// No groups; room for as many series.
    pub(crate) fn with_capacity(series: usize) -> Self {
        let groups = Groups { of: Vec::with_capacity(series), labels: Vec::new() };
        Self { groups, ..Self::default() }
    }

    /// Adds a series without labels.
    pub(crate) fn add_unknown(&mut self) {
        let number = self.number(Labels::default());
        self.groups.of.push(number);
    }

    /// Adds a series of the segment that `part` is of.
    pub(crate) fn add(&mut self, part: &mut Part<'_>, series: u32) {
        let Part { segment, counting, seen } = part;
        let (segment, counting): (&Segment, &[_]) = (segment, counting);
        let pairs = |series: u32| {
            let positions = &counting[segment.shape(series) as usize];
            positions.iter().map(move |(position, name)| (*name, segment.value_at(series, *position)))
        };
        let hash = pairs(series).fold(0u64, |hash, (name, value)| {
            let word = u64::from(name) << 32 | u64::from(value);
            (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        // The multiplication mixes upwards only.
        let hash = hash ^ hash >> 32;
        let known = seen.find(hash, |known| known.hash == hash && pairs(known.series).eq(pairs(series)));
        let number = match known {
            Some(known) => known.number,
            None => {
                let shared = |symbol| segment.symbols.shared(symbol);
                let labels =
                    pairs(series).map(|(name, value)| Label { name: shared(name), value: shared(value) });
                let number = self.number(Labels::from_sorted(labels));
                seen.insert_unique(hash, Known { hash, series, number }, |known| known.hash);
                number
            }
        };
        self.groups.of.push(number);
    }

    fn number(&mut self, labels: Labels) -> u32 {
        match self.numbers.entry(labels) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let number = self.groups.labels.len() as u32;
                self.groups.labels.push(entry.key().clone());
                *entry.insert(number)
            }
        }
    }

    pub(crate) fn finish(self) -> Groups {
        self.groups
    }
}

/// What is known of one segment.
pub(crate) struct Part<'s> {
    segment: &'s Segment,
    /// Per shape the positions and names of the labels that count.
    counting: Vec<Box<[(u32, u32)]>>,
    seen: HashTable<Known>,
}

struct Known {
    hash: u64,
    series: u32,
    number: u32,
}

impl<'s> Part<'s> {
    pub(crate) fn new(segment: &'s Segment, by: Grouping<'_>) -> Self {
        let counting = |shape: &[u32]| {
            let counts = |(_, name): &(u32, u32)| by.counts(segment.symbols.get(*name));
            (0..).zip(shape.iter().copied()).filter(counts).collect()
        };
        Self {
            segment,
            counting: segment.shapes.iter().map(|shape| counting(shape)).collect(),
            seen: HashTable::new(),
        }
    }
}
