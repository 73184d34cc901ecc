//! Queries that are asked again and again: read once, and their series looked up once per generation of the source.
//!
//! Not a cache of results: samples are read at each evaluation. One [`Plans`] serves one source; generations of different
//! sources mean nothing to each other.
//!
//! **Invariant:** a plan gives what its query gives evaluated afresh, bit for bit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll_model::series::SeriesSource;

use crate::eval::bound::Bound;
use crate::eval::{EvalError, Options, Outcome, Query, Stop, When, evaluator, prepare};
use crate::syntax::ParseError;
use crate::syntax::ast::Expr;

/// Longest text of a query that is kept, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// A query with what is known of its series.
#[derive(Debug)]
pub struct Plan {
    query: Query,
    /// The query made ready, if that is the same for every time.
    ready: Option<Expr>,
    bound: Mutex<Option<Arc<Bound>>>,
    /// Bytes of what is bound, as of the last evaluation.
    bytes: AtomicUsize,
    /// When it was last used, in uses of the whole cache.
    used: AtomicU64,
}

impl Plan {
    /// Reads and checks a query.
    pub fn new(text: &str) -> Result<Self, ParseError> {
        let query = Query::new(text)?;
        let ready = (!prepare::depends_on_query_time(query.expr()))
            .then(|| evaluator::prepared(&query, When::Instant(0)).ok())
            .flatten();
        Ok(Self {
            query,
            ready,
            bound: Mutex::default(),
            bytes: AtomicUsize::new(0),
            used: AtomicU64::new(0),
        })
    }

    /// The query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Evaluates the query, and remembers what it finds out about the source's series.
    ///
    /// # Errors
    /// As [`Query::evaluate`].
    pub fn evaluate(
        &self,
        source: &dyn SeriesSource,
        when: When,
        options: &Options,
        stop: Stop<'_>,
    ) -> Result<Outcome, EvalError> {
        stop.check()?;
        let bound = self.bound(source.generation());
        let outcome = match &self.ready {
            Some(expr) => evaluator::run(expr, Some(&bound), source, when, options, stop),
            None => {
                let expr = evaluator::prepared(&self.query, when)?;
                evaluator::run(&expr, Some(&bound), source, when, options, stop)
            }
        };
        self.bytes.store(bound.bytes(), Ordering::Relaxed);
        outcome
    }

    /// What is bound at a generation. Whoever still evaluates an older view keeps its own.
    fn bound(&self, generation: u64) -> Arc<Bound> {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        match &*bound {
            Some(bound) if bound.generation == generation => Arc::clone(bound),
            _ => {
                let fresh = Arc::new(Bound::new(self.query.expr(), generation));
                *bound = Some(Arc::clone(&fresh));
                fresh
            }
        }
    }

    fn forget(&self) {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.bytes.store(0, Ordering::Relaxed);
    }
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most plans.
    pub plans: usize,
    /// Most bytes that all plans know of series, approximately.
    pub bytes: usize,
}

impl Default for Limits {
    /// 4,096 plans and 64 MiB.
    fn default() -> Self {
        Self { plans: 4096, bytes: 64 << 20 }
    }
}

/// Plans by the text of their query. What has not been used for longest goes first.
#[derive(Debug)]
pub struct Plans {
    limits: Limits,
    plans: Mutex<HashMap<Box<str>, Arc<Plan>>>,
    uses: AtomicU64,
}

impl Default for Plans {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Plans {
    /// No plans yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, plans: Mutex::default(), uses: AtomicU64::new(0) }
    }

    /// The plan of a query, made if it is not there.
    ///
    /// # Errors
    /// When the text is not PromQL; that is not kept.
    pub fn plan(&self, text: &str) -> Result<Arc<Plan>, ParseError> {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        if let Some(plan) = self.lock().get(text) {
            plan.used.store(now, Ordering::Relaxed);
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(Plan::new(text)?);
        plan.used.store(now, Ordering::Relaxed);
        if text.len() <= MAX_TEXT && self.limits.plans > 0 {
            let mut plans = self.lock();
            if plans.len() >= self.limits.plans {
                let oldest = plans.iter().min_by_key(|(_, plan)| plan.used.load(Ordering::Relaxed));
                if let Some(text) = oldest.map(|(text, _)| text.clone()) {
                    plans.remove(&text);
                }
            }
            plans.insert(text.into(), Arc::clone(&plan));
        }
        Ok(plan)
    }

    /// Evaluates a query by its plan.
    ///
    /// # Errors
    /// As [`Query::new`] and [`Query::evaluate`].
    pub fn evaluate(
        &self,
        text: &str,
        source: &dyn SeriesSource,
        when: When,
        options: &Options,
        stop: Stop<'_>,
    ) -> Result<Outcome, EvalError> {
        let plan = self.plan(text)?;
        let before = plan.bytes.load(Ordering::Relaxed);
        let outcome = plan.evaluate(source, when, options, stop);
        if plan.bytes.load(Ordering::Relaxed) > before {
            self.forget_beyond(&plan);
        }
        outcome
    }

    /// How many plans there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the plans know of series, approximately.
    pub fn bytes(&self) -> usize {
        self.lock().values().map(|plan| plan.bytes.load(Ordering::Relaxed)).sum()
    }

    /// Lets the plans that were not used for longest forget what they know, until the rest is within bounds. `last`, just
    /// used, forgets when it is too large by itself.
    fn forget_beyond(&self, last: &Arc<Plan>) {
        let plans = self.lock();
        let mut bytes: usize = plans.values().map(|plan| plan.bytes.load(Ordering::Relaxed)).sum();
        if bytes <= self.limits.bytes {
            return;
        }
        let mut by_use: Vec<&Arc<Plan>> = plans.values().filter(|plan| !Arc::ptr_eq(plan, last)).collect();
        by_use.sort_by_key(|plan| plan.used.load(Ordering::Relaxed));
        for plan in by_use.into_iter().chain([last]) {
            if bytes <= self.limits.bytes {
                break;
            }
            bytes -= plan.bytes.load(Ordering::Relaxed).min(bytes);
            plan.forget();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Plan>>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
