//! What the controller remembers about one HPA between turns, in memory only.
//!
//! Not the object's status, which survives a restart.
//!
//! **Invariant:** lists keep upstream's order: slots are reused from the back, never sorted.

use plimsoll_model::selector::Selector;
use serde::Serialize;

use crate::time::Time;

/// What metrics asked for at an instant, before any limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Recommendation {
    /// The size.
    pub replicas: i32,
    /// When.
    pub time: Time,
}

/// A rescale that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ScaleEvent {
    /// By how many pods, never negative but for overflow.
    pub change: i32,
    /// When.
    pub time: Time,
    /// Older than the longest policy period when that was last looked at; the slot may be reused.
    pub outdated: bool,
}

/// The controller's memory of one HPA.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Past recommendations; `None` until the first turn that could read the scale.
    pub recommendations: Option<Vec<Recommendation>>,
    /// Rescales that added pods, kept only while `behavior` is set.
    pub scale_ups: Vec<ScaleEvent>,
    /// Rescales that removed pods.
    pub scale_downs: Vec<ScaleEvent>,
    /// The selector of the last turn that computed metrics, with its text; `None` matches nothing.
    pub selector: Option<(String, Selector)>,
}
