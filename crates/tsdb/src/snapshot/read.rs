//! Reading: checked in the order of the bytes, built into a store of its own, and handed over only when all is well.
//!
//! **Invariant:** every index, order and length that later code relies on is checked here.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::sync::Arc;

use plimsoll_model::histogram::Histogram;

use super::crc::crc32;
use super::{Contents, END, LoadError, MAGIC, VERSION, histogram};
use crate::bits::{take_signed, take_varint};
use crate::block::MAX_ROWS;
use crate::row::{Row, SHARED};
use crate::scrape::{MAX_LABEL_BYTES, MAX_LABELS};
use crate::sealed::{Column, Sealed};
use crate::segment::{Segment, SegmentBuilder, hash_labels};
use crate::store::{MAX_KEY_BYTES, MAX_SERIES_PER_TARGET};
use crate::symbols::Interner;
use crate::value::{ABSENT, is_absent};
use crate::view::{Late, Metadata, View};
use crate::{Options, Store};

/// What is wrong with a part.
pub(super) type Fault = &'static str;

/// The most bytes of metadata text.
const MAX_TEXT: usize = 1 << 20;
/// The most slots: those of live series and those that wait to be reclaimed.
const MAX_SLOTS: usize = 2 * MAX_SERIES_PER_TARGET;

impl Store {
    /// A store with the contents of a snapshot. What is older than the retention of `options` goes with the next maintenance.
    pub fn load(options: Options, source: &mut impl Read) -> Result<(Self, Contents), LoadError> {
        let store = Self::new(options)?;
        let mut done = Contents::default();
        let mut source = Counted { source, bytes: 0 };
        let mut magic = [0; 8];
        source.exact(&mut magic, 0)?;
        if magic != MAGIC {
            return Err(LoadError::NotASnapshot);
        }
        let mut version = [0; 4];
        source.exact(&mut version, 0)?;
        let found = u32::from_le_bytes(version);
        if found != VERSION {
            return Err(LoadError::Version { found });
        }
        let mut sums = Vec::new();
        for part in 0.. {
            let mut length = [0; 8];
            source.exact(&mut length, part)?;
            let length = u64::from_le_bytes(length);
            if length == u64::MAX {
                let mut end = [0; 20];
                source.exact(&mut end, part)?;
                if end[..8] != END
                    || end[8..16] != (part as u64).to_le_bytes()
                    || end[16..] != crc32(&sums).to_le_bytes()
                {
                    return Err(LoadError::Checksum { part });
                }
                if source.source.read(&mut [0])? != 0 {
                    return Err(LoadError::TrailingBytes);
                }
                done.targets = part;
                break;
            }
            // Grows with what is read, whatever the length says.
            let mut bytes = Vec::new();
            source.source.take(length).read_to_end(&mut bytes)?;
            source.bytes += bytes.len() as u64;
            if bytes.len() as u64 != length {
                return Err(LoadError::Truncated { part });
            }
            let mut sum = [0; 4];
            source.exact(&mut sum, part)?;
            if crc32(&bytes).to_le_bytes() != sum {
                return Err(LoadError::Checksum { part });
            }
            sums.extend_from_slice(&sum);
            let invalid = |what| LoadError::Invalid { part, what };
            let (key, view, slots) = take_target(&mut Bytes { bytes: &bytes, at: 0 }).map_err(invalid)?;
            done.series += view.series();
            let target = store.target(&key).map_err(|_| invalid("the target's key is too long"))?;
            if target.view.load().series() > 0 || target.view.load().last_at().is_some() {
                return Err(invalid("the target occurs twice"));
            }
            target.restore(&store.shared, view, slots);
        }
        done.bytes = source.bytes;
        Ok((store, done))
    }
}

struct Counted<'a, R> {
    source: &'a mut R,
    bytes: u64,
}

impl<R: Read> Counted<'_, R> {
    fn exact(&mut self, out: &mut [u8], part: usize) -> Result<(), LoadError> {
        self.bytes += out.len() as u64;
        self.source.read_exact(out).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => LoadError::Truncated { part },
            _ => LoadError::Io(error),
        })
    }
}

/// A part, read from front to back.
pub(super) struct Bytes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    const SHORT: Fault = "it ends early";

    fn slice(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(length).ok_or(Self::SHORT)?;
        let slice = self.bytes.get(self.at..end).ok_or(Self::SHORT)?;
        self.at = end;
        Ok(slice)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.slice(1)?[0])
    }

    pub(super) fn varint(&mut self) -> Result<u64, Fault> {
        take_varint(self.bytes, &mut self.at).ok_or(Self::SHORT)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Fault> {
        take_signed(self.bytes, &mut self.at).ok_or(Self::SHORT)
    }

    fn small(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.varint()?).map_err(|_| "a number is too large")
    }

    pub(super) fn number(&mut self) -> Result<f64, Fault> {
        Ok(f64::from_le_bytes(self.slice(8)?.try_into().map_err(|_| Self::SHORT)?))
    }

    /// The count of things of at least `least` bytes each, which therefore fits what is left.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, Fault> {
        let count = usize::try_from(self.varint()?).map_err(|_| Self::SHORT)?;
        if count.checked_mul(least).is_none_or(|bytes| bytes > self.bytes.len() - self.at) {
            return Err(Self::SHORT);
        }
        Ok(count)
    }

    fn text(&mut self, most: usize) -> Result<&'a str, Fault> {
        let length = self.count(1)?;
        if length > most {
            return Err("a text is too long");
        }
        std::str::from_utf8(self.slice(length)?).map_err(|_| "a text is not UTF-8")
    }
}

