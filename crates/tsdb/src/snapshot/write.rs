//! Writing: each target is one part, with its length before and its checksum behind.
//!
//! **Invariant:** a part is one view of its target: scrapes go on meanwhile and are in it whole or not at all.

use std::io::Write;

use super::crc::crc32;
use super::{Contents, END, MAGIC, SaveError, VERSION, histogram};
use crate::Store;
use crate::bits::{put_signed, put_varint};
use crate::sealed::Column;
use crate::segment::Segment;
use crate::view::View;

impl Store {
    /// Writes a snapshot. Writers and readers go on meanwhile. At most one target's part is in memory beside the store.
    ///
    /// Write it to a new file, sync that, and rename it over the old one: so a crash leaves one that is whole.
    pub fn save(&self, sink: &mut impl Write) -> Result<Contents, SaveError> {
        let mut done = Contents::default();
        let mut sums = Vec::new();
        let mut put = |bytes: &[u8]| {
            done.bytes += bytes.len() as u64;
            sink.write_all(bytes)
        };
        put(&MAGIC)?;
        put(&VERSION.to_le_bytes())?;
        let targets = self.targets();
        for target in &targets {
            let view = target.view.load_full();
            let mut part = Vec::new();
            put_target(&target.key, &view, &mut part);
            let sum = crc32(&part).to_le_bytes();
            put(&(part.len() as u64).to_le_bytes())?;
            put(&part)?;
            put(&sum)?;
            sums.extend_from_slice(&sum);
            done.series += view.series();
        }
        put(&u64::MAX.to_le_bytes())?;
        put(&END)?;
        put(&(targets.len() as u64).to_le_bytes())?;
        put(&crc32(&sums).to_le_bytes())?;
        done.targets = targets.len();
        sink.flush()?;
        Ok(done)
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn put_target(key: &str, view: &View, out: &mut Vec<u8>) {
    put_text(key, out);
    put_varint(view.segments.len() as u64, out);
    for segment in view.segments.iter() {
        put_segment(segment, out);
    }
    put_varint(view.sealed.len() as u64, out);
    for sealed in view.sealed.iter() {
        put_signed(sealed.first, out);
        put_varint(sealed.rows() as u64, out);
        sealed.steps.iter().for_each(|step| put_varint((*step).into(), out));
        put_column(&sealed.values, out);
        out.push(sealed.offsets.is_some().into());
        if let Some(column) = &sealed.offsets {
            put_column(column, out);
        }
        put_varint(sealed.histograms.len() as u64, out);
        for (slot, row, histogram) in &sealed.histograms {
            put_varint((*slot).into(), out);
            out.push(*row);
            histogram::put(histogram, out);
        }
    }
    put_varint(view.rows.len() as u64, out);
    for row in &view.rows {
        put_signed(row.at, out);
        put_varint(row.values.len() as u64, out);
        row.values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        let offsets = row.offsets.as_deref().unwrap_or(&[]);
        put_varint(offsets.len() as u64, out);
        offsets.iter().for_each(|offset| out.extend_from_slice(&offset.to_le_bytes()));
        put_varint(row.histograms.len() as u64, out);
        for (slot, histogram) in &row.histograms {
            put_varint((*slot).into(), out);
            histogram::put(histogram, out);
        }
    }
    put_varint(view.late.len() as u64, out);
    // In slot order, so that one store has one snapshot.
    let mut all_late: Vec<_> = view.late.iter().collect();
    all_late.sort_unstable_by_key(|(slot, _)| **slot);
    for (slot, late) in all_late {
        put_varint((*slot).into(), out);
        put_varint(late.len() as u64, out);
        for (time, value) in late.iter() {
            put_signed(*time, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
    put_varint(view.metadata.len() as u64, out);
    for (family, metadata) in view.metadata.iter() {
        for text in [family, &metadata.kind, &metadata.help, &metadata.unit] {
            put_text(text, out);
        }
    }
}

fn put_segment(segment: &Segment, out: &mut Vec<u8>) {
    put_varint(segment.symbols.len() as u64, out);
    for symbol in 0..segment.symbols.len() as u32 {
        put_text(segment.symbols.get(symbol), out);
    }
    put_varint(segment.len() as u64, out);
    for series in 0..segment.len() as u32 {
        put_varint(segment.slots[series as usize].into(), out);
        let labels = segment.symbol_labels(series);
        put_varint(labels.clone().count() as u64, out);
        for (name, value) in labels {
            put_varint(name.into(), out);
            put_varint(value.into(), out);
        }
    }
}

fn put_column(column: &Column, out: &mut Vec<u8>) {
    put_varint(column.ends.len() as u64, out);
    for slot in 0..column.ends.len() as u32 {
        let (start, end) = column.block(slot);
        put_varint((end - start) as u64, out);
    }
    let used = column.bytes.len().saturating_sub(Column::PADDING);
    out.extend_from_slice(&column.bytes[..used]);
}
