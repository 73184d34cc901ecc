//! Binary operators, between numbers, series, and both.
//!
//! **Invariant:** one pair of samples never gives two results; an ambiguous match is an error that names the series.

use std::collections::HashSet;

use plimsoll_model::histogram::{Histogram, ResetHint};
use plimsoll_model::labels::{Labels, METRIC_NAME, METRIC_TYPE, METRIC_UNIT};

use super::EvalError;
use super::evaluator::{Evaluated, Evaluator};
use super::grid::{Cell, Collector, Grid};
use super::matching::{Groups, match_labels};
use crate::annotations::Annotations;
use crate::syntax::Span;
use crate::syntax::ast::{Binary, BinaryOp, Cardinality, Matching};

impl Evaluator<'_> {
    pub(crate) fn binary(&mut self, binary: &Binary) -> Result<Evaluated, EvalError> {
        let lhs = self.eval(&binary.lhs)?;
        let rhs = self.eval(&binary.rhs)?;
        let span = binary.lhs.span().to(binary.rhs.span());
        Ok(match (lhs, rhs) {
            (Evaluated::Scalar(lhs), Evaluated::Scalar(_))
                if matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) && !lhs.is_empty() =>
            {
                // The type check lets it pass, in Prometheus too.
                let sign = binary.op.as_str();
                return self.fail(format!("operator \"{sign}\" not allowed for Scalar operations"));
            }
            (Evaluated::Scalar(lhs), Evaluated::Scalar(rhs)) => Evaluated::Scalar(
                lhs.into_iter().zip(rhs).map(|(a, b)| scalar_operation(binary.op, a, b)).collect(),
            ),
            (Evaluated::Grid(grid), Evaluated::Scalar(scalar)) => {
                Evaluated::Grid(self.with_scalar(binary, &grid, &scalar, false, span))
            }
            (Evaluated::Scalar(scalar), Evaluated::Grid(grid)) => {
                Evaluated::Grid(self.with_scalar(binary, &grid, &scalar, true, span))
            }
            (Evaluated::Grid(lhs), Evaluated::Grid(rhs)) => {
                let Some(matching) = &binary.matching else { return self.fail("no matching of series") };
                let weight = lhs.weight() + rhs.weight();
                self.hold(weight)?;
                let grid = if binary.op.is_set() {
                    set_operation(binary.op, matching, &lhs, &rhs)
                } else {
                    self.vectors(binary, matching, &lhs, &rhs, span)
                };
                self.release(weight);
                Evaluated::Grid(grid?)
            }
            _ => return self.fail("binary operators are not defined on texts"),
        })
    }

    fn with_scalar(&mut self, binary: &Binary, grid: &Grid, scalar: &[f64], swap: bool, span: Span) -> Grid {
        let op = binary.op;
        let mut out = Grid::with_capacity(grid.steps, grid.rows());
        // Of the operations of one step only the last note is said, as in Prometheus.
        let mut notes: Vec<Annotations> = vec![Annotations::default(); grid.steps];
        for row in 0..grid.rows() {
            let drop_name = grid.drop_name[row] || op.changes_meaning() || binary.return_bool;
            let to = out.push_row(grid.labels[row].clone(), drop_name);
            for step in 0..grid.steps {
                let Some(cell) = grid.get(row, step) else { continue };
                let number = Cell::Float(scalar[step]);
                let note = &mut notes[step];
                let result = if swap {
                    operate(op, &number, &cell, span, note)
                } else {
                    operate(op, &cell, &number, span, note)
                };
                let Some(Operated { cell: mut value, keep, .. }) = result else { continue };
                // What a comparison keeps is the sample of the series, on whichever side it stands.
                if op.is_comparison() && swap {
                    value = cell;
                }
                if binary.return_bool {
                    out.set_float(to, step, f64::from(u8::from(keep)));
                } else if keep {
                    out.set(to, step, value);
                }
            }
            out.pop_if_empty();
        }
        notes.into_iter().for_each(|note| self.annotations.merge(note));
        out
    }

    fn vectors(
        &mut self,
        binary: &Binary,
        matching: &Matching,
        lhs: &Grid,
        rhs: &Grid,
        span: Span,
    ) -> Result<Grid, EvalError> {
        // The one side is always `one`; results keep the order of the operands.
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
        let mut groups = Groups::default();
        let many_of = groups.number(many, matching.on, &matching.labels);
        let one_of = groups.number(one, matching.on, &matching.labels);
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        // The operands have changed places, and so have the names of their fill values.
        let (fill_one, fill_many) = (matching.fill_right, matching.fill_left);
        let mut out = Collector::new(lhs.steps);
        let mut partner: Vec<Option<usize>> = Vec::new();
        for step in 0..lhs.steps {
            let present = |grid: &Grid| (0..grid.rows()).any(|row| grid.is_present(row, step));
            let (has_many, has_one) = (present(many), present(one));
            if !(has_many && has_one) && fill_one.is_none() && fill_many.is_none() {
                continue;
            }
            partner.clear();
            partner.resize(groups.len(), None);
            for row in 0..one.rows() {
                if !one.is_present(row, step) {
                    continue;
                }
                if let Some(other) = partner[one_of[row]].replace(row) {
                    let side = if swapped { "left" } else { "right" };
                    let group = match_labels(&one.labels[row], matching.on, &matching.labels);
                    return self.fail(format!(
                        "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                        one.labels[row], one.labels[other]
                    ));
                }
            }
            let mut matched: Vec<bool> = vec![false; groups.len()];
            let mut inserted: HashSet<(usize, Labels)> = HashSet::new();
            let mut note = Annotations::default();
            let mut pair = |ev: &Self,
                            group: usize,
                            many: (&Labels, Cell),
                            one: (&Labels, Cell),
                            fill: bool| {
                if fill && matched[group] {
                    return Ok(());
                }
                let (left, right) = if swapped { (&one.1, &many.1) } else { (&many.1, &one.1) };
                let operated = operate(binary.op, left, right, span, &mut note);
                let Some(operated) = operated else { return Ok(()) };
                let labels = result_labels(many.0, one.0, binary.op, matching);
                if one_to_one {
                    if matched[group] {
                        return ev.fail(
                            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                        );
                    }
                } else if !inserted.insert((group, labels.clone())) {
                    return ev
                        .fail("multiple matches for labels: grouping labels must ensure unique matches");
                }
                matched[group] = true;
                let cell = if binary.return_bool {
                    Cell::Float(f64::from(u8::from(operated.keep)))
                } else if operated.keep {
                    operated.cell
                } else {
                    return Ok(());
                };
                out.put(&labels, binary.return_bool, step, cell)
            };
            for row in 0..many.rows() {
                let Some(cell) = many.get(row, step) else { continue };
                let group = many_of[row];
                match (partner[group], fill_one) {
                    (Some(other), _) => {
                        let Some(value) = one.get(other, step) else { continue };
                        pair(self, group, (&many.labels[row], cell), (&one.labels[other], value), false)?;
                    }
                    (None, Some(fill)) => {
                        let labels = match_labels(&many.labels[row], matching.on, &matching.labels);
                        pair(self, group, (&many.labels[row], cell), (&labels, Cell::Float(fill)), false)?;
                    }
                    (None, None) => {}
                }
            }
            if let Some(fill) = fill_many {
                for row in 0..one.rows() {
                    let Some(cell) = one.get(row, step) else { continue };
                    let group = one_of[row];
                    let labels = match_labels(&one.labels[row], matching.on, &matching.labels);
                    pair(self, group, (&labels, Cell::Float(fill)), (&one.labels[row], cell), true)?;
                }
            }
            self.annotations.merge(note);
        }
        Ok(out.grid)
    }
}

