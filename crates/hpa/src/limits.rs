//! What may change a proposal: stabilisation windows, rate limits, `minReplicas` and `maxReplicas` (`horizontal.go`).
//!
//! Not one algorithm: without `behavior` older rules apply, which are different in kind.
//!
//! **Invariant:** with `behavior`, a size that equals the current one is not limited again, not even by min and max.

use crate::derivation::{LimitStep, PolicyUse};
use crate::per_pod::to_i32;
use crate::profile::Settings;
use crate::spec::{Behavior, ScalingPolicy, ScalingRules};
use crate::state::{Recommendation, ScaleEvent};
use crate::time::{Span, Time};

/// Why, or that nothing, limited the size: reason and message of `ScalingLimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// One word.
    pub reason: &'static str,
    /// One sentence.
    pub message: &'static str,
}

const WITHIN: Limit =
    Limit { reason: "DesiredWithinRange", message: "the desired count is within the acceptable range" };
const TOO_FEW: Limit = Limit {
    reason: "TooFewReplicas",
    message: "the desired replica count is less than the minimum replica count",
};
const TOO_MANY: Limit = Limit {
    reason: "TooManyReplicas",
    message: "the desired replica count is more than the maximum replica count",
};
const UP: Limit = Limit {
    reason: "ScaleUpLimit",
    message: "the desired replica count is increasing faster than the maximum scale rate",
};
const DOWN: Limit = Limit {
    reason: "ScaleDownLimit",
    message: "the desired replica count is decreasing faster than the maximum scale rate",
};

/// The sizes between which a decision moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// `scale.spec.replicas`.
    pub current: i32,
    /// `minReplicas`.
    pub min: i32,
    /// `maxReplicas`.
    pub max: i32,
}

/// Rules of one direction with every default filled in, as API defaulting does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules<'a> {
    /// Length of the stabilisation window.
    pub window: Span,
    /// Which policy counts.
    pub select: Select,
    /// The policies.
    pub policies: &'a [ScalingPolicy],
}

/// Which of several policies counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select {
    /// The one that allows most.
    Max,
    /// The one that allows least.
    Min,
    /// None: the direction is closed.
    Disabled,
}

/// Default policies, which API defaulting fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultPolicies {
    up: [ScalingPolicy; 2],
    down: [ScalingPolicy; 1],
}

impl Default for DefaultPolicies {
    fn default() -> Self {
        let policy = |kind: &str, value| ScalingPolicy { kind: kind.to_owned(), value, period_seconds: 15 };
        Self { up: [policy("Pods", 4), policy("Percent", 100)], down: [policy("Percent", 100)] }
    }
}

impl<'a> Rules<'a> {
    fn new(rules: Option<&'a ScalingRules>, window: Span, policies: &'a [ScalingPolicy]) -> Self {
        let select = match rules.and_then(|rules| rules.select_policy.as_deref()) {
            Some("Disabled") => Select::Disabled,
            Some("Min") => Select::Min,
            _ => Select::Max,
        };
        let window = rules
            .and_then(|rules| rules.stabilization_window_seconds)
            .map_or(window, |seconds| Span::seconds(i64::from(seconds)));
        let policies = rules.and_then(|rules| rules.policies.as_deref()).unwrap_or(policies);
        Self { window, select, policies }
    }

    /// The rules for growing.
    pub fn up(behavior: &'a Behavior, defaults: &'a DefaultPolicies) -> Self {
        Self::new(behavior.scale_up.as_ref(), Span(0), &defaults.up)
    }

    /// The rules for shrinking; the controller's flag (whole seconds of it) is the default window.
    pub fn down(behavior: &'a Behavior, defaults: &'a DefaultPolicies, settings: &Settings) -> Self {
        let window = Span::seconds(i64::from(settings.downscale_stabilization.as_seconds() as i32));
        Self::new(behavior.scale_down.as_ref(), window, &defaults.down)
    }

    /// The rules of one direction, with a default window of 0.
    pub(crate) fn of(behavior: &'a Behavior, defaults: &'a DefaultPolicies, growing: bool) -> Self {
        if growing {
            Self::new(behavior.scale_up.as_ref(), Span(0), &defaults.up)
        } else {
            Self::new(behavior.scale_down.as_ref(), Span(0), &defaults.down)
        }
    }

    fn longest_period(&self) -> i32 {
        self.policies.iter().map(|policy| policy.period_seconds).max().unwrap_or(0).max(0)
    }
}

