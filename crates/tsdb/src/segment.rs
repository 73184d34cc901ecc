//! An immutable index over some series of one target: their labels, and which series have which label.
//!
//! What a segment holds is said per part in [the crate's page](crate). Everything is sorted arrays: no hash tables, no pointers.
//!
//! **Invariant:** series are in slot order, label names within a series in text order, postings ascending.

use crate::bits::{put_varint, take_varint};
use crate::symbols::{Interner, Symbols, hash_label, hash_text};

/// One series: which slot, which hash, which labels.
#[derive(Clone, Copy, Debug)]
struct Entry {
    source: u32,
    slot: u32,
    hash: u32,
    start: u32,
    end: u32,
}

/// Where a label name's values lie in the pair arrays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    /// The name.
    pub symbol: u32,
    /// Its first pair; it ends where the next name starts.
    pub first: u32,
}

/// The index. Fields are arrays; see the module.
#[derive(Debug)]
pub(crate) struct Segment {
    pub symbols: Symbols,
    /// Lists of label names that series share.
    pub shapes: Box<[Box<[u32]>]>,
    pub slots: Box<[u32]>,
    /// Where each series' words start: its shape, then one value symbol per name of the shape.
    starts: Box<[u32]>,
    words: Box<[u32]>,
    /// Hash of the labels and series, ascending.
    by_hash: Box<[(u32, u32)]>,
    names: Box<[Name]>,
    pair_values: Box<[u32]>,
    pair_starts: Box<[u32]>,
    postings: Box<[u8]>,
}

/// The hash under which a series is found; labels in name order.
pub(crate) fn hash_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
    labels.fold(0, |hash, (name, value)| hash_text(hash_text(hash, name), value))
}

/// Whether two series have the same labels, both in name order.
pub(crate) fn same_labels<'a, 'b>(
    mut one: impl Iterator<Item = (&'a str, &'a str)>,
    mut other: impl Iterator<Item = (&'b str, &'b str)>,
) -> bool {
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

impl Segment {
    /// How many series.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The labels of a series, by name.
    pub(crate) fn labels(&self, series: u32) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.symbol_labels(series).map(|(name, value)| (self.symbols.get(name), self.symbols.get(value)))
    }

    /// The labels of a series as symbols.
    pub(crate) fn symbol_labels(&self, series: u32) -> impl Iterator<Item = (u32, u32)> + Clone {
        let start = self.starts[series as usize] as usize;
        let shape = &self.shapes[self.words[start] as usize];
        let values = &self.words[start + 1..start + 1 + shape.len()];
        shape.iter().copied().zip(values.iter().copied())
    }

    /// The shape of a series.
    #[inline]
    pub(crate) fn shape(&self, series: u32) -> u32 {
        self.words[self.starts[series as usize] as usize]
    }

    /// The value symbol of a series at a position of its shape.
    #[inline]
    pub(crate) fn value_at(&self, series: u32, position: u32) -> u32 {
        self.words[self.starts[series as usize] as usize + 1 + position as usize]
    }

    /// The series with exactly these labels.
    pub(crate) fn find<'a>(
        &self,
        hash: u64,
        labels: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Option<u32> {
        let hash = hash as u32;
        let first = self.by_hash.partition_point(|(other, _)| *other < hash);
        self.by_hash[first..]
            .iter()
            .take_while(|(other, _)| *other == hash)
            .find(|(_, series)| same_labels(self.labels(*series), labels.clone()))
            .map(|(_, series)| *series)
    }

    /// Hashes of labels and series, ascending.
    pub(crate) fn by_hash(&self) -> &[(u32, u32)] {
        &self.by_hash
    }

    /// The names of labels.
    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }

    /// The position of a label name among [`Segment::names`].
    pub(crate) fn find_name(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|other| self.symbols.get(other.symbol).cmp(name)).ok()
    }

    /// The pairs of the name at this position.
    pub(crate) fn pairs(&self, name: usize) -> std::ops::Range<u32> {
        let end = self.names.get(name + 1).map_or(self.pair_values.len() as u32, |next| next.first);
        self.names[name].first..end
    }

    /// The value symbol of a pair.
    pub(crate) fn pair_value(&self, pair: u32) -> u32 {
        self.pair_values[pair as usize]
    }

    /// The pair of the name at this position with this value.
    pub(crate) fn find_pair(&self, name: usize, value: &str) -> Option<u32> {
        let pairs = self.pairs(name);
        let values = &self.pair_values[pairs.start as usize..pairs.end as usize];
        let at = values.binary_search_by(|other| self.symbols.get(*other).cmp(value)).ok()?;
        Some(pairs.start + at as u32)
    }

    /// How many bytes the postings of a pair take: one or two per series.
    pub(crate) fn postings_len(&self, pair: u32) -> usize {
        (self.pair_starts[pair as usize + 1] - self.pair_starts[pair as usize]) as usize
    }

    /// Appends the series that have a pair, ascending.
    pub(crate) fn postings(&self, pair: u32, out: &mut Vec<u32>) {
        let end = self.pair_starts[pair as usize + 1] as usize;
        let mut at = self.pair_starts[pair as usize] as usize;
        let bytes = &self.postings[..end];
        let mut next = 0u32;
        while at < end {
            let Some(step) = take_varint(bytes, &mut at) else { return };
            next += step as u32;
            out.push(next);
            next += 1;
        }
    }

    /// The hashes of all labels that occur.
    pub(crate) fn label_hashes(&self) -> impl Iterator<Item = (u64, &str, &str)> {
        (0..self.names.len()).flat_map(move |name| {
            let text = self.symbols.get(self.names[name].symbol);
            self.pairs(name).map(move |pair| {
                let value = self.symbols.get(self.pair_value(pair));
                (hash_label(text, value), text, value)
            })
        })
    }

    /// Whether a label occurs.
    pub(crate) fn has_label(&self, name: &str, value: &str) -> bool {
        self.find_name(name).is_some_and(|name| self.find_pair(name, value).is_some())
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.symbols.bytes()
            + self.shapes.iter().map(|shape| 16 + shape.len() * 4).sum::<usize>()
            + (self.slots.len()
                + self.starts.len()
                + self.words.len()
                + self.pair_values.len()
                + self.pair_starts.len())
                * 4
            + (self.by_hash.len() + self.names.len()) * 8
            + self.postings.len()
    }

    /// Bytes of label text, for bounds.
    pub(crate) fn text_len(&self) -> usize {
        self.symbols.bytes()
    }
}

