//! Aggregations that pick series of a group: `topk`, `bottomk`, `limitk`, `limit_ratio`.
//!
//! **Invariant:** what is picked keeps its labels.

use std::cmp::Ordering;
use std::collections::HashMap;

use plimsoll_model::labels::Labels;

use super::EvalError;
use super::evaluator::Evaluator;
use super::grid::{Collector, Grid};
use super::quantile::nan_first;
use crate::syntax::ast::{Aggregate, AggregateOp};
use crate::syntax::format_g;

impl Evaluator<'_> {
    pub(super) fn pick(
        &mut self,
        aggregate: &Aggregate,
        parameter: &[f64],
        grid: &Grid,
        group_of: &[usize],
        groups: usize,
    ) -> Result<Grid, EvalError> {
        let op = aggregate.op;
        let fold = |better: fn(f64, f64) -> f64, start: f64| parameter.iter().copied().fold(start, better);
        let (most, least) =
            (fold(super::prepare::maximum, f64::MIN), fold(super::prepare::minimum, f64::MAX));
        let has_nan = parameter.iter().any(|value| value.is_nan());
        let mut out = Collector::new(grid.steps);
        if op == AggregateOp::LimitRatio {
            if most == 0.0 && least == 0.0 {
                return Ok(out.grid);
            }
            if has_nan {
                return self.fail("Ratio value is NaN");
            }
            let span = aggregate.param.as_ref().map(|param| param.unwrapped().span()).unwrap_or_default();
            for (value, bound, over) in [(most, 1.0, most > 1.0), (least, -1.0, least < -1.0)] {
                if over {
                    let text = format!(
                        "ratio value should be between -1 and 1, got {}, capping to {}",
                        format_g(value),
                        format_g(bound)
                    );
                    self.annotations.warn(span, text);
                }
            }
        } else {
            if most < 1.0 {
                return Ok(out.grid);
            }
            if has_nan {
                return self.fail("Parameter value is NaN");
            }
            if least <= i64::MIN as f64 {
                return self.fail(format!("Scalar value {} underflows int64", format_g(least)));
            }
            if most >= i64::MAX as f64 {
                return self.fail(format!("Scalar value {} overflows int64", format_g(most)));
            }
        }
        let hashes: Vec<f64> = if op == AggregateOp::LimitRatio {
            grid.labels.iter().map(|labels| label_hash(labels) as f64 / u64::MAX as f64).collect()
        } else {
            Vec::new()
        };
        let mut members: HashMap<usize, Vec<usize>> = HashMap::with_capacity(groups);
        for (row, group) in group_of.iter().enumerate() {
            members.entry(*group).or_default().push(row);
        }
        for step in 0..grid.steps {
            let parameter = parameter[step];
            let limit = (parameter as i64).clamp(0, grid.rows() as i64) as usize;
            if op != AggregateOp::LimitRatio && limit < 1 {
                continue;
            }
            for group in 0..groups {
                let mut picked: Vec<usize> =
                    members[&group].iter().copied().filter(|row| grid.is_present(*row, step)).collect();
                match op {
                    AggregateOp::Limitk => picked.truncate(limit),
                    AggregateOp::LimitRatio => {
                        let ratio = parameter.clamp(-1.0, 1.0);
                        picked.retain(|row| {
                            let offset = hashes[*row];
                            if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio }
                        });
                    }
                    _ => {
                        let all = picked.len();
                        picked.retain(|row| grid.float(*row, step).is_some());
                        if picked.len() < all {
                            self.annotations.ignored_in_aggregation(aggregate.span, op.as_str());
                        }
                        let value = |row: usize| grid.float(row, step).unwrap_or(f64::NAN);
                        picked = best(&picked, limit, value, op == AggregateOp::Topk);
                    }
                }
                for row in picked {
                    if let Some(cell) = grid.get(row, step) {
                        out.put(&grid.labels[row], grid.drop_name[row], step, cell)?;
                    }
                }
            }
        }
        Ok(out.grid)
    }
}

