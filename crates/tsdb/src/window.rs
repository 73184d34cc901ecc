//! The samples of a target in a range of time, prepared for reading many series.
//!
//! Not the view: a window lives as long as one question. Rows and blocks are read as they are where every series has a number
//! under the row's own time; else sample by sample.
//!
//! **Invariant:** both ways give the same columns.

use std::sync::Arc;

use plimsoll_model::histogram::Histogram;
use plimsoll_model::series::{Columns, TimeRange};

use crate::sealed::Sealed;
use crate::value::{ABSENT, HISTOGRAM, is_absent};
use crate::view::View;

/// The part of a target that lies in a range of time, prepared for reading many series.
pub(crate) struct Window<'v> {
    view: &'v View,
    range: TimeRange,
    /// The times of all rows in the range, when all samples have their row's time.
    times: Vec<i64>,
    /// Sealed runs, and which of their rows are in the range.
    sealed: Vec<(&'v Sealed, usize, usize)>,
    rows: Vec<&'v [f64]>,
    /// The length of the shortest of these rows.
    shortest: usize,
    /// Some samples bring their own time: each is asked for it.
    own_times: bool,
}

/// Buffers for the columns of one series.
#[derive(Default)]
pub(crate) struct Gathered {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<(u32, Arc<Histogram>)>,
}

impl Gathered {
    pub(crate) fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.histograms.clear();
    }

    pub(crate) fn push(&mut self, time: i64, value: f64, histogram: Option<&Arc<Histogram>>) {
        if let Some(histogram) = histogram {
            self.histograms.push((self.timestamps.len() as u32, Arc::clone(histogram)));
        }
        self.timestamps.push(time);
        self.values.push(if histogram.is_some() { 0.0 } else { value });
    }

    pub(crate) fn columns(&self) -> Columns<'_> {
        let Self { timestamps, values, histograms } = self;
        Columns { timestamps, values, histograms, starts: &[] }
    }

    /// The last sample alone.
    pub(crate) fn last(&mut self) -> Columns<'_> {
        let Some(last) = self.timestamps.len().checked_sub(1) else { return Columns::default() };
        self.histograms.retain(|(row, _)| *row as usize == last);
        self.histograms.iter_mut().for_each(|(row, _)| *row = 0);
        Columns {
            timestamps: &self.timestamps[last..],
            values: &self.values[last..],
            histograms: &self.histograms,
            starts: &[],
        }
    }
}

impl<'v> Window<'v> {
    pub(crate) fn new(view: &'v View, range: TimeRange) -> Self {
        let mut window = Self {
            view,
            range,
            times: Vec::new(),
            sealed: Vec::new(),
            rows: Vec::new(),
            shortest: usize::MAX,
            own_times: false,
        };
        let within = |span: (i64, i64)| span.0 <= range.end && span.1 >= range.start;
        for sealed in view.sealed.iter().filter(|sealed| within(sealed.span)) {
            window.own_times |= sealed.offsets.is_some();
            let first = (0..sealed.rows()).take_while(|row| sealed.at(*row) < range.start).count();
            let end = first + (first..sealed.rows()).take_while(|row| sealed.at(*row) <= range.end).count();
            window.times.extend((first..end).map(|row| sealed.at(row)));
            window.sealed.push((sealed, first, end));
        }
        for row in view.rows.iter().filter(|row| within(row.span)) {
            window.own_times |= row.offsets.is_some();
            window.times.push(row.at);
            window.rows.push(&row.values);
            window.shortest = window.shortest.min(row.values.len());
        }
        window
    }

    pub(crate) fn read<'b>(&'b self, slot: u32, to: &'b mut Gathered) -> Columns<'b> {
        to.values.clear();
        if self.own_times || self.view.late.contains_key(&slot) || !self.gather(slot, &mut to.values) {
            return self.read_each(slot, to);
        }
        Columns { timestamps: &self.times, values: &to.values, ..Columns::default() }
    }

    /// Gathers one number per row. Says no when there is a row without one.
    fn gather(&self, slot: u32, values: &mut Vec<f64>) -> bool {
        for (sealed, first, end) in &self.sealed {
            // Decoded in place: all of the block, of which the rows outside the range are then cut off.
            let start = values.len();
            values.resize(start + sealed.rows(), 0.0);
            let Ok(marks) = sealed.values.decode(slot, &mut values[start..]) else { return false };
            values.truncate(start + end);
            if *first > 0 {
                values.drain(start..start + first);
            }
            if marks && has_special(&values[start..]) {
                return false;
            }
        }
        if slot as usize >= self.shortest {
            return false;
        }
        let start = values.len();
        values.extend(self.rows.iter().map(|row| row[slot as usize]));
        !has_special(&values[start..])
    }

    /// The last sample of a series, from the newest row that has one.
    pub(crate) fn read_last<'b>(&'b self, slot: u32, to: &'b mut Gathered) -> Columns<'b> {
        if !self.own_times && !self.view.late.contains_key(&slot) {
            let newest = self.rows.iter().enumerate().rev().find_map(|(row, values)| {
                values.get(slot as usize).filter(|value| !is_absent(**value)).map(|value| (row, *value))
            });
            if let Some((row, value)) = newest.filter(|(_, value)| !is_special(*value)) {
                to.values.clear();
                to.values.push(value);
                let row = self.times.len() - self.rows.len() + row;
                return Columns {
                    timestamps: &self.times[row..=row],
                    values: &to.values,
                    ..Columns::default()
                };
            }
        }
        self.read_each(slot, to);
        to.last()
    }

    fn read_each<'b>(&'b self, slot: u32, to: &'b mut Gathered) -> Columns<'b> {
        to.clear();
        self.view.samples(slot, self.range.start, self.range.end, |time, value, histogram| {
            to.push(time, value, histogram);
        });
        to.columns()
    }
}

/// Whether there is one. Without an early end, so that it is a few vector instructions.
fn has_special(values: &[f64]) -> bool {
    values.iter().fold(false, |special, value| special | is_special(*value))
}

/// Whether this is the mark of a missing sample or of a histogram, which differ in the lowest two bits.
#[inline]
fn is_special(value: f64) -> bool {
    const { assert!(ABSENT & !3 == HISTOGRAM & !3 && ABSENT & 3 != 0 && HISTOGRAM & 3 != 0) };
    value.to_bits() & !3 == ABSENT & !3
}