/// Stores a recommendation in the last old slot, or behind all others.
fn remember(recommendations: &mut Vec<Recommendation>, old: Option<usize>, replicas: i32, time: Time) {
    let recommendation = Recommendation { replicas, time };
    match old {
        Some(at) => recommendations[at] = recommendation,
        None => recommendations.push(recommendation),
    }
}

/// Without `behavior`: the highest recommendation of the window (`stabilizeRecommendation`). Stores the proposal.
pub fn stabilize(
    now: Time,
    window: Span,
    recommendations: &mut Vec<Recommendation>,
    proposal: i32,
    steps: &mut Vec<LimitStep>,
) -> i32 {
    let cutoff = now - window;
    let (mut highest, mut since, mut old) = (proposal, None, None);
    for (at, recommendation) in recommendations.iter().enumerate() {
        if recommendation.time < cutoff {
            old = Some(at);
        } else if recommendation.replicas > highest {
            highest = recommendation.replicas;
            since = Some(recommendation.time);
        }
    }
    remember(recommendations, old, proposal, now);
    if highest != proposal {
        steps.push(LimitStep::HeldUp { from: proposal, to: highest, window, since });
    }
    highest
}

/// Without `behavior`: at most `max(factor × current, minimum)`, then min and max
/// (`convertDesiredReplicasWithRules`).
pub fn limit(settings: &Settings, bounds: Bounds, desired: i32, steps: &mut Vec<LimitStep>) -> (i32, Limit) {
    let Bounds { current, min, max } = bounds;
    let up =
        to_i32((settings.scale_up_limit_factor * f64::from(current)).max(settings.scale_up_limit_minimum));
    let (ceiling, above) = if max > up { (up, UP) } else { (max, TOO_MANY) };
    if desired < min {
        steps.push(LimitStep::Min { from: desired, to: min });
        (min, TOO_FEW)
    } else if desired > ceiling {
        steps.push(if above == UP {
            LimitStep::DoublingLimit { from: desired, to: ceiling }
        } else {
            LimitStep::Max { from: desired, to: ceiling }
        });
        (ceiling, above)
    } else {
        (desired, WITHIN)
    }
}

/// With `behavior`: the current size moved no further than recommendations of both windows allow
/// (`stabilizeRecommendationWithBehaviors`). Stores the proposal.
pub fn stabilize_with_behavior(
    now: Time,
    windows: (Span, Span),
    recommendations: &mut Vec<Recommendation>,
    current: i32,
    proposal: i32,
    steps: &mut Vec<LimitStep>,
) -> i32 {
    let (up_cutoff, down_cutoff) = (now - windows.0, now - windows.1);
    let (mut lowest, mut highest, mut old) = (proposal, proposal, None);
    let (mut low_since, mut high_since) = (None, None);
    for (at, recommendation) in recommendations.iter().enumerate() {
        if recommendation.time > up_cutoff && recommendation.replicas < lowest {
            lowest = recommendation.replicas;
            low_since = Some(recommendation.time);
        }
        if recommendation.time > down_cutoff && recommendation.replicas > highest {
            highest = recommendation.replicas;
            high_since = Some(recommendation.time);
        }
        if recommendation.time < up_cutoff && recommendation.time < down_cutoff {
            old = Some(at);
        }
    }
    let stabilized = current.max(lowest).min(highest);
    remember(recommendations, old, proposal, now);
    if stabilized < proposal {
        steps.push(LimitStep::HeldDown {
            from: proposal,
            to: stabilized,
            window: windows.0,
            since: low_since,
        });
    } else if stabilized > proposal {
        steps.push(LimitStep::HeldUp {
            from: proposal,
            to: stabilized,
            window: windows.1,
            since: high_since,
        });
    }
    stabilized
}

/// Sum of changes within a period; one that is exactly as old no longer counts.
pub fn changed_within(now: Time, period_seconds: i32, events: &[ScaleEvent]) -> i32 {
    let cutoff = now - Span::seconds(i64::from(period_seconds));
    events.iter().filter(|event| event.time > cutoff).fold(0_i32, |sum, event| sum.wrapping_add(event.change))
}