/// The `limit` best rows, the best first. Which of equals stay is decided by the heap that Prometheus keeps them in
/// (`aggregationK` in `engine.go`, on Go's `container/heap`), so that it is the same here.
fn best(rows: &[usize], limit: usize, value: impl Fn(usize) -> f64, largest: bool) -> Vec<usize> {
    let worse = |a: usize, b: usize| {
        let (a, b) = (value(a), value(b));
        a.is_nan() || if largest { a < b } else { a > b }
    };
    let mut heap: Vec<usize> = Vec::with_capacity(limit.min(rows.len()));
    for &row in rows {
        if heap.len() < limit {
            heap.push(row);
            let mut at = heap.len() - 1;
            while at > 0 && worse(heap[at], heap[(at - 1) / 2]) {
                heap.swap(at, (at - 1) / 2);
                at = (at - 1) / 2;
            }
            continue;
        }
        let (out, new) = (value(heap[0]), value(row));
        if !(if largest { out < new } else { out > new } || out.is_nan() && !new.is_nan()) {
            continue;
        }
        heap[0] = row;
        let mut at = 0;
        while 2 * at + 1 < heap.len() {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let child = if right < heap.len() && worse(heap[right], heap[left]) { right } else { left };
            if !worse(heap[child], heap[at]) {
                break;
            }
            heap.swap(child, at);
            at = child;
        }
    }
    heap.sort_by(|a, b| rank(value(*a), value(*b), largest));
    heap
}

/// The best first, NaN last.
fn rank(a: f64, b: f64, largest: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if largest => nan_first(&b, &a),
        (false, false) => nan_first(&a, &b),
        (a, b) => a.cmp(&b),
    }
}

/// The hash by which Prometheus samples series: xxHash64 over the names and values, each with its length in front.
fn label_hash(labels: &Labels) -> u64 {
    let mut data = Vec::new();
    for label in labels {
        for text in [&label.name, &label.value] {
            let length = text.len();
            if length < 255 {
                data.push(length as u8);
            } else {
                data.extend_from_slice(&[255, length as u8, (length >> 8) as u8, (length >> 16) as u8]);
            }
            data.extend_from_slice(text.as_bytes());
        }
    }
    xxhash64(&data)
}

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

fn round(state: u64, input: u64) -> u64 {
    state.wrapping_add(input.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn xxhash64(data: &[u8]) -> u64 {
    let mut blocks = data.chunks_exact(32);
    let mut hash = if data.len() >= 32 {
        let mut lanes = [P1.wrapping_add(P2), P2, 0, 0u64.wrapping_sub(P1)];
        for block in &mut blocks {
            for (lane, bytes) in lanes.iter_mut().zip(block.chunks_exact(8)) {
                *lane = round(*lane, word(bytes));
            }
        }
        let [a, b, c, d] = lanes;
        let joined = a
            .rotate_left(1)
            .wrapping_add(b.rotate_left(7))
            .wrapping_add(c.rotate_left(12))
            .wrapping_add(d.rotate_left(18));
        lanes.iter().fold(joined, |hash, lane| (hash ^ round(0, *lane)).wrapping_mul(P1).wrapping_add(P4))
    } else {
        P5
    };
    hash = hash.wrapping_add(data.len() as u64);
    let mut words = blocks.remainder().chunks_exact(8);
    for bytes in &mut words {
        hash = (hash ^ round(0, word(bytes))).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
    }
    let mut rest = words.remainder();
    if rest.len() >= 4 {
        hash = (hash ^ word(&rest[..4]).wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
        rest = &rest[4..];
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(P2);
    hash ^= hash >> 29;
    hash = hash.wrapping_mul(P3);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_xxhash64() {
        assert_eq!(xxhash64(b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(xxhash64(b"a"), 0xD24E_C4F1_A98C_6E5B);
        assert_eq!(xxhash64(b"Nobody inspects the spammish repetition"), 0xFBCE_A83C_8A37_8BF1);
    }
}