fn take_target(bytes: &mut Bytes<'_>) -> Result<(String, View, usize), Fault> {
    let key = bytes.text(MAX_KEY_BYTES)?.to_owned();
    let mut used = Vec::new();
    let segments =
        (0..bytes.count(2)?).map(|_| take_segment(bytes, &mut used)).collect::<Result<Vec<_>, _>>()?;
    let segments: Vec<_> = segments.into_iter().map(Arc::new).collect();
    check_distinct(&segments)?;
    let slots = used.len();
    let mut last = None;
    let mut after = |at: i64| match last.replace(at) {
        Some(before) if before >= at => Err("times do not ascend"),
        _ => Ok(()),
    };
    let mut sealed = Vec::new();
    for _ in 0..bytes.count(4)? {
        sealed.push(Arc::new(take_sealed(bytes, slots, &mut after)?));
    }
    let mut rows = Vec::new();
    for _ in 0..bytes.count(4)? {
        rows.push(Arc::new(take_row(bytes, slots, &mut after)?));
    }
    let mut late = Late::new();
    for _ in 0..bytes.count(2)? {
        let slot = take_slot(bytes, slots)?;
        let count = bytes.count(9)?;
        let samples = (0..count).map(|_| Ok((bytes.signed()?, crate::value::number(bytes.number()?))));
        let samples = samples.collect::<Result<Arc<[(i64, f64)]>, Fault>>()?;
        if !samples.is_sorted_by(|a, b| a.0 < b.0) {
            return Err("times do not ascend");
        }
        late.insert(slot, samples);
    }
    let mut metadata = BTreeMap::new();
    for _ in 0..bytes.count(4)? {
        let family = bytes.text(MAX_TEXT)?.to_owned();
        let mut text = || bytes.text(MAX_TEXT).map(str::to_owned);
        metadata.insert(family, Metadata { kind: text()?, help: text()?, unit: text()? });
    }
    if bytes.at != bytes.bytes.len() {
        return Err("it goes on after its end");
    }
    let view = View {
        segments: segments.into(),
        sealed: sealed.into(),
        rows,
        late: Arc::new(late),
        metadata: Arc::new(metadata),
        ..View::default()
    };
    // Nothing may be in a slot that no series has: it would become another series' past.
    let rows = view.rows.iter().map(|row| row.values.len());
    let blocks = view.sealed.iter().map(|sealed| sealed.values.ends.len());
    let places = rows.chain(blocks).max().unwrap_or(0).max(slots);
    used.resize(places, false);
    if view.alive(places).iter().zip(&used).any(|(alive, used)| *alive && !used) {
        return Err("there are samples of no series");
    }
    Ok((key, view, slots))
}

fn take_slot(bytes: &mut Bytes<'_>, slots: usize) -> Result<u32, Fault> {
    let slot = bytes.small()?;
    if (slot as usize) < slots { Ok(slot) } else { Err("a sample is of no series") }
}

/// Reads a segment and marks its slots in `used`.
fn take_segment(bytes: &mut Bytes<'_>, used: &mut Vec<bool>) -> Result<Segment, Fault> {
    let mut symbols = Interner::default();
    for number in 0..bytes.count(1)? {
        if symbols.intern(bytes.text(MAX_LABEL_BYTES)?) as usize != number {
            return Err("a symbol occurs twice");
        }
    }
    let mut builder = SegmentBuilder::default();
    let source = builder.add_interner(&symbols);
    let mut labels: Vec<(u32, u32)> = Vec::new();
    for _ in 0..bytes.count(2)? {
        let slot = bytes.small()?;
        if slot as usize >= MAX_SLOTS {
            return Err("there are too many series");
        }
        if used.len() <= slot as usize {
            used.resize(slot as usize + 1, false);
        }
        if std::mem::replace(&mut used[slot as usize], true) {
            return Err("two series have one place");
        }
        labels.clear();
        let count = bytes.count(2)?;
        if count > MAX_LABELS {
            return Err("a series has too many labels");
        }
        for _ in 0..count {
            let (name, value) = (bytes.small()?, bytes.small()?);
            if name.max(value) as usize >= symbols.len() {
                return Err("a label has no text");
            }
            labels.push((name, value));
        }
        let texts = labels.iter().map(|(name, value)| (symbols.get(*name), symbols.get(*value)));
        if !texts.clone().is_sorted_by(|a, b| a.0 < b.0) {
            return Err("labels are out of order");
        }
        builder.push(source, slot, hash_labels(texts) as u32, labels.iter().copied());
    }
    Ok(builder.build())
}

