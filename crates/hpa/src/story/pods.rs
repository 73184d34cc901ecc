//! Which pods there are: the list as a whole (`pods: 3 ready, 1 pending`) and single ones (`pod web-3: unready`).
//!
//! Not a workload: nothing starts or ends here by itself.
//!
//! **Invariant:** names are unique, the order is that of the lines; whatever makes a pod counts against
//! [`LIMITS`](super::LIMITS).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use plimsoll_model::selector::{Operator, Selector};

use super::lines::Line;
use super::pod::{Parts, State, cost, parts, state};
use super::words::{Read, Word, Words, error, integer};
use super::{LIMITS, Place};
use crate::inputs::{Labels, Pod};
use crate::time::Time;

/// What is left of [`LIMITS`](super::LIMITS).
#[derive(Debug)]
pub(super) struct Budget {
    parts: usize,
    values: usize,
}

/// The pods of the story at one point of it.
#[derive(Debug, Default)]
pub(super) struct Pods {
    list: Vec<Pod>,
    index: HashMap<Arc<str>, usize>,
    /// What new pods are made of.
    template: Parts,
    /// What new pods are labelled with.
    labels: Labels,
    /// Pods told one by one since the last turn.
    told: HashSet<Arc<str>>,
    /// Whether the list differs from that of the turn before.
    pub changed: bool,
}

impl Budget {
    pub(super) const fn whole() -> Self {
        Self { parts: LIMITS.pod_parts, values: LIMITS.values }
    }

    pub(super) fn parts(&mut self, number: usize, place: Place) -> Read<()> {
        match self.parts.checked_sub(number) {
            Some(left) => self.parts = left,
            None => {
                let text = format!(
                    "the story tells of too many pods: lines may make {} pods and parts of pods in all",
                    LIMITS.pod_parts
                );
                return error(place, text);
            }
        }
        Ok(())
    }

    pub(super) fn values(&mut self, number: usize, place: Place) -> Read<()> {
        match self.values.checked_sub(number) {
            Some(left) => self.values = left,
            None => {
                let text =
                    format!("the story has more than {} values of pods, over all turns", LIMITS.values);
                return error(place, text);
            }
        }
        Ok(())
    }
}

