//! What a query has found in one generation of a source: the series of each selector, their labels and their groups.
//!
//! Not samples: these are read anew each time. Kept by a [plan](crate::plan), so that a query that is asked again need not
//! look anything up.
//!
//! **Invariant:** everything here is what the source would say again as long as its generation is the same.

use std::sync::{Arc, OnceLock};

use hashbrown::HashSet;
use plimsoll_model::labels::Labels;
use plimsoll_model::matcher::Matcher;
use plimsoll_model::series::{Grouping, Groups, SeriesId, SeriesSource, TimeRange};

use crate::syntax::ast::{Aggregate, Expr};

/// Most series of one selector whose labels are kept: about 300 bytes each.
const MAX_KEPT_LABELS: usize = 1 << 16;

/// The series of one selector.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub ids: Box<[SeriesId]>,
    labels: OnceLock<Box<[Labels]>>,
    distinct: OnceLock<bool>,
    /// By the labels of the one aggregation that stands directly over the selector.
    groups: OnceLock<Groups>,
    /// Whether what is found is worth keeping for the next time.
    kept: bool,
}

impl Selection {
    /// Series for one evaluation only.
    pub fn once(ids: Vec<SeriesId>) -> Self {
        Self { ids: ids.into(), ..Self::default() }
    }

    /// The labels of the series at an index.
    pub fn labels(&self, source: &dyn SeriesSource, index: usize) -> Labels {
        match self.kept_labels(source) {
            Some(labels) => labels[index].clone(),
            None => source.labels(self.ids[index]),
        }
    }

    /// Whether all labels are known to differ. Without labels that are kept that is not worth finding out ahead.
    pub fn is_distinct(&self, source: &dyn SeriesSource) -> bool {
        let Some(labels) = self.kept_labels(source) else { return self.ids.len() < 2 };
        *self.distinct.get_or_init(|| {
            let mut seen = HashSet::with_capacity(labels.len());
            labels.iter().all(|labels| seen.insert(labels))
        })
    }

    fn kept_labels(&self, source: &dyn SeriesSource) -> Option<&[Labels]> {
        let keeps = self.kept && self.ids.len() <= MAX_KEPT_LABELS;
        let labels = || self.ids.iter().map(|id| source.labels(*id)).collect();
        keeps.then(|| &**self.labels.get_or_init(labels))
    }

    /// The groups of the series for the aggregation directly over them.
    pub fn groups(&self, source: &dyn SeriesSource, aggregate: &Aggregate) -> &Groups {
        let by = Grouping { names: &aggregate.grouping, without: aggregate.without };
        self.groups.get_or_init(|| source.group(&self.ids, by))
    }

    fn bytes(&self) -> usize {
        let of = |labels: &[Labels]| labels.iter().map(|labels| 32 + labels.len() * 32).sum::<usize>();
        let groups = self.groups.get().map_or(0, |groups| groups.of.len() * 4 + of(&groups.labels));
        self.ids.len() * 8 + groups + self.labels.get().map_or(0, |labels| of(labels))
    }
}

/// All selections of a query.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The generation that it is true of.
    pub generation: u64,
    /// By where the selector starts in the query.
    selections: Box<[(usize, OnceLock<Arc<Selection>>)]>,
}

impl Bound {
    /// For a query; nothing is looked up yet.
    pub fn new(expr: &Expr, generation: u64) -> Self {
        let mut selections = Vec::new();
        let mut rest = vec![expr];
        while let Some(expr) = rest.pop() {
            match expr {
                Expr::Vector(vector) => selections.push((vector.span.start, OnceLock::new())),
                Expr::Matrix(matrix) => selections.push((matrix.vector.span.start, OnceLock::new())),
                other => rest.extend(other.children()),
            }
        }
        Self { generation, selections: selections.into() }
    }

    /// The series of the selector that starts at `place`.
    pub fn selection(
        &self,
        place: usize,
        matchers: &[Matcher],
        source: &dyn SeriesSource,
    ) -> Option<Arc<Selection>> {
        let (_, selection) = self.selections.iter().find(|(other, _)| *other == place)?;
        let find = || {
            let ids = source.select(matchers, TimeRange::ALL).into();
            Arc::new(Selection { ids, kept: true, ..Selection::default() })
        };
        Some(Arc::clone(selection.get_or_init(find)))
    }

    /// Bytes on the heap, approximately.
    pub fn bytes(&self) -> usize {
        self.selections.iter().filter_map(|(_, selection)| selection.get()).map(|s| s.bytes()).sum()
    }
}