/// The result for two samples. None where their kinds do not go together, which is noted in place of an earlier note.
fn operate(op: BinaryOp, lhs: &Cell, rhs: &Cell, span: Span, note: &mut Annotations) -> Option<Operated> {
    let mut found = Annotations::default();
    let result = operation(op, lhs, rhs, span, &mut found);
    if !found.is_empty() {
        *note = found;
    }
    result
}

fn operation(op: BinaryOp, lhs: &Cell, rhs: &Cell, span: Span, note: &mut Annotations) -> Option<Operated> {
    let float = |value: f64| Some(Operated { cell: Cell::Float(value), keep: true });
    let histogram = |h: Histogram| Some(Operated { cell: Cell::Histogram(h.into()), keep: true });
    match (lhs, rhs) {
        (Cell::Float(a), Cell::Float(b)) => match op {
            BinaryOp::TrimUpper | BinaryOp::TrimLower => {
                note.incompatible_types(span, "float", op.as_str(), "float");
                None
            }
            op if op.is_comparison() => {
                Some(Operated { cell: Cell::Float(*a), keep: scalar_operation(op, *a, *b) == 1.0 })
            }
            op => float(scalar_operation(op, *a, *b)),
        },
        (Cell::Float(factor), Cell::Histogram(h)) => match op {
            BinaryOp::Mul => histogram(h.as_ref().clone().times(*factor).compacted()),
            op => {
                note.incompatible_types(span, "float", op.as_str(), "histogram");
                None
            }
        },
        (Cell::Histogram(h), Cell::Float(value)) => match op {
            BinaryOp::Mul => histogram(h.as_ref().clone().times(*value).compacted()),
            BinaryOp::Div => histogram(h.as_ref().clone().divided(*value).compacted()),
            BinaryOp::TrimUpper => histogram(h.trimmed(*value, true)),
            BinaryOp::TrimLower => histogram(h.trimmed(*value, false)),
            op => {
                note.incompatible_types(span, "histogram", op.as_str(), "float");
                None
            }
        },
        (Cell::Histogram(a), Cell::Histogram(b)) => match op {
            BinaryOp::Eq => Some(Operated { cell: lhs.clone(), keep: a.same_observations(b) }),
            BinaryOp::Ne => Some(Operated { cell: lhs.clone(), keep: !a.same_observations(b) }),
            BinaryOp::Add | BinaryOp::Sub => {
                let mut result = a.as_ref().clone();
                let (combined, word) = if op == BinaryOp::Add {
                    (result.add(b), "addition")
                } else {
                    (result.subtract(b), "subtraction")
                };
                let Ok(combined) = combined else {
                    note.warn(
                        span,
                        format!("incompatible bucket layout encountered for binary operator {}", op.as_str()),
                    );
                    return None;
                };
                if combined.reset_collision {
                    note.reset_collision(span, word);
                    return None;
                }
                if combined.bounds_reconciled {
                    note.bounds_reconciled(span, word);
                }
                if op == BinaryOp::Sub {
                    result.reset_hint = ResetHint::Gauge;
                }
                histogram(result.compacted())
            }
            op => {
                note.incompatible_types(span, "histogram", op.as_str(), "histogram");
                None
            }
        },
    }
}

