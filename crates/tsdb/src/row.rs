//! One scrape: a value per slot under one timestamp.
//!
//! Time-major, because a scrape brings all series of a target at one instant: writing it is one pass over one array, publishing it is one
//! pointer, and a function over a window reads arrays side by side.
//!
//! **Invariant:** a published row never changes.

use std::sync::Arc;

use plimsoll_model::histogram::Histogram;

use crate::value::{ABSENT, HISTOGRAM};

/// The offset of a sample that has the row's own timestamp.
pub(crate) const SHARED: i32 = i32::MIN;

/// The samples of one scrape.
#[derive(Debug)]
pub(crate) struct Row {
    /// When the scrape was made, in milliseconds since the epoch.
    pub at: i64,
    /// The earliest and the latest time of a sample in this row; both `at` unless some samples bring their own time.
    pub span: (i64, i64),
    /// One value or mark per slot. Slots beyond the end are absent.
    pub values: Box<[f64]>,
    /// For samples with a time of their own: milliseconds after `at`, or [`SHARED`]. `None` when no sample has one.
    pub offsets: Option<Box<[i32]>>,
    /// The native histograms, by slot, ascending.
    pub histograms: Box<[(u32, Arc<Histogram>)]>,
    /// Bytes on the heap, approximately.
    pub bytes: usize,
    /// The generation of the index that this row came with: series made by it are in no older one.
    pub generation: u64,
}

impl Row {
    /// The value or mark of a slot.
    #[inline]
    pub(crate) fn value(&self, slot: u32) -> f64 {
        self.values.get(slot as usize).copied().unwrap_or(f64::from_bits(ABSENT))
    }

    /// The time of the sample of this slot.
    pub(crate) fn time(&self, slot: u32) -> i64 {
        match self.offsets.as_ref().and_then(|offsets| offsets.get(slot as usize)) {
            Some(offset) if *offset != SHARED => self.at.saturating_add(i64::from(*offset)),
            _ => self.at,
        }
    }

    /// The native histogram of this slot, when the value says that there is one.
    pub(crate) fn histogram(&self, slot: u32) -> Option<&Arc<Histogram>> {
        if self.value(slot).to_bits() != HISTOGRAM {
            return None;
        }
        let at = self.histograms.binary_search_by_key(&slot, |(slot, _)| *slot).ok()?;
        Some(&self.histograms[at].1)
    }

    /// A row of these samples.
    pub(crate) fn new(
        at: i64,
        values: Box<[f64]>,
        offsets: Option<Box<[i32]>>,
        histograms: Box<[(u32, Arc<Histogram>)]>,
    ) -> Self {
        let mut span = (at, at);
        for (offset, value) in offsets.iter().flatten().zip(&values) {
            if *offset != SHARED && value.to_bits() != ABSENT {
                let time = at.saturating_add(i64::from(*offset));
                span = (span.0.min(time), span.1.max(time));
            }
        }
        let bytes = size_of::<Self>()
            + values.len() * 8
            + offsets.as_ref().map_or(0, |offsets| offsets.len() * 4)
            + histograms.iter().map(|(_, histogram)| 16 + crate::histogram_bytes(histogram)).sum::<usize>();
        Self { at, span, values, offsets, histograms, bytes, generation: 0 }
    }
}