/// Gathers series, new ones or those of other segments, and builds a segment of them.
#[derive(Debug, Default)]
pub(crate) struct SegmentBuilder<'a> {
    sources: Vec<Source<'a>>,
    entries: Vec<Entry>,
    labels: Vec<(u32, u32)>,
}

#[derive(Debug)]
enum Source<'a> {
    Segment(&'a Symbols),
    Interner(&'a Interner),
}

impl Source<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Segment(symbols) => symbols.len(),
            Self::Interner(interner) => interner.len(),
        }
    }

    fn get(&self, symbol: u32) -> &str {
        match self {
            Self::Segment(symbols) => symbols.get(symbol),
            Self::Interner(interner) => interner.get(symbol),
        }
    }
}

impl<'a> SegmentBuilder<'a> {
    /// Adds the series of a segment whose slot passes `keep`.
    pub(crate) fn add_segment(&mut self, segment: &'a Segment, mut keep: impl FnMut(u32) -> bool) {
        let source = self.sources.len() as u32;
        self.sources.push(Source::Segment(&segment.symbols));
        let mut hashes = vec![0u32; segment.len()];
        for (hash, series) in &segment.by_hash {
            hashes[*series as usize] = *hash;
        }
        for series in 0..segment.len() as u32 {
            let slot = segment.slots[series as usize];
            if keep(slot) {
                self.push(source, slot, hashes[series as usize], segment.symbol_labels(series));
            }
        }
    }

    /// Starts adding series whose symbols are those of `interner`.
    pub(crate) fn add_interner(&mut self, interner: &'a Interner) -> u32 {
        self.sources.push(Source::Interner(interner));
        self.sources.len() as u32 - 1
    }

    /// Adds a series; labels in name order.
    pub(crate) fn push(
        &mut self,
        source: u32,
        slot: u32,
        hash: u32,
        labels: impl Iterator<Item = (u32, u32)>,
    ) {
        let start = self.labels.len() as u32;
        self.labels.extend(labels);
        self.entries.push(Entry { source, slot, hash, start, end: self.labels.len() as u32 });
    }