impl Pods {
    pub(super) fn list(&self) -> &[Pod] {
        &self.list
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|pod| pod.name.as_ref())
    }

    /// A turn has been told.
    pub(super) fn turn_ends(&mut self) {
        self.told.clear();
        self.changed = false;
    }

    /// New pods carry the labels that this selector asks for with `=`.
    pub(super) fn label_for(&mut self, selector: Option<&Selector>) {
        self.labels = labels_for(selector);
    }

    /// `template`: what later pods are made of.
    pub(super) fn template(&mut self, line: &Line<'_>) -> Read<()> {
        if line.under.is_empty() {
            let text = "indent what new pods are made of under it, such as 'container app requests cpu 100m'";
            return error(line.words.place(), text);
        }
        self.template = parts(line)?;
        Ok(())
    }

    /// `pods: GROUP, GROUP`: the whole list anew, named after the target.
    pub(super) fn anew(
        &mut self,
        mut words: Words<'_>,
        target: &str,
        now: Time,
        budget: &mut Budget,
    ) -> Read<()> {
        let place = words.place();
        if !self.told.is_empty() {
            return error(place, "this line makes the list anew: write it before the lines on single pods");
        }
        words.expect(":")?;
        self.list.clear();
        self.index.clear();
        self.changed = true;
        if words.accept("none") {
            return words.end();
        }
        loop {
            let place = words.place();
            let count = words.integer("a number of pods", 1, LIMITS.pods as i64)? as usize;
            let state = state(&mut words, now)?;
            self.room_for(count, place)?;
            for _ in 0..count {
                let name = Arc::from(format!("{target}-{}", self.list.len() + 1));
                self.add(name, &state, budget, place)?;
            }
            if !words.accept(",") {
                return words.end();
            }
        }
    }

    /// `pod NAME [to NAME]: STATE`, with containers indented under it where they differ from the template.
    pub(super) fn single(
        &mut self,
        line: &Line<'_>,
        mut words: Words<'_>,
        now: Time,
        budget: &mut Budget,
    ) -> Read<()> {
        let place = words.place();
        let names = names(&mut words)?;
        words.expect(":")?;
        let state = state(&mut words, now)?;
        words.end()?;
        let own = if line.under.is_empty() { None } else { Some(parts(line)?) };
        self.changed = true;
        for name in names {
            if !self.told.insert(Arc::clone(&name)) {
                return error(place, format!("the pod {name} has been told in this turn"));
            }
            let at = match self.index.get(&name) {
                Some(at) => {
                    let at = *at;
                    state.put(&mut self.list[at]);
                    budget.parts(cost(&self.list[at]), place)?;
                    at
                }
                None => {
                    self.room_for(1, place)?;
                    self.add(name, &state, budget, place)?;
                    self.list.len() - 1
                }
            };
            if let Some(own) = &own {
                own.put(&mut self.list[at]);
                budget.parts(cost(&self.list[at]), place)?;
            }
        }
        Ok(())
    }

    /// `no pod NAME [to NAME]`.
    pub(super) fn gone(&mut self, mut words: Words<'_>, budget: &mut Budget) -> Read<()> {
        let place = words.place();
        let gone: HashSet<Arc<str>> = names(&mut words)?.into_iter().collect();
        words.end()?;
        budget.parts(self.list.len(), place)?;
        for name in &gone {
            if !self.has(name) {
                return error(place, format!("there is no pod {name} to go"));
            }
            if !self.told.insert(Arc::clone(name)) {
                return error(place, format!("the pod {name} has been told in this turn"));
            }
        }
        self.changed = true;
        self.list.retain(|pod| !gone.contains(&pod.name));
        self.index = self.list.iter().enumerate().map(|(at, pod)| (Arc::clone(&pod.name), at)).collect();
        Ok(())
    }

    fn room_for(&self, more: usize, place: Place) -> Read<()> {
        if self.list.len() + more > LIMITS.pods {
            return error(place, format!("a story has at most {} pods at a time", LIMITS.pods));
        }
        Ok(())
    }

    fn add(&mut self, name: Arc<str>, state: &State, budget: &mut Budget, place: Place) -> Read<()> {
        let mut pod = Pod::named(Arc::clone(&name));
        pod.labels.clone_from(&self.labels);
        self.template.put(&mut pod);
        state.put(&mut pod);
        budget.parts(cost(&pod), place)?;
        self.index.insert(name, self.list.len());
        self.list.push(pod);
        Ok(())
    }
}

/// `web-3`, or all of `web-3 to web-7`.
pub(super) fn names(words: &mut Words<'_>) -> Read<Vec<Arc<str>>> {
    let (first, place) = words.name("the name of a pod")?;
    if !words.accept("to") {
        return Ok(vec![first.into()]);
    }
    let last = words.word("the name of the last pod")?;
    let digits = |name: &str| name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (prefix, from) = first.split_at(first.len() - digits(&first));
    let (same, to) = last.text.split_at(last.text.len() - digits(last.text));
    if prefix != same || from.is_empty() || to.is_empty() {
        let text = format!("a range goes from one number to another, such as {first}-1 to {first}-5");
        return error(place, text);
    }
    let number = |text| integer(Word { text, place }, "the number of a pod", 0, i64::from(u32::MAX));
    let (from_number, to_number) = (number(from)?, number(to)?);
    if to_number < from_number || to_number - from_number >= LIMITS.pods as i64 {
        return error(place, format!("a range grows, and has at most {} pods", LIMITS.pods));
    }
    let width = if from.starts_with('0') { from.len() } else { 0 };
    Ok((from_number..=to_number).map(|number| Arc::from(format!("{prefix}{number:0width$}"))).collect())
}

/// The labels that a selector asks for with `=`.
pub(super) fn labels_for(selector: Option<&Selector>) -> Labels {
    let requirements = selector.into_iter().flat_map(|selector| &selector.requirements);
    let labels =
        requirements.filter_map(|requirement| match (requirement.operator, requirement.values.as_slice()) {
            (Operator::Equals | Operator::DoubleEquals, [value]) => {
                Some((requirement.key.clone(), value.clone()))
            }
            _ => None,
        });
    labels.collect()
}
