//! Series over steps, column by column: the value that operators hand on.
//!
//! Not a tree of samples: one array of numbers for all series and steps, histograms aside in a map.
//!
//! **Invariant:** `state` and `values` have one cell per row and step; a histogram cell has its histogram.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use plimsoll_model::histogram::Histogram;
use plimsoll_model::labels::Labels;

use super::EvalError;

/// A sample without its time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Float(f64),
    Histogram(Arc<Histogram>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    Float,
    Histogram,
}

#[derive(Debug, Clone)]
pub(crate) struct Grid {
    pub steps: usize,
    pub labels: Vec<Labels>,
    /// Whether the name no longer fits and goes at the end.
    pub drop_name: Vec<bool>,
    /// Whether all labels are known to differ. Whoever changes labels takes it back.
    pub distinct: bool,
    state: Vec<State>,
    values: Vec<f64>,
    histograms: HashMap<usize, Arc<Histogram>>,
}

impl Grid {
    pub fn new(steps: usize) -> Self {
        Self::with_capacity(steps, 0)
    }

    pub fn with_capacity(steps: usize, rows: usize) -> Self {
        Self {
            steps,
            labels: Vec::with_capacity(rows),
            drop_name: Vec::with_capacity(rows),
            distinct: false,
            state: Vec::with_capacity(rows * steps),
            values: Vec::with_capacity(rows * steps),
            histograms: HashMap::new(),
        }
    }

    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Adds a row without samples and gives its number.
    pub fn push_row(&mut self, labels: Labels, drop_name: bool) -> usize {
        self.labels.push(labels);
        self.drop_name.push(drop_name);
        self.state.resize(self.labels.len() * self.steps, State::Absent);
        self.values.resize(self.labels.len() * self.steps, 0.0);
        self.labels.len() - 1
    }

    /// Takes the last row back if it has no sample.
    pub fn pop_if_empty(&mut self) {
        let last = self.rows() - 1;
        if self.count(last) == 0 {
            self.labels.pop();
            self.drop_name.pop();
            self.state.truncate(last * self.steps);
            self.values.truncate(last * self.steps);
        }
    }

    pub fn set(&mut self, row: usize, step: usize, cell: Cell) {
        match cell {
            Cell::Float(value) => self.set_float(row, step, value),
            Cell::Histogram(histogram) => self.set_histogram(row, step, histogram),
        }
    }

    pub fn set_float(&mut self, row: usize, step: usize, value: f64) {
        let at = row * self.steps + step;
        self.state[at] = State::Float;
        self.values[at] = value;
    }

    pub fn set_histogram(&mut self, row: usize, step: usize, histogram: Arc<Histogram>) {
        let at = row * self.steps + step;
        self.state[at] = State::Histogram;
        self.histograms.insert(at, histogram);
    }

    pub fn float(&self, row: usize, step: usize) -> Option<f64> {
        let at = row * self.steps + step;
        (self.state[at] == State::Float).then(|| self.values[at])
    }

    pub fn histogram(&self, row: usize, step: usize) -> Option<&Arc<Histogram>> {
        let at = row * self.steps + step;
        if self.state[at] == State::Histogram { self.histograms.get(&at) } else { None }
    }

    pub fn get(&self, row: usize, step: usize) -> Option<Cell> {
        match self.float(row, step) {
            Some(value) => Some(Cell::Float(value)),
            None => self.histogram(row, step).map(|histogram| Cell::Histogram(histogram.clone())),
        }
    }

    pub fn is_present(&self, row: usize, step: usize) -> bool {
        self.state[row * self.steps + step] != State::Absent
    }

    /// Samples of a row.
    pub fn count(&self, row: usize) -> usize {
        let cells = &self.state[row * self.steps..(row + 1) * self.steps];
        cells.iter().filter(|state| **state != State::Absent).count()
    }

    /// What the grid counts as where samples are limited.
    pub fn weight(&self) -> usize {
        let floats = self.state.iter().filter(|state| **state == State::Float).count();
        floats + self.histograms.values().map(|histogram| histogram.weight()).sum::<usize>()
    }

    /// Changes every number and drops every histogram.
    pub fn map_floats(mut self, change: impl Fn(f64) -> f64) -> Self {
        for (state, value) in self.state.iter_mut().zip(&mut self.values) {
            match state {
                State::Float => *value = change(*value),
                _ => *state = State::Absent,
            }
        }
        self.histograms.clear();
        self.drop_name.fill(true);
        self.without_empty_rows()
    }

    pub fn without_empty_rows(self) -> Self {
        if (0..self.rows()).all(|row| self.count(row) > 0) {
            return self;
        }
        let mut kept = Self::with_capacity(self.steps, self.rows());
        kept.distinct = self.distinct;
        for row in 0..self.rows() {
            if self.count(row) > 0 {
                kept.copy_row(&self, row);
            }
        }
        kept
    }

    /// Appends a row of another grid with as many steps.
    pub fn copy_row(&mut self, other: &Self, row: usize) {
        let to = self.push_row(other.labels[row].clone(), other.drop_name[row]);
        for step in 0..self.steps {
            if let Some(cell) = other.get(row, step) {
                self.set(to, step, cell);
            }
        }
    }

    /// A grid of one step as a grid of many equal ones.
    pub fn broadcast(self, steps: usize) -> Self {
        let mut wide = Self::with_capacity(steps, self.rows());
        for row in 0..self.rows() {
            let to = wide.push_row(self.labels[row].clone(), self.drop_name[row]);
            if let Some(cell) = self.get(row, 0) {
                for step in 0..steps {
                    wide.set(to, step, cell.clone());
                }
            }
        }
        wide
    }

    /// Merges rows with equal labels; two samples at one step are an error.
    pub fn merge_equal(self) -> Result<Self, EvalError> {
        if self.distinct || self.rows() < 2 {
            return Ok(self);
        }
        let mut seen: HashSet<&Labels> = HashSet::with_capacity(self.rows());
        let distinct = self.labels.iter().all(|labels| seen.insert(labels));
        drop(seen);
        if distinct {
            return Ok(self);
        }
        let mut merged = Collector::new(self.steps);
        merged.strict = true;
        for row in 0..self.rows() {
            for step in 0..self.steps {
                if let Some(cell) = self.get(row, step) {
                    merged.put(&self.labels[row], self.drop_name[row], step, cell)?;
                }
            }
        }
        Ok(merged.grid)
    }
}

pub(crate) fn same_labels() -> EvalError {
    EvalError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// Builds a grid sample by sample, one row per set of labels.
pub(crate) struct Collector {
    pub grid: Grid,
    rows: HashMap<Labels, usize>,
    /// Whether equal labels are an error with a single step too. Else they stay apart until the names are gone.
    pub strict: bool,
}

impl Collector {
    pub fn new(steps: usize) -> Self {
        Self { grid: Grid::new(steps), rows: HashMap::new(), strict: false }
    }

    pub fn put(
        &mut self,
        labels: &Labels,
        drop_name: bool,
        step: usize,
        cell: Cell,
    ) -> Result<(), EvalError> {
        if self.grid.steps == 1 && !self.strict {
            let row = self.grid.push_row(labels.clone(), drop_name);
            self.grid.set(row, step, cell);
            return Ok(());
        }
        let row = match self.rows.get(labels) {
            Some(row) => *row,
            None => {
                let row = self.grid.push_row(labels.clone(), drop_name);
                self.rows.insert(labels.clone(), row);
                row
            }
        };
        if self.grid.is_present(row, step) {
            return Err(same_labels());
        }
        self.grid.set(row, step, cell);
        Ok(())
    }
}
