//! What a comparison supplies or leaves out because a recording does not have it.
//!
//! Not a way to pass: each is named here with its reason, and counted, so that nobody has to trust it unseen.
//!
//! **Invariant:** sequences need none of them; a line that is not touched is compared in every asserted field.

use std::fmt;

/// Something that a recording does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leniency {
    /// The text on rival HPAs, whose order is random, is left out (`maskMessage`).
    RivalText,
    /// The name of the pod without a request, the informer's first, is left out (`maskPodName`).
    PodName,
    /// The other HPA of upstream's test is not recorded: it is given the same selector (and a pod to share, if no pod is
    /// recorded), which is what the expected event needs. The event and the condition are still compared.
    Rival,
    /// A turn of 1.35 and older at zero was recorded by a controller of 1.36 rules, which asks no metrics API:
    /// values (and a pod, where the metric needs one) that make the expected size are supplied. That the turn goes on
    /// to metrics at all, and what follows from the size, is still compared.
    ValuesAtZero,
    /// Labels of pods are not recorded, as the pods are those that the selector gave: they get the labels it asks for.
    Labels,
    /// The recording's clock went on during the turn: an instant of up to half a second later is the turn's own.
    Lateness,
    /// The first recommendation, 1 ms before the turn in this crate (and in sequences), was recorded at its instant.
    FirstRecommendation,
    /// Why the scale could not be read is recorded only in the event that tells it.
    ScaleError,
}

impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RivalText => "maskMessage: the text on rival HPAs is not compared",
            Self::PodName => "maskPodName: the pod's name in the text is not compared",
            Self::Rival => "the rival HPA is not recorded; supplied from the expected event",
            Self::ValuesAtZero => "values at zero pods are not recorded; supplied from the expected size",
            Self::Labels => "labels of pods are not recorded; supplied from the selector",
            Self::Lateness => "instants a few milliseconds after the turn; taken for the turn's",
            Self::FirstRecommendation => {
                "the first recommendation is 1 ms before the turn, recorded at its instant"
            }
            Self::ScaleError => "why the scale could not be read is not recorded; taken from the event",
        })
    }
}
