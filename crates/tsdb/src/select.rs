//! Which series of a segment satisfy a selector.
//!
//! The rarest condition lists candidates from postings; the others are checked on each candidate's own labels. Long postings (`job`,
//! `__name__`) are so never decoded for a question about one service.
//!
//! **Invariant:** the result is what testing every series with every matcher would give.

use plimsoll_model::matcher::Matcher;

use crate::segment::Segment;

/// A matcher as it applies to one segment.
struct Condition<'m> {
    matcher: &'m Matcher,
    name_symbol: u32,
    absent_matches: bool,
    /// The pairs that satisfy it, where they were worked out.
    pairs: Option<Vec<u32>>,
    /// The values of `pairs`, ascending.
    values: Vec<u32>,
    /// Position of the name per shape: `u32::MAX` where the shape lacks it.
    positions: Vec<u32>,
}

/// Distinct values up to which a pattern is tried on all of them to find the cheapest way in.
const FEW_VALUES: usize = 64;

/// Calls `each` with the slot of every series that satisfies all `matchers`.
pub(crate) fn select(segment: &Segment, matchers: &[Matcher], mut each: impl FnMut(u32)) {
    let mut conditions = Vec::with_capacity(matchers.len());
    for matcher in matchers {
        let absent_matches = matcher.matches_absent();
        let Some(name) = segment.find_name(matcher.name()) else {
            if absent_matches {
                continue;
            }
            return;
        };
        let pairs = match matcher.listed_values() {
            Some(values) => {
                let mut pairs: Vec<u32> =
                    values.iter().filter_map(|value| segment.find_pair(name, value)).collect();
                pairs.sort_unstable();
                pairs.dedup();
                Some(pairs)
            }
            None if segment.pairs(name).len() <= FEW_VALUES => Some(matching(segment, name, matcher)),
            None => None,
        };
        if pairs.as_ref().is_some_and(Vec::is_empty) && !absent_matches {
            return;
        }
        let name_symbol = segment.names()[name].symbol;
        conditions.push(Condition {
            matcher,
            name_symbol,
            absent_matches,
            pairs,
            values: Vec::new(),
            positions: Vec::new(),
        });
    }
    let cost = |condition: &Condition| {
        let pairs = condition.pairs.as_ref().filter(|_| !condition.absent_matches)?;
        Some(pairs.iter().map(|pair| segment.postings_len(*pair)).sum::<usize>())
    };
    let mut cheapest = conditions.iter().enumerate().filter_map(|(at, c)| Some((cost(c)?, at))).min();
    // Patterns over many values: trying each value once beats trying each candidate when candidates are more.
    for (at, condition) in conditions.iter_mut().enumerate() {
        let Some(name) = segment.find_name(condition.matcher.name()) else { continue };
        if condition.pairs.is_none() && cheapest.is_none_or(|(cost, _)| cost > segment.pairs(name).len()) {
            condition.pairs = Some(matching(segment, name, condition.matcher));
            if let Some(cost) = cost(condition) {
                cheapest = cheapest.into_iter().chain([(cost, at)]).min();
            }
        }
    }
    for condition in &mut conditions {
        condition.values = condition.pairs.iter().flatten().map(|pair| segment.pair_value(*pair)).collect();
        let position =
            |shape: &[u32]| shape.binary_search(&condition.name_symbol).map_or(u32::MAX, |at| at as u32);
        condition.positions = segment.shapes.iter().map(|shape| position(shape)).collect();
    }
    let mut candidates = Vec::new();
    let driver = match cheapest {
        Some((_, at)) => {
            let pairs = conditions[at].pairs.as_deref().unwrap_or(&[]);
            for pair in pairs {
                segment.postings(*pair, &mut candidates);
            }
            if pairs.len() > 1 {
                candidates.sort_unstable();
            }
            at
        }
        None => {
            candidates.extend(0..segment.len() as u32);
            usize::MAX
        }
    };
    for series in candidates {
        let shape = segment.shape(series) as usize;
        let satisfied = conditions.iter().enumerate().all(|(at, condition)| {
            if at == driver {
                return true;
            }
            let position = condition.positions[shape];
            if position == u32::MAX {
                return condition.absent_matches;
            }
            let value = segment.value_at(series, position);
            match (&condition.pairs, condition.values.as_slice()) {
                (None, _) => condition.matcher.matches(segment.symbols.get(value)),
                (_, [only]) => *only == value,
                (_, values) => values.binary_search(&value).is_ok(),
            }
        });
        if satisfied {
            each(segment.slots[series as usize]);
        }
    }
}

/// The pairs of a name whose value satisfies a matcher.
fn matching(segment: &Segment, name: usize, matcher: &Matcher) -> Vec<u32> {
    segment
        .pairs(name)
        .filter(|pair| matcher.matches(segment.symbols.get(segment.pair_value(*pair))))
        .collect()
}