    /// The segment of all series that were added.
    pub(crate) fn build(mut self) -> Segment {
        let symbols = self.renumber();
        self.entries.sort_by_key(|entry| entry.slot);
        let mut shape_numbers = hashbrown::HashMap::<Box<[u32]>, u32>::new();
        let mut shapes: Vec<Box<[u32]>> = Vec::new();
        let mut starts = Vec::with_capacity(self.entries.len());
        let mut words = Vec::with_capacity(self.labels.len() + self.entries.len());
        let mut shape: Vec<u32> = Vec::new();
        for entry in &self.entries {
            let labels = &self.labels[entry.start as usize..entry.end as usize];
            shape.clear();
            shape.extend(labels.iter().map(|(name, _)| *name));
            let number = match shape_numbers.get(shape.as_slice()) {
                Some(number) => *number,
                None => {
                    let number = shapes.len() as u32;
                    shape_numbers.insert(shape.as_slice().into(), number);
                    shapes.push(shape.as_slice().into());
                    number
                }
            };
            starts.push(words.len() as u32);
            words.push(number);
            words.extend(labels.iter().map(|(_, value)| *value));
        }
        let mut by_hash: Vec<(u32, u32)> =
            self.entries.iter().enumerate().map(|(series, entry)| (entry.hash, series as u32)).collect();
        by_hash.sort_unstable();
        let mut segment = Segment {
            symbols,
            shapes: shapes.into(),
            slots: self.entries.iter().map(|entry| entry.slot).collect(),
            starts: starts.into(),
            words: words.into(),
            by_hash: by_hash.into(),
            names: Box::default(),
            pair_values: Box::default(),
            pair_starts: Box::default(),
            postings: Box::default(),
        };
        drop(self);
        segment.index_pairs();
        segment
    }

    /// One sorted table of the symbols in use, and all labels renumbered to it.
    fn renumber(&mut self) -> Symbols {
        let mut maps: Vec<Vec<u32>> =
            self.sources.iter().map(|source| vec![u32::MAX; source.len()]).collect();
        for entry in &self.entries {
            let map = &mut maps[entry.source as usize];
            for (name, value) in &self.labels[entry.start as usize..entry.end as usize] {
                map[*name as usize] = 0;
                map[*value as usize] = 0;
            }
        }
        let mut used: Vec<(&str, u32, u32)> = Vec::new();
        for (source, map) in maps.iter().enumerate() {
            let texts = &self.sources[source];
            used.extend(
                (0..map.len() as u32)
                    .filter(|symbol| map[*symbol as usize] == 0)
                    .map(|symbol| (texts.get(symbol), source as u32, symbol)),
            );
        }
        // A stable sort: the parts that are sorted already make it little more than a merge.
        used.sort_by(|a, b| a.0.cmp(b.0));
        let (mut count, mut last) = (0u32, None);
        let mut first_of_each = Vec::new();
        for (text, source, symbol) in &used {
            if last != Some(*text) {
                count += 1;
                last = Some(*text);
                first_of_each.push(*text);
            }
            maps[*source as usize][*symbol as usize] = count - 1;
        }
        let symbols = Symbols::from_sorted(first_of_each.into_iter());
        for entry in &self.entries {
            let map = &maps[entry.source as usize];
            for (name, value) in &mut self.labels[entry.start as usize..entry.end as usize] {
                *name = map[*name as usize];
                *value = map[*value as usize];
            }
        }
        symbols
    }
}

impl Segment {
    /// Fills the pair arrays and the postings, one label name at a time to keep the working memory small.
    fn index_pairs(&mut self) {
        // Series that have each name, as (shape, position) first: shapes are few.
        let mut holders: std::collections::BTreeMap<u32, Vec<(u32, u32)>> = std::collections::BTreeMap::new();
        for (shape, names) in self.shapes.iter().enumerate() {
            for (position, name) in names.iter().enumerate() {
                holders.entry(*name).or_default().push((shape as u32, position as u32));
            }
        }
        let mut by_shape: Vec<Vec<u32>> = vec![Vec::new(); self.shapes.len()];
        for series in 0..self.len() as u32 {
            by_shape[self.shape(series) as usize].push(series);
        }
        let (mut names, mut values, mut ends, mut postings) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut pairs: Vec<u64> = Vec::new();
        for (name, shapes) in holders {
            pairs.clear();
            for (shape, position) in shapes {
                let series = by_shape[shape as usize].iter();
                pairs.extend(series.map(|id| u64::from(self.value_at(*id, position)) << 32 | u64::from(*id)));
            }
            pairs.sort_unstable();
            names.push(Name { symbol: name, first: values.len() as u32 });
            let mut next = 0u32;
            for pair in &pairs {
                let (value, series) = ((*pair >> 32) as u32, *pair as u32);
                let fresh = values.len() as u32 == names.last().map_or(0, |name| name.first)
                    || values.last() != Some(&value);
                if fresh {
                    values.push(value);
                    ends.push(postings.len() as u32);
                    next = 0;
                }
                put_varint(u64::from(series - next), &mut postings);
                next = series + 1;
            }
        }
        ends.push(postings.len() as u32);
        self.names = names.into();
        self.pair_values = values.into();
        self.pair_starts = ends.into();
        self.postings = postings.into();
    }
}