struct Operated {
    cell: Cell,
    keep: bool,
}

fn scalar_operation(op: BinaryOp, a: f64, b: f64) -> f64 {
    let truth = |value: bool| f64::from(u8::from(value));
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        BinaryOp::Eq => truth(a == b),
        BinaryOp::Ne => truth(a != b),
        BinaryOp::Lt => truth(a < b),
        BinaryOp::Le => truth(a <= b),
        BinaryOp::Gt => truth(a > b),
        BinaryOp::Ge => truth(a >= b),
        _ => f64::NAN,
    }
}

fn result_labels(many: &Labels, one: &Labels, op: BinaryOp, matching: &Matching) -> Labels {
    let mut labels = many.clone();
    if op.changes_meaning() {
        labels = labels.retain(|label| ![METRIC_NAME, METRIC_TYPE, METRIC_UNIT].contains(&&*label.name));
    }
    if matching.cardinality == Cardinality::OneToOne {
        let listed = |name: &str| matching.labels.iter().any(|listed| listed == name);
        labels = labels.retain(|label| listed(&label.name) == matching.on);
    }
    for name in &matching.include {
        labels = labels.with(name, one.get(name));
    }
    labels
}

fn set_operation(op: BinaryOp, matching: &Matching, lhs: &Grid, rhs: &Grid) -> Result<Grid, EvalError> {
    let mut groups = Groups::default();
    let left_of = groups.number(lhs, matching.on, &matching.labels);
    let right_of = groups.number(rhs, matching.on, &matching.labels);
    let mut out = Collector::new(lhs.steps);
    let mut present = vec![false; groups.len()];
    for step in 0..lhs.steps {
        present.fill(false);
        let (grid, group_of) = if op == BinaryOp::Or { (lhs, &left_of) } else { (rhs, &right_of) };
        for row in (0..grid.rows()).filter(|row| grid.is_present(*row, step)) {
            present[group_of[row]] = true;
        }
        for row in 0..lhs.rows() {
            let Some(cell) = lhs.get(row, step) else { continue };
            if op == BinaryOp::Or || present[left_of[row]] == (op == BinaryOp::And) {
                out.put(&lhs.labels[row], lhs.drop_name[row], step, cell)?;
            }
        }
        if op == BinaryOp::Or {
            for row in 0..rhs.rows() {
                let Some(cell) = rhs.get(row, step) else { continue };
                if !present[right_of[row]] {
                    out.put(&rhs.labels[row], rhs.drop_name[row], step, cell)?;
                }
            }
        }
    }
    Ok(out.grid)
}
