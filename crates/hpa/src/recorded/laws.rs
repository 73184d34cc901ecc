//! What holds for every turn, and a check of it on bytes that a fuzzer makes.
//!
//! Not a comparison with the real controller.
//!
//! **Invariant:** a law is one that upstream's controller keeps too; where it overflows, none is claimed.

use super::generate::{self, Draw};
use super::sequence;
use crate::columns::columns;
use crate::derivation::Route;
use crate::describe::facts;
use crate::profile::Profile;
use crate::scenario::Played;

/// The law that a turn breaks, if any.
pub fn broken(profile: &Profile, played: &Played) -> Option<String> {
    let Played { hpa, scale, decision, .. } = played;
    if decision.to_string().is_empty() {
        return Some("a decision has no text".to_owned());
    }
    if serde_json::to_string(decision).is_err() {
        return Some("a decision has no JSON".to_owned());
    }
    let (spec, current) = (&hpa.spec, scale.spec_replicas);
    if columns(profile, hpa).reference.is_empty() || facts(hpa).metrics.len() != spec.metrics.len() {
        return Some("the columns or the facts of an HPA are incomplete".to_owned());
    }
    let desired = decision.rescale.as_ref().map_or(decision.derivation.desired, |rescale| rescale.to);
    if decision.status_changed != (decision.status != hpa.status) {
        return Some("a status is written though nothing changed, or not written though it did".to_owned());
    }
    let Some(rescale) = &decision.rescale else { return None };
    // Without behavior, doubling beyond int32 overflows upstream too; from a negative size nothing holds.
    if !(0..=i32::MAX / 2).contains(&current) {
        return None;
    }
    let (min, max) = (spec.min(), spec.max_replicas);
    if desired > max && max >= min {
        return Some(format!("{desired} is more than the maximum {max}"));
    }
    // From zero, min is not applied when the rate limit says less.
    let from_zero = current == 0 && decision.derivation.route == Route::Metrics;
    if desired < min && !from_zero {
        return Some(format!("{desired} is less than the minimum {min}"));
    }
    if rescale.to == current {
        return Some(format!("{current} is written again"));
    }
    None
}

/// Turns bytes into a sequence of turns of any version, decides them twice and checks the laws. For a fuzz target.
///
/// # Panics
/// When the decision is not the same twice, breaks a law or panics; the text starts with what was decided.
pub fn check(bytes: &[u8]) {
    let mut draw = Draw::of_bytes(bytes);
    let minor = Profile::NEWEST - draw.below(u64::from(Profile::NEWEST - Profile::OLDEST) + 1) as u32;
    let sequence = generate::sequence(&mut draw, "bytes", minor);
    let scenario = match sequence::scenario(&sequence) {
        Ok(scenario) => scenario,
        Err(error) => panic!("{sequence}\nis no sequence: {error}"),
    };
    for (played, again) in scenario.play().zip(scenario.play()) {
        if let Some(law) = broken(&scenario.profile, &played) {
            panic!("{sequence}\n{}\n{law}", played.decision);
        }
        // As text, because a ratio may be no number.
        assert_eq!(
            format!("{played:?}"),
            format!("{again:?}"),
            "{sequence}\ndecides differently the second time"
        );
    }
}
