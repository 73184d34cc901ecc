//! A run of rows turned around: per slot one block, in one buffer.
//!
//! Expiry drops whole runs, so there is no fragmentation and nothing to compact.
//!
//! **Invariant:** a sealed run never changes, and every block in it decodes: it was written here, or checked when it was loaded.

use std::sync::Arc;

use crate::block::{BlockError, Encoder, MAX_ROWS, decode};
use crate::row::{Row, SHARED};
use crate::value::ABSENT;
use plimsoll_model::histogram::Histogram;

/// How many blocks share one 32-bit base; the rest of their position takes 16 bits.
const GROUP: usize = 32;

/// How many slots are turned around at once: one cache line of each row.
const TILE: usize = 8;

/// Blocks of all slots, in slot order, in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Column {
    /// Where each group of [`GROUP`] blocks starts.
    pub bases: Box<[u32]>,
    /// Where each block ends, relative to its group.
    pub ends: Box<[u16]>,
    /// The blocks, and eight zero bytes so that the last one reads as fast as the others.
    pub bytes: Box<[u8]>,
}

impl Column {
    /// Zero bytes behind the last block.
    pub(crate) const PADDING: usize = 8;

    /// A column of blocks of these lengths. `None` when a block is longer than any that is written.
    pub(crate) fn from_lengths(lengths: &[u32], blocks: &[u8]) -> Option<Self> {
        let (mut bases, mut ends, mut at) = (Vec::new(), Vec::with_capacity(lengths.len()), 0u32);
        for (slot, length) in lengths.iter().enumerate() {
            if slot.is_multiple_of(GROUP) {
                bases.push(at);
            }
            at = at.checked_add(*length)?;
            ends.push(u16::try_from(at - bases.last()?).ok()?);
        }
        let bytes = blocks.iter().copied().chain([0; Self::PADDING]).collect();
        Some(Self { bases: bases.into(), ends: ends.into(), bytes })
    }

    /// Where the block of a slot starts and ends.
    pub(crate) fn block(&self, slot: u32) -> (usize, usize) {
        let slot = slot as usize;
        let (Some(base), Some(end)) = (self.bases.get(slot / GROUP), self.ends.get(slot)) else {
            return (0, 0);
        };
        let start = if slot.is_multiple_of(GROUP) { 0 } else { self.ends[slot - 1] };
        (*base as usize + usize::from(start), *base as usize + usize::from(*end))
    }

    /// Whether this slot has a sample here.
    pub(crate) fn has(&self, slot: u32) -> bool {
        let (start, end) = self.block(slot);
        start != end
    }

    /// The values of a slot, one per row. Says whether some rows have no number but a mark.
    pub(crate) fn decode(&self, slot: u32, out: &mut [f64]) -> Result<bool, BlockError> {
        let (start, end) = self.block(slot);
        decode(&self.bytes, start, end, out)
    }

    fn bytes(&self) -> usize {
        self.bases.len() * 4 + self.ends.len() * 2 + self.bytes.len()
    }
}

/// Builds a [`Column`] block by block.
#[derive(Debug, Default)]
struct ColumnBuilder {
    bases: Vec<u32>,
    ends: Vec<u16>,
    bytes: Vec<u8>,
}

impl ColumnBuilder {
    fn push(&mut self, values: &[f64], encoder: &mut Encoder) {
        if self.ends.len().is_multiple_of(GROUP) {
            self.bases.push(self.bytes.len() as u32);
        }
        encoder.encode(values, &mut self.bytes);
        let base = self.bases.last().copied().unwrap_or(0);
        self.ends.push((self.bytes.len() - base as usize) as u16);
    }

    fn finish(mut self) -> Column {
        self.bytes.extend([0; Column::PADDING]);
        Column { bases: self.bases.into(), ends: self.ends.into(), bytes: self.bytes.into() }
    }
}

