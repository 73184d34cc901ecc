//! The `hpa` block: size, target, metrics and behaviour; and edits of it.
//!
//! Not validated beyond what can be written: the API server's rules are its own.
//!
//! **Invariant:** what an edit does not mention stays.

use plimsoll_model::quantity::Quantity;

use super::LIMITS;
use super::advice::{nearest, unknown};
use super::lines::Line;
use super::metric::{KINDS, metric, object, percent};
use super::words::{Read, Words, error, quantity};
use crate::spec::{Behavior, CrossVersionObjectReference, HpaSpec, ScalingPolicy, ScalingRules};

/// `NAME [in NAMESPACE]: [MIN to MAX | up to MAX] replicas of [APIVERSION] KIND/NAME`, and the lines under it.
#[derive(Debug)]
pub(super) struct Header {
    pub namespace: String,
    pub name: String,
    pub generation: Option<i64>,
}

/// Reads the first line of the `hpa` block after its keyword, and its spec.
pub(super) fn block(line: &Line<'_>, mut words: Words<'_>) -> Read<(Header, HpaSpec)> {
    let (name, _) = words.name("the name of the HPA")?;
    let namespace = if words.accept("in") { words.name("a namespace")?.0 } else { "default".to_owned() };
    words.expect(":")?;
    let mut spec = HpaSpec::default();
    size(&mut words, &mut spec)?;
    words.expect("of")?;
    spec.scale_target_ref = target(&mut words)?;
    words.end()?;
    let generation = under(line, &mut spec)?;
    if spec.metrics.is_empty() {
        return error(
            line.words.place(),
            "the HPA has no metric: indent one under it, such as 'resource cpu utilization 80%'",
        );
    }
    Ok((Header { namespace, name, generation }, spec))
}

/// Reads `hpa edited: …`: what it does not mention stays. Gives the generation if it is said.
pub(super) fn edited(line: &Line<'_>, mut words: Words<'_>, spec: &mut HpaSpec) -> Read<Option<i64>> {
    let sized = words.accept(":");
    if sized {
        size(&mut words, spec)?;
        if words.accept("of") {
            spec.scale_target_ref = target(&mut words)?;
        }
    }
    words.end()?;
    if !sized && line.under.is_empty() {
        let text =
            "say what is edited: 'hpa edited: 3 to 8 replicas', or indent metrics or behaviour under it";
        return error(line.words.place(), text);
    }
    under(line, spec)
}

fn size(words: &mut Words<'_>, spec: &mut HpaSpec) -> Read<()> {
    if words.accept("up") {
        words.expect("to")?;
        spec.min_replicas = None;
    } else {
        spec.min_replicas = Some(words.replicas()?);
        words.expect("to")?;
    }
    spec.max_replicas = words.replicas()?;
    words.expect("replicas")
}