/// Each series may be there once only, over all segments.
fn check_distinct(segments: &[Arc<Segment>]) -> Result<(), Fault> {
    for (at, segment) in segments.iter().enumerate() {
        for series in 0..segment.len() as u32 {
            let labels = || segment.labels(series);
            let hash = hash_labels(labels());
            let first = segments[..=at].iter().find_map(|other| Some((other, other.find(hash, labels())?)));
            if first.is_none_or(|(other, found)| !Arc::ptr_eq(other, segment) || found != series) {
                return Err("a series occurs twice");
            }
        }
    }
    Ok(())
}

fn take_column(bytes: &mut Bytes<'_>) -> Result<Column, Fault> {
    let count = bytes.count(1)?;
    if count > MAX_SLOTS {
        return Err("there are too many series");
    }
    let lengths = (0..count).map(|_| bytes.small()).collect::<Result<Vec<_>, _>>()?;
    let total = lengths
        .iter()
        .try_fold(0usize, |sum, length| sum.checked_add(*length as usize))
        .ok_or(Bytes::SHORT)?;
    Column::from_lengths(&lengths, bytes.slice(total)?).ok_or("a block is too long")
}

fn take_sealed(
    bytes: &mut Bytes<'_>,
    slots: usize,
    after: &mut impl FnMut(i64) -> Result<(), Fault>,
) -> Result<Sealed, Fault> {
    let first = bytes.signed()?;
    let rows = bytes.count(1)?;
    if rows == 0 || rows > MAX_ROWS {
        return Err("a sealed run has no rows or too many");
    }
    let steps = (0..rows).map(|_| bytes.small()).collect::<Result<Box<[u32]>, _>>()?;
    for step in &steps {
        after(first.checked_add((*step).into()).ok_or("a time is out of range")?)?;
    }
    let values = take_column(bytes)?;
    let offsets = match bytes.byte()? {
        0 => None,
        1 => Some(take_column(bytes)?),
        _ => return Err("a flag is neither yes nor no"),
    };
    let mut histograms: Vec<(u32, u8, Arc<Histogram>)> = Vec::new();
    for _ in 0..bytes.count(40)? {
        let (slot, row) = (take_slot(bytes, slots)?, bytes.byte()?);
        if histograms.last().is_some_and(|(before, at, _)| (*before, *at) >= (slot, row)) {
            return Err("histograms are out of order");
        }
        histograms.push((slot, row, Arc::new(histogram::take(bytes)?)));
    }
    let mut sealed =
        Sealed { first, steps, span: (0, 0), values, offsets, histograms: histograms.into(), bytes: 0 };
    sealed.span = (sealed.at(0), sealed.at(rows - 1));
    let (mut numbers, mut own) = ([0.0; MAX_ROWS], [0.0; MAX_ROWS]);
    for slot in 0..sealed.values.ends.len() as u32 {
        sealed.values.decode(slot, &mut numbers[..rows]).map_err(|_| "a block cannot be read")?;
        let Some(column) = sealed.offsets.as_ref().filter(|column| column.has(slot)) else { continue };
        column.decode(slot, &mut own[..rows]).map_err(|_| "a block cannot be read")?;
        for (row, offset) in own[..rows].iter().enumerate().filter(|(_, offset)| !is_absent(**offset)) {
            if offset.fract() != 0.0 || *offset <= f64::from(i32::MIN) || *offset > f64::from(i32::MAX) {
                return Err("a sample's own time is out of range");
            }
            let time = sealed.at(row).saturating_add(*offset as i64);
            sealed.span = (sealed.span.0.min(time), sealed.span.1.max(time));
        }
    }
    Ok(sealed.counted())
}

fn take_row(
    bytes: &mut Bytes<'_>,
    slots: usize,
    after: &mut impl FnMut(i64) -> Result<(), Fault>,
) -> Result<Row, Fault> {
    let at = bytes.signed()?;
    after(at)?;
    let count = bytes.count(8)?;
    if count > MAX_SLOTS {
        return Err("there are too many series");
    }
    let values = (0..count).map(|_| bytes.number()).collect::<Result<Box<[f64]>, _>>()?;
    let count = bytes.count(4)?;
    if count > values.len() {
        return Err("a row has times without samples");
    }
    let mut offsets = Vec::with_capacity(count);
    for _ in 0..count {
        offsets.push(i32::from_le_bytes(bytes.slice(4)?.try_into().map_err(|_| Bytes::SHORT)?));
    }
    for (offset, value) in offsets.iter_mut().zip(&values) {
        if value.to_bits() == ABSENT {
            *offset = SHARED;
        }
    }
    let mut histograms: Vec<(u32, Arc<Histogram>)> = Vec::new();
    for _ in 0..bytes.count(40)? {
        let slot = take_slot(bytes, slots)?;
        if histograms.last().is_some_and(|(before, _)| *before >= slot) {
            return Err("histograms are out of order");
        }
        histograms.push((slot, Arc::new(histogram::take(bytes)?)));
    }
    let offsets = (!offsets.is_empty()).then(|| offsets.into());
    Ok(Row::new(at, values, offsets, histograms.into()))
}