/// The size that the rules of a direction allow, and the policy that says so.
fn policy_limit(
    now: Time,
    current: i32,
    ups: &[ScaleEvent],
    downs: &[ScaleEvent],
    rules: &Rules<'_>,
    growing: bool,
) -> (i32, Option<PolicyUse>) {
    let largest = match (rules.select, growing) {
        (Select::Disabled, _) => return (current, None),
        (Select::Max, true) | (Select::Min, false) => true,
        (Select::Min, true) | (Select::Max, false) => false,
    };
    let mut limit = if largest { i32::MIN } else { i32::MAX };
    let mut chosen = None;
    // Upstream keeps the last proposal when a policy is of no known type.
    let mut proposed = 0;
    for policy in rules.policies {
        let period = policy.period_seconds;
        let start = current
            .wrapping_sub(changed_within(now, period, ups))
            .wrapping_add(changed_within(now, period, downs));
        let fraction = f64::from(policy.value) / 100.0;
        match (policy.kind.as_str(), growing) {
            ("Pods", true) => proposed = start.wrapping_add(policy.value),
            ("Pods", false) => proposed = start.wrapping_sub(policy.value),
            ("Percent", true) => proposed = to_i32((f64::from(start) * (1.0 + fraction)).ceil()),
            ("Percent", false) => proposed = to_i32(f64::from(start) * (1.0 - fraction)),
            _ => {}
        }
        if chosen.is_none() || (largest && proposed > limit) || (!largest && proposed < limit) {
            limit = proposed;
            chosen = Some(PolicyUse {
                percent: policy.kind == "Percent",
                value: policy.value,
                period_seconds: period,
                start,
                limit: proposed,
                oldest: None,
            });
        }
    }
    (limit, chosen)
}

/// A policy that was used up, with the oldest rescale that it counts.
fn used_up(
    now: Time,
    policy: Option<PolicyUse>,
    ups: &[ScaleEvent],
    downs: &[ScaleEvent],
) -> Option<PolicyUse> {
    let policy = policy?;
    let cutoff = now - Span::seconds(i64::from(policy.period_seconds));
    let counted = ups.iter().chain(downs).map(|event| event.time).filter(|&time| time > cutoff);
    Some(PolicyUse { oldest: counted.min(), ..policy })
}

/// With `behavior`: at most what policies allow, then min or max (`convertDesiredReplicasWithBehaviorRate`).
pub fn limit_with_behavior(
    now: Time,
    bounds: Bounds,
    desired: i32,
    events: (&[ScaleEvent], &[ScaleEvent]),
    rules: (&Rules<'_>, &Rules<'_>),
    steps: &mut Vec<LimitStep>,
) -> (i32, Limit) {
    let Bounds { current, min, max } = bounds;
    let (ups, downs) = events;
    if desired > current {
        let (allowed, policy) = policy_limit(now, current, ups, downs, rules.0, true);
        let allowed = allowed.max(current);
        let (ceiling, above) = if max > allowed { (allowed, UP) } else { (max, TOO_MANY) };
        if desired > ceiling {
            steps.push(if above == UP {
                LimitStep::Policy { from: desired, to: ceiling, policy: used_up(now, policy, ups, downs) }
            } else {
                LimitStep::Max { from: desired, to: ceiling }
            });
            return (ceiling, above);
        }
    } else if desired < current {
        let (allowed, policy) = policy_limit(now, current, ups, downs, rules.1, false);
        let allowed = allowed.min(current);
        let (floor, below) = if min < allowed { (allowed, DOWN) } else { (min, TOO_FEW) };
        if desired < floor {
            steps.push(if below == DOWN {
                LimitStep::Policy { from: desired, to: floor, policy: used_up(now, policy, ups, downs) }
            } else {
                LimitStep::Min { from: desired, to: floor }
            });
            return (floor, below);
        }
    }
    (desired, WITHIN)
}

/// Stores a rescale: marks events older than the longest period outdated and reuses the last such slot
/// (`storeScaleEvent`).
pub fn store_event(now: Time, longest_period_seconds: i32, events: &mut Vec<ScaleEvent>, change: i32) {
    let cutoff = now - Span::seconds(i64::from(longest_period_seconds));
    let mut old = None;
    for (at, event) in events.iter_mut().enumerate() {
        event.outdated |= event.time < cutoff;
        if event.outdated {
            old = Some(at);
        }
    }
    let event = ScaleEvent { change, time: now, outdated: false };
    match old {
        Some(at) => events[at] = event,
        None => events.push(event),
    }
}

/// Stores a rescale from `from` to `to` under these rules.
pub fn store_rescale(
    now: Time,
    rules: (&Rules<'_>, &Rules<'_>),
    events: (&mut Vec<ScaleEvent>, &mut Vec<ScaleEvent>),
    from: i32,
    to: i32,
) {
    if to > from {
        store_event(now, rules.0.longest_period(), events.0, to.wrapping_sub(from));
    } else {
        store_event(now, rules.1.longest_period(), events.1, from.wrapping_sub(to));
    }
}
