//! The distinct shapes among series, in bounded memory.
//!
//! **Invariant:** memory is proportional to the distinct shapes, never to the series; label values
//! are not kept.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::backend::SeriesShape;

type Labels = Arc<[Box<str>]>;

/// Bounds of what is kept of a list of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeLimits {
    /// Distinct pairs of a metric name and a set of label names.
    pub shapes: usize,
    /// Bytes that these take in memory, roughly.
    pub bytes: usize,
}

/// There are more distinct shapes than is allowed: more than this number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyShapes(pub(super) usize);

/// A collection of distinct shapes.
pub(super) struct ShapeTable {
    limits: ShapeLimits,
    hasher: RandomState,
    label_sets: Vec<Labels>,
    label_set_index: HashTable<u32>,
    shapes: Vec<Kept>,
    shape_index: HashTable<u32>,
    /// The shape of the series before: the next one mostly has the same.
    latest: Option<u32>,
    series: u64,
    bytes: usize,
}

struct Kept {
    name: Box<str>,
    label_set: u32,
    last: u64,
}

impl ShapeTable {
    pub(super) fn new(limits: ShapeLimits) -> Self {
        Self {
            limits,
            hasher: RandomState::new(),
            label_sets: Vec::new(),
            label_set_index: HashTable::new(),
            shapes: Vec::new(),
            shape_index: HashTable::new(),
            latest: None,
            series: 0,
            bytes: 0,
        }
    }

    /// Counts a series with this metric name and these label names, in any order; `labels` is
    /// sorted on the way.
    pub(super) fn add(&mut self, name: &str, labels: &mut Vec<Cow<'_, str>>) -> Result<(), TooManyShapes> {
        if !labels.is_sorted() {
            labels.sort_unstable();
        }
        labels.dedup();
        let position = self.series;
        self.series += 1;
        if let Some(latest) = self.latest
            && let kept = &mut self.shapes[latest as usize]
            && *kept.name == *name
            && same(&self.label_sets[kept.label_set as usize], labels)
        {
            kept.last = position;
            return Ok(());
        }
        let label_set = self.label_set(labels)?;
        let shape = self.shape(name, label_set)?;
        self.shapes[shape as usize].last = position;
        self.latest = Some(shape);
        Ok(())
    }

    /// Series seen.
    pub(super) fn series(&self) -> u64 {
        self.series
    }

    /// Distinct shapes, and the bytes they take, roughly.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.shapes.len(), self.bytes)
    }

    /// The shapes, ordered by the last series of each.
    pub(super) fn into_shapes(mut self) -> Vec<SeriesShape> {
        self.shapes.sort_unstable_by_key(|kept| kept.last);
        let label_sets = self.label_sets;
        let shape =
            |kept: Kept| SeriesShape { name: kept.name, labels: label_sets[kept.label_set as usize].clone() };
        self.shapes.into_iter().map(shape).collect()
    }

    fn label_set(&mut self, labels: &[Cow<'_, str>]) -> Result<u32, TooManyShapes> {
        let hash = hash_of(&self.hasher, labels.iter().map(|label| &**label));
        let sets = &self.label_sets;
        if let Some(&id) = self.label_set_index.find(hash, |&id| same(&sets[id as usize], labels)) {
            return Ok(id);
        }
        let id = self.label_sets.len() as u32;
        // 16 bytes of pointer and length and an allocation's overhead for each name.
        self.grow(64 + labels.iter().map(|label| label.len() + 32).sum::<usize>())?;
        self.label_sets.push(labels.iter().map(|label| Box::from(&**label)).collect());
        let (sets, hasher) = (&self.label_sets, &self.hasher);
        self.label_set_index
            .insert_unique(hash, id, |&id| hash_of(hasher, sets[id as usize].iter().map(|label| &**label)));
        Ok(id)
    }

    fn shape(&mut self, name: &str, label_set: u32) -> Result<u32, TooManyShapes> {
        let hash = |name: &str, label_set: u32, hasher: &RandomState| hasher.hash_one((name, label_set));
        let shapes = &self.shapes;
        let equal =
            |&id: &u32| shapes[id as usize].label_set == label_set && *shapes[id as usize].name == *name;
        if let Some(&id) = self.shape_index.find(hash(name, label_set, &self.hasher), equal) {
            return Ok(id);
        }
        if self.shapes.len() >= self.limits.shapes {
            return Err(TooManyShapes(self.limits.shapes));
        }
        self.grow(64 + name.len())?;
        let id = self.shapes.len() as u32;
        self.shapes.push(Kept { name: name.into(), label_set, last: 0 });
        let (shapes, hasher) = (&self.shapes, &self.hasher);
        let rehash = |&id: &u32| hash(&shapes[id as usize].name, shapes[id as usize].label_set, hasher);
        self.shape_index.insert_unique(hash(name, label_set, hasher), id, rehash);
        Ok(id)
    }

    fn grow(&mut self, bytes: usize) -> Result<(), TooManyShapes> {
        self.bytes += bytes;
        if self.bytes > self.limits.bytes { Err(TooManyShapes(self.shapes.len())) } else { Ok(()) }
    }
}

fn same(kept: &[Box<str>], labels: &[Cow<'_, str>]) -> bool {
    kept.len() == labels.len() && kept.iter().zip(labels).all(|(kept, label)| **kept == **label)
}

fn hash_of<'a>(hasher: &RandomState, labels: impl Iterator<Item = &'a str>) -> u64 {
    let mut state = hasher.build_hasher();
    for label in labels {
        state.write(label.as_bytes());
        state.write_u8(0xff);
    }
    state.finish()
}