/// The object that is scaled.
fn target(words: &mut Words<'_>) -> Read<CrossVersionObjectReference> {
    let place = words.place();
    let (mut target, versioned) = object(words)?;
    if !versioned {
        target.api_version = match target.kind.as_str() {
            "Deployment" | "StatefulSet" | "ReplicaSet" => "apps/v1".to_owned(),
            "ReplicationController" => "v1".to_owned(),
            kind => {
                let near =
                    nearest(kind, ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"]);
                let hint = near.map_or_else(
                    || {
                        format!(
                            "write its apiVersion before it, such as example.com/v1 {kind}/{}",
                            target.name
                        )
                    },
                    |near| format!("did you mean {near}/{}?", target.name),
                );
                return error(place, format!("'{kind}' is no kind of Kubernetes' own: {hint}"));
            }
        };
    }
    Ok(target)
}

/// The lines under an HPA. Metrics replace those of the spec, each direction of the behaviour the spec's.
fn under(line: &Line<'_>, spec: &mut HpaSpec) -> Read<Option<i64>> {
    let mut metrics = Vec::new();
    let (mut up, mut down, mut none, mut generation) = (None, None, None, None);
    for line in &line.under {
        line.alone()?;
        let mut words = line.words.clone();
        let word = words.word("a metric or 'scale up:'")?;
        let twice = |said: bool| if said { error(word.place, "this is said twice") } else { Ok(()) };
        match word.text {
            "scale" => {
                let growing = words.choose("up or down", &["up", "down"])? == 0;
                words.expect(":")?;
                let direction = if growing { &mut up } else { &mut down };
                twice(direction.is_some())?;
                *direction = Some(rules(&mut words)?);
            }
            "no" => {
                words.expect("behavior")?;
                twice(none.is_some())?;
                none = Some(word.place);
            }
            "generation" => {
                twice(generation.is_some())?;
                generation = Some(words.integer("a generation", 0, i64::MAX)?);
            }
            kind if KINDS.contains(&kind) => {
                if metrics.len() == LIMITS.entries {
                    return error(word.place, format!("an HPA has at most {} metrics here", LIMITS.entries));
                }
                metrics.push(metric(&mut line.words.clone(), &mut words)?);
            }
            "behavior" => {
                return error(
                    word.place,
                    "leave 'behavior' away: 'scale up:' and 'scale down:' are its lines",
                );
            }
            resource @ ("cpu" | "memory") => {
                let text = format!("say what kind of metric it is: 'resource {resource}'");
                return error(word.place, text);
            }
            other => {
                let known = ["resource", "pods", "object", "external", "scale", "no", "generation"];
                return error(word.place, unknown(other, "a metric, 'scale up:' or 'scale down:'", &known));
            }
        }
        words.end()?;
    }
    if let (Some(place), true) = (none, up.is_some() || down.is_some()) {
        return error(place, "either there is no behavior, or 'scale up:' and 'scale down:' say which");
    }
    if none.is_some() {
        spec.behavior = None;
    }
    if up.is_some() || down.is_some() {
        let behavior = spec.behavior.get_or_insert_with(Behavior::default);
        behavior.scale_up = up.or(behavior.scale_up.take());
        behavior.scale_down = down.or(behavior.scale_down.take());
    }
    if !metrics.is_empty() {
        spec.metrics = metrics;
    }
    Ok(generation)
}

/// The rules of one direction, after its colon.
fn rules(words: &mut Words<'_>) -> Read<ScalingRules> {
    let mut rules = ScalingRules::default();
    if words.accept("defaults") {
        return Ok(rules);
    }
    loop {
        let place = words.place();
        let said = match words.peek() {
            "window" => {
                words.expect("window")?;
                rules.stabilization_window_seconds.replace(words.seconds("a window")?).is_some()
            }
            "select" => {
                words.expect("select")?;
                let policies = ["Max", "Min", "Disabled"];
                let at = words.choose("Max, Min or Disabled", &policies)?;
                rules.select_policy.replace(policies[at].to_owned()).is_some()
            }
            "tolerance" => {
                words.expect("tolerance")?;
                rules.tolerance.replace(tolerance(words)?).is_some()
            }
            number if number.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                let policies = rules.policies.get_or_insert_default();
                if policies.len() == LIMITS.entries {
                    return error(place, format!("a direction has at most {} policies here", LIMITS.entries));
                }
                policies.push(policy(words)?);
                false
            }
            other => {
                let due = "a window, a policy such as '4 pods per 15s' or '10% per 1m', select, tolerance or defaults";
                let known = ["window", "select", "tolerance", "defaults"];
                let hint =
                    nearest(other, known).map_or_else(String::new, |near| format!(": did you mean {near}?"));
                return error(place, format!("{due} is due here, not '{other}'{hint}"));
            }
        };
        if said {
            return error(place, "this is said twice");
        }
        if !words.accept(",") {
            return Ok(rules);
        }
    }
}

fn policy(words: &mut Words<'_>) -> Read<ScalingPolicy> {
    let (kind, value) = if words.peek().ends_with('%') {
        ("Percent", percent(words)?)
    } else {
        let value = words.replicas()?;
        words.expect(if value == 1 { "pod" } else { "pods" })?;
        ("Pods", value)
    };
    words.expect("per")?;
    Ok(ScalingPolicy { kind: kind.to_owned(), value, period_seconds: words.seconds("a period")? })
}

/// `5%` or `0.05`: one way is enough, that of the API.
fn tolerance(words: &mut Words<'_>) -> Read<Quantity> {
    let word = words.word("a tolerance such as 0.05")?;
    if word.text.ends_with('%') {
        return error(
            word.place,
            format!("write the tolerance as the API does, 0.05 for 5%, not '{}'", word.text),
        );
    }
    quantity(word, "a tolerance")
}
