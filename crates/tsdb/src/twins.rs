//! Series with the same labels in several targets, which are one series to whoever asks.
//!
//! Seldom: targets differ in `instance` or the like. So what is looked at first is whether some label tells all targets apart; only those
//! that it does not are searched, by the hashes that their indexes are sorted by.
//!
//! **Invariant:** of series with the same labels one, that of the lowest target, stands for all; the others are not listed.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::segment::{Segment, same_labels};
use crate::symbols::hash_text;
use crate::view::View;

/// Labels that each series of a target has: names, and hashes of values.
pub(crate) type Common = Arc<[(Box<str>, u64)]>;

/// A target and a slot.
pub(crate) type Place = (u32, u32);

/// The series that are one, as of one generation.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    pub generation: u64,
    /// Those that another one stands for, and which.
    hidden: HashMap<Place, Place>,
    /// For each that stands for others: itself and the others, by target.
    parts: HashMap<Place, Box<[Place]>>,
    /// The label that tells all targets apart, if one does.
    told: Option<Told>,
}

/// A label that each series of every target has, with another value in each target.
#[derive(Clone, Debug)]
struct Told {
    name: Box<str>,
    /// Targets by the hash of their value.
    targets: HashMap<u64, u32>,
}

impl Told {
    /// The same after `changed`, which ascend, have become others. Nothing if the label does not tell all apart any more.
    fn after(&self, changed: &[u32], view: impl Fn(u32) -> Option<Arc<View>>) -> Option<Self> {
        let mut told = self.clone();
        told.targets.retain(|_, target| changed.binary_search(target).is_err());
        for target in changed {
            let Some(view) = view(*target).filter(|view| !view.segments.is_empty()) else { continue };
            let value = value_of(&view, &told.name)?;
            if told.targets.insert(value, *target).is_some() {
                return None;
            }
        }
        Some(told)
    }
}

/// The hash of the value that all series of a target have for a label.
fn value_of(view: &View, name: &str) -> Option<u64> {
    view.common.iter().find(|(other, _)| **other == *name).map(|(_, value)| *value)
}

impl Twins {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Takes out of a selection what another series of it stands for. One that stands for others but is not in the selection
    /// is of a newer generation than the selection, and has no samples in it.
    pub(crate) fn hide<T: Copy>(&self, selected: &mut Vec<T>, place: impl Fn(T) -> Place) {
        let standing: HashSet<Place> = selected.iter().map(|id| place(*id)).collect();
        selected.retain(|id| self.hidden.get(&place(*id)).is_none_or(|other| !standing.contains(other)));
    }

    /// All that this series stands for, if more than itself.
    pub(crate) fn parts(&self, place: Place) -> Option<&[Place]> {
        self.parts.get(&place).map(|parts| &**parts)
    }

    /// What there is once `changed` targets, which ascend, have become others; if that is told without a search.
    pub(crate) fn after(
        &self,
        generation: u64,
        changed: &[u32],
        view: impl Fn(u32) -> Option<Arc<View>>,
    ) -> Option<Self> {
        let told = self.told.as_ref()?.after(changed, view)?;
        Some(Self { generation, told: Some(told), ..Self::default() })
    }

    /// Searches targets, given in the order of their numbers.
    pub(crate) fn search(generation: u64, targets: &[(u32, Arc<View>)]) -> Self {
        let mut twins = Self { generation, ..Self::default() };
        let living: Vec<&(u32, Arc<View>)> =
            targets.iter().filter(|(_, view)| !view.segments.is_empty()).collect();
        let (suspects, told) = suspects(&living);
        twins.told = told;
        let mut series: Vec<(u32, u32, &Segment, u32)> = Vec::new();
        for (target, view) in suspects {
            for segment in view.segments.iter() {
                series.extend(segment.by_hash().iter().map(|(hash, at)| (*hash, *target, &**segment, *at)));
            }
        }
        series.sort_unstable_by_key(|(hash, target, _, at)| (*hash, *target, *at));
        for same in series.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            twins.add(same);
        }
        twins
    }

    /// Adds those of equal hash whose labels are equal too.
    fn add(&mut self, same: &[(u32, u32, &Segment, u32)]) {
        let mut found: Vec<(usize, Vec<Place>)> = Vec::new();
        for (index, (_, target, segment, at)) in same.iter().enumerate() {
            let place = (*target, segment.slots[*at as usize]);
            let equal = |(first, _): &&mut (usize, Vec<Place>)| {
                let (_, _, other, series) = same[*first];
                same_labels(other.labels(series), segment.labels(*at))
            };
            match found.iter_mut().find(equal) {
                Some((_, places)) => places.push(place),
                None => found.push((index, vec![place])),
            }
        }
        for (_, places) in found.into_iter().filter(|(_, places)| places.len() > 1) {
            self.hidden.extend(places[1..].iter().map(|place| (*place, places[0])));
            self.parts.insert(places[0], places.into());
        }
    }
}

/// The targets of which some series may be in another one too, and the label that shows that there are none.
fn suspects<'t>(targets: &[&'t (u32, Arc<View>)]) -> (Vec<&'t (u32, Arc<View>)>, Option<Told>) {
    let Some((_, first)) = targets.first() else { return (Vec::new(), None) };
    let mut fewest: Vec<&(u32, Arc<View>)> = targets.to_vec();
    for (name, _) in first.common.iter() {
        let value = |view: &View| value_of(view, name);
        let mut counts: HashMap<u64, usize> = HashMap::new();
        // A target whose series differ in this label, or lack it, may have one of anybody's.
        let told = targets
            .iter()
            .all(|(_, view)| value(view).inspect(|value| *counts.entry(*value).or_default() += 1).is_some());
        if !told {
            continue;
        }
        let shared = |(_, view): &&&(u32, Arc<View>)| value(view).is_some_and(|value| counts[&value] > 1);
        let left: Vec<_> = targets.iter().filter(shared).copied().collect();
        if left.len() < fewest.len() {
            fewest = left;
        }
        if fewest.is_empty() {
            let by_value = targets.iter().filter_map(|(target, view)| Some((value(view)?, *target)));
            return (fewest, Some(Told { name: name.clone(), targets: by_value.collect() }));
        }
    }
    if fewest.len() < 2 { (Vec::new(), None) } else { (fewest, None) }
}

/// The labels that every series of these segments has.
pub(crate) fn common(segments: &[Arc<Segment>]) -> Common {
    let of = |segment: &Segment| -> Vec<(Box<str>, u64)> {
        let only = |at: usize| {
            let pairs = segment.pairs(at);
            let symbol = segment.names()[at].symbol;
            let everywhere = segment.shapes.iter().all(|shape| shape.contains(&symbol));
            (pairs.len() == 1 && everywhere).then(|| {
                let value = segment.symbols.get(segment.pair_value(pairs.start));
                (segment.symbols.get(symbol).into(), hash_text(0, value))
            })
        };
        (0..segment.names().len()).filter_map(only).collect()
    };
    let Some((first, others)) = segments.split_first() else { return Common::default() };
    let mut all = of(first);
    for other in others {
        let labels = of(other);
        all.retain(|label| labels.contains(label));
    }
    all.into()
}