/// A sealed run of rows.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// The time of the first row, in milliseconds.
    pub first: i64,
    /// Each row's milliseconds after `first`.
    pub steps: Box<[u32]>,
    /// The earliest and the latest time of a sample.
    pub span: (i64, i64),
    /// The values.
    pub values: Column,
    /// The offsets of samples that brought their own time, as numbers of milliseconds.
    pub offsets: Option<Column>,
    /// The native histograms by slot and row, ascending.
    pub histograms: Box<[(u32, u8, Arc<Histogram>)]>,
    /// Bytes on the heap, approximately.
    pub bytes: usize,
}

impl Sealed {
    /// How many of `rows` fit one run.
    pub(crate) fn fitting(rows: &[Arc<Row>]) -> usize {
        let Some(first) = rows.first() else { return 0 };
        let fits =
            |row: &&Arc<Row>| row.at.checked_sub(first.at).is_some_and(|step| u32::try_from(step).is_ok());
        rows.iter().take(MAX_ROWS).take_while(fits).count()
    }

    /// Seals `rows`, all of which must fit ([`Sealed::fitting`]).
    pub(crate) fn from_rows(rows: &[Arc<Row>], encoder: &mut Encoder) -> Self {
        let first = rows.first().map_or(0, |row| row.at);
        let slots = rows.iter().map(|row| row.values.len()).max().unwrap_or(0);
        let mut values = ColumnBuilder::default();
        values.bytes.reserve(slots * rows.len());
        let mut tile = [[0.0; MAX_ROWS]; TILE];
        for start in (0..slots).step_by(TILE) {
            let width = TILE.min(slots - start);
            for (at, row) in rows.iter().enumerate() {
                let part = row.values.get(start..(start + width).min(row.values.len())).unwrap_or(&[]);
                for (lane, values) in tile.iter_mut().enumerate().take(width) {
                    values[at] = part.get(lane).copied().unwrap_or(f64::from_bits(ABSENT));
                }
            }
            for lane in tile.iter().take(width) {
                values.push(&lane[..rows.len()], encoder);
            }
        }
        let offsets = rows.iter().any(|row| row.offsets.is_some()).then(|| {
            let mut column = ColumnBuilder::default();
            let mut lane = [0.0; MAX_ROWS];
            for slot in 0..slots {
                for (offset, row) in lane.iter_mut().zip(rows) {
                    let own = row
                        .offsets
                        .as_ref()
                        .and_then(|offsets| offsets.get(slot))
                        .filter(|own| **own != SHARED);
                    *offset = own.map_or(f64::from_bits(ABSENT), |own| f64::from(*own));
                }
                column.push(&lane[..rows.len()], encoder);
            }
            column.finish()
        });
        let mut histograms = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            histograms.extend(
                row.histograms.iter().map(|(slot, histogram)| (*slot, at as u8, Arc::clone(histogram))),
            );
        }
        histograms.sort_unstable_by_key(|(slot, row, _)| (*slot, *row));
        Self {
            first,
            steps: rows.iter().map(|row| row.at.abs_diff(first) as u32).collect(),
            span: rows
                .iter()
                .fold((i64::MAX, i64::MIN), |(low, high), row| (low.min(row.span.0), high.max(row.span.1))),
            values: values.finish(),
            offsets,
            histograms: histograms.into(),
            bytes: 0,
        }
        .counted()
    }

    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        self.steps.len()
    }

    /// The time of a row.
    pub(crate) fn at(&self, row: usize) -> i64 {
        self.first.saturating_add(i64::from(self.steps[row]))
    }

    /// The native histogram of a slot in a row.
    pub(crate) fn histogram(&self, slot: u32, row: usize) -> Option<&Arc<Histogram>> {
        let at =
            self.histograms.binary_search_by_key(&(slot, row as u8), |(slot, row, _)| (*slot, *row)).ok()?;
        Some(&self.histograms[at].2)
    }

    /// The same with `bytes` counted.
    pub(crate) fn counted(mut self) -> Self {
        self.bytes = size_of::<Self>()
            + self.steps.len() * 4
            + self.values.bytes()
            + self.offsets.as_ref().map_or(0, Column::bytes)
            + self
                .histograms
                .iter()
                .map(|(_, _, histogram)| 16 + crate::histogram_bytes(histogram))
                .sum::<usize>();
        self
    }
}
