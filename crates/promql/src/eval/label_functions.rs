//! `label_replace` and `label_join`.
//!
//! **Invariant:** series that become alike are merged, unless they have samples at one time.

use plimsoll_model::labels::METRIC_NAME;
use plimsoll_model::regexp::GoRegexp;

use super::EvalError;
use super::evaluator::Evaluator;
use super::grid::Grid;
use crate::syntax::ast::{Call, Expr};

fn text(arg: &Expr) -> &str {
    match arg.unwrapped() {
        Expr::String { value, .. } => value,
        _ => "",
    }
}

/// Whether a text can name a label. Bytes that are no UTF-8 have become replacement characters.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER)
}

impl Evaluator<'_> {
    pub(crate) fn label_replace(&mut self, call: &Call) -> Result<Grid, EvalError> {
        let [to, replacement, from, pattern] = [1, 2, 3, 4].map(|at| text(&call.args[at]));
        let Ok(regex) = GoRegexp::whole(pattern) else {
            return self.fail(format!("invalid regular expression in label_replace(): {pattern}"));
        };
        if !is_name(to) {
            return self.fail(format!("invalid destination label name in label_replace(): {to}"));
        }
        let mut grid = self.eval_grid(&call.args[0])?;
        for row in 0..grid.rows() {
            let labels = &grid.labels[row];
            let Some(captures) = regex.captures(labels.get(from)) else { continue };
            let value = regex.expand(replacement, &captures);
            grid.labels[row] = labels.with(to, &value);
            grid.distinct = false;
            if to == METRIC_NAME {
                grid.drop_name[row] = false;
            }
        }
        grid.merge_equal()
    }

    pub(crate) fn label_join(&mut self, call: &Call) -> Result<Grid, EvalError> {
        let (to, separator) = (text(&call.args[1]), text(&call.args[2]));
        let from: Vec<&str> = call.args[3..].iter().map(text).collect();
        if let Some(name) = from.iter().find(|name| !is_name(name)) {
            return self.fail(format!("invalid source label name in label_join(): {name}"));
        }
        if !is_name(to) {
            return self.fail(format!("invalid destination label name in label_join(): {to}"));
        }
        let mut grid = self.eval_grid(&call.args[0])?;
        for row in 0..grid.rows() {
            let labels = &grid.labels[row];
            let values: Vec<&str> = from.iter().map(|name| labels.get(name)).collect();
            grid.labels[row] = labels.with(to, &values.join(separator));
            grid.distinct = false;
            if to == METRIC_NAME {
                grid.drop_name[row] = false;
            }
        }
        grid.merge_equal()
    }
}
