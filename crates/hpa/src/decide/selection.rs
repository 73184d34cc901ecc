//! Which pods count: those that the scale's selector gives, unless another HPA selects one of them too.
//!
//! Not ownership: upstream's controller never asks whose a pod is.
//!
//! **Invariant:** pods keep the caller's order, and where the selector gives all of them no list is made.

use plimsoll_model::selector::Selector;

use super::Plan;
use crate::inputs::{Pod, Scale};
use crate::label_selector::in_words_of;
use crate::status::{ConditionStatus, Event};

/// The pods that the selector gives.
#[derive(Clone, Copy)]
pub(crate) enum Selected<'a> {
    All(&'a [Pod]),
    Some(&'a [&'a Pod]),
}

impl<'a> Selected<'a> {
    fn get(self, at: usize) -> &'a Pod {
        match self {
            Self::All(pods) => &pods[at],
            Self::Some(pods) => pods[at],
        }
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Self::All(pods) => pods.len(),
            Self::Some(pods) => pods.len(),
        }
    }

    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = &'a Pod> {
        (0..self.len()).map(move |at| self.get(at))
    }
}

impl<'a> Plan<'a> {
    /// The pods that the scale's selector gives; `None`: all of them.
    pub(super) fn select(&mut self, scale: &Scale) -> Result<Option<Vec<&'a Pod>>, String> {
        if scale.selector.is_empty() {
            self.events.push(Event::warning("SelectorRequired", "selector is required"));
            let message = "the HPA target's scale is missing a selector";
            self.status.set(self.now, "ScalingActive", ConditionStatus::False, "InvalidSelector", message);
            return Err("selector is required".to_owned());
        }
        let known = self.state.selector.as_ref().is_some_and(|(text, _)| *text == scale.selector);
        if !known {
            match Selector::parse(&scale.selector) {
                Ok(selector) => self.state.selector = Some((scale.selector.clone(), selector)),
                Err(error) => {
                    let error = in_words_of(self.profile, &error);
                    let error = format!(
                        "couldn't convert selector into a corresponding internal selector object: {error}"
                    );
                    self.events.push(Event::warning("InvalidSelector", error.clone()));
                    self.status.set(
                        self.now,
                        "ScalingActive",
                        ConditionStatus::False,
                        "InvalidSelector",
                        error.clone(),
                    );
                    return Err(error);
                }
            }
        }
        let Some((_, selector)) = &self.state.selector else { return Ok(None) };
        let pods = self.inputs.pods;
        Ok(match pods.iter().position(|pod| !matches(selector, pod)) {
            None => None,
            Some(first) => {
                let rest = pods[first..].iter().filter(|pod| matches(selector, pod));
                Some(pods[..first].iter().chain(rest).collect())
            }
        })
    }

    /// Other HPAs that select one of the same pods.
    pub(super) fn check_rivals(&mut self, scale: &Scale, selected: Selected<'_>) -> Result<(), String> {
        let hpa = self.inputs.hpa;
        let rivals = self.inputs.others.iter().filter(|other| {
            other.selector.as_ref().is_some_and(|selector| selected.iter().any(|pod| matches(selector, pod)))
        });
        let most = if self.profile.names_two_rivals() { 1 } else { usize::MAX };
        let mut names: Vec<&str> = rivals.take(most).map(|rival| rival.name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        names.push(&hpa.name);
        // Upstream's order is random.
        names.sort_unstable();
        let keys: Vec<_> = names.iter().map(|name| format!("{}/{name}", hpa.namespace)).collect();
        let (selector, keys) = (&scale.selector, keys.join(" "));
        let error = if self.profile.speaks_of_more_than_one_rival() {
            format!("pods by selector {selector} are controlled by more than one HPA (e.g. [{keys}])")
        } else {
            format!("pods by selector {selector} are controlled by multiple HPAs: [{keys}]")
        };
        self.events.push(Event::warning("AmbiguousSelector", error.clone()));
        self.status.set(
            self.now,
            "ScalingActive",
            ConditionStatus::False,
            "AmbiguousSelector",
            error.clone(),
        );
        Err(error)
    }
}

fn matches(selector: &Selector, pod: &Pod) -> bool {
    selector.matches(|key| pod.labels.get(key).map(String::as_str))
}
